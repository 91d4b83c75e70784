package memo

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here is L2, the process tier: which of its entries may be used, and how one
// gets in. The hit path comes by in do.go, everyone else in load.go.

// usable returns e if it may be served now, else nil. Everything else about an
// entry was decided when it was stored; an invalidation of its key removes it.
func (c *Cache) usable(e *tier.Entry) *tier.Entry {
	if e == nil {
		return nil
	}
	now := c.clock.Now()
	if now >= e.Early || !c.sound(e, now) { // near its end, or past it: stale.go
		return nil
	}
	return e
}

// sound reports whether e, whatever its age, is hidden by no invalidation.
func (c *Cache) sound(e *tier.Entry, now int64) bool {
	if d := c.domain; d != nil && now > d.horizon.Load() && now-e.Loaded > d.bound.Load() {
		return false // this process has not heard of others' invalidations for too long
	}
	// or a tag of it, or a tree that it stands in, was invalidated
	return atomic.LoadUint64(&e.Checked) == c.fences.turn.Load() || !c.fences.hide(e)
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
	if a = ageOf(e, now, l.policy.early); a == gone || !c.sound(e, now) || !l.admits(e.Stamp, e.Loaded) {
		return nil, gone
	}
	return e, a
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
// In 3 this process must have applied the log up to n. If it has not, say because
// the record of n is not written yet, only values count that were loaded after n:
// what the shared tier has may be about to be deleted.

// need is how new a value must be to be used inside a load.
type need struct {
	seq uint64 // the counter, read after the load had its lease; 0: it has none
	at  int64  // when that was, on its cache's clock; without a lease, when the load began
}

// within prepares l as a part of the load r: it waits until it is known how new
// a value must be, and reads the log if this process is behind that; a few times,
// as a record follows its number by a round trip or two.
func (l *load) within(ctx context.Context, r *running) error {
	l.parent, l.exacting, l.sure = r, true, false
	if err := r.leased(ctx); err != nil {
		return err
	}
	l.need = r.needs()
	l.need.at = l.cache.clock.From(r.cache.clock, l.need.at)
	if r.cache != l.cache {
		l.need.seq = 0 // another cache counts for itself
	}
	if l.sure = l.heard(); l.sure || !l.cache.domain.up.Load() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, l.cache.cfg.ReadTimeout) // as any other read: a poll has more time, and they queue
	defer cancel()
	for wait := leastWait; ; wait *= 2 {
		l.cache.domain.catchUp(limited)
		if l.sure = l.heard(); l.sure || wait > 8*leastWait || sleep(limited, wait/2+rand.N(wait/2)) != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ended.Err(ctx)
	}
	return nil
}

// heard reports whether this process has applied what l needs. It is asked before
// anything is read: who asks afterwards would take what was read before for new.
func (l *load) heard() bool {
	d := l.cache.domain
	switch {
	case d == nil:
		return true // an only process has applied all of its invalidations
	case d.covered.Load() > l.need.at: // also where an epoch has ended meanwhile
		return true
	}
	return d.covers(l.need.seq)
}

// admits reports whether a value may be used for l that was loaded when the
// counter was stamp, or was read from the shared tier at the time loaded.
func (l *load) admits(stamp uint64, loaded int64) bool {
	switch {
	case !l.exacting || l.sure:
		return true
	case l.need.seq == 0:
		return loaded > l.need.at
	}
	return coherence.SameEpoch(stamp, l.need.seq) && stamp >= l.need.seq
}
