package memo

import "github.com/tiermemo/tiermemo/memo/tier"

// Here is L2, the process tier: which of its entries may be used, and how one
// gets in. The hit path comes by in hit.go, everyone else in load.go.

// usable reports whether e may be served now. Everything else about an entry was
// decided when it was stored; an invalidation of its key removes it.
func (c *Cache) usable(e *tier.Entry) bool {
	return usableAt(e, c.clock.Now())
}

func usableAt(e *tier.Entry, now int64) bool {
	return now < e.Early && sound(e, now) // else it is near its end, or past it: stale.go
}

// peek looks for l's key in L2, and says what time has made of what it finds.
func (l *load) peek() (e *tier.Entry, a age) {
	c := l.cache
	if c.lru != nil {
		e = c.lru.Get(l.key)
	} else {
		e = c.cfg.Local.Get(l.key)
	}
	if e == nil {
		return nil, gone
	}
	now := c.clock.Now()
	if l.exacting && homeOf(e) != l.home { // what l has heard of is about the Node that holds the key now
		return nil, gone
	}
	if a = ageOf(e, now, l.policy.early); a == gone || !sound(e, now) || !l.admits(e.Stamp, e.Loaded) {
		return nil, gone
	}
	return e, a
}
