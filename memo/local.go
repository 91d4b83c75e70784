package memo

import (
	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here is L2, the process tier: which of its entries may be used, and how one
// gets in. The hit path comes by in do.go, everyone else in load.go.

// usable returns e if it may be served now, else nil. Everything else about an
// entry was decided when it was stored; an invalidation removes it.
func (c *Cache) usable(e *tier.Entry) *tier.Entry {
	if e == nil {
		return nil
	}
	now := c.clock.Now()
	if now >= e.Fresh {
		return nil
	}
	if d := c.domain; d != nil && now > d.horizon.Load() && now-e.Loaded > d.bound.Load() {
		return nil // this process has not heard of other's invalidations for too long
	}
	return e
}

// peek looks for l's key in L2.
func (c *Cache) peek(l *load) *tier.Entry {
	var e *tier.Entry
	if c.lru != nil {
		e = c.lru.Get(l.key)
	} else {
		e = c.cfg.Local.Get(l.key)
	}
	if e = c.usable(e); e == nil || l.parent == nil {
		return e
	}
	if !l.parent.admits(c, e.Stamp, e.Loaded) {
		return nil
	}
	return e
}

// A load inside of a load: the value of the outer one is made from that of the
// inner one, and will be stored for everyone with the outer one's stamp. So the
// inner one must be at least as new as that stamp:
//
//  1. another process invalidates A and B: the counter is n, the record not read here yet
//  2. this process begins to load A, with stamp n
//  3. the loader of A asks for B, and finds the old one in this process's L2
//  4. an A made of the old B is stored for everyone, and no record to come drops it
//
// In 3 this process must have applied the log up to n, or not use its L2.

// need is how new a value must be to be used inside a load.
type need struct {
	seq uint64 // the counter, read after the load had its lease; 0: it has none
	at  int64  // when that was; without a lease, when the load began
}

// admits reports whether an entry of c that was valid at stamp, and whose load
// began at the time loaded, may be used in r's load.
func (r *running) admits(c *Cache, stamp uint64, loaded int64) bool {
	d := c.domain
	if d == nil {
		return true // an only process has applied all of its invalidations
	}
	need := r.needs()
	if loaded > need.at {
		return true
	}
	if c != r.cache || need.seq == 0 {
		return d.covered.Load() > need.at
	}
	return coherence.SameEpoch(stamp, need.seq) && stamp >= need.seq || d.covers(need.seq)
}
