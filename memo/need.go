package memo

import (
	"context"
	"math/rand/v2"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/ended"
)

// Before L2 is looked at: how new the answer has to be, where not everything that is
// valid will do. That is so for a read under Fresh, and for a load inside of a load.

// need is how new a value must be: for a part of a load as new as the load, under
// Fresh as the read itself.
type need struct {
	seq uint64 // the counter, read after the load had its lease; 0: it has none, or the read is no part of a load
	at  int64  // when that was, on its cache's clock; without a lease, when the load, or the read, began
}

// hears sees to it that this process has heard of what l has to have heard of.
func (l *load) hears(ctx context.Context, n *node) (err error) {
	if n.load != nil {
		err = l.within(ctx, n.load)
	}
	if err == nil && l.fresh { // which asks for more
		err = l.sync(ctx)
	}
	if l.exacting {
		l.asked = l.home.fences.turn.Load() // of what it has heard of meanwhile, too
	}
	return err
}

// sync sees to it that this process has applied every invalidation that had returned
// when l's caller asked. Where that cannot be found out, say because a record is
// missing, only what is loaded, or read from the shared tier, from now on will do: a
// hole may be a record that the server refused or evicted, and its writer has returned.
func (l *load) sync(ctx context.Context) error {
	l.exacting, l.sure = true, true
	l.need = need{at: l.cache.clock.Exact()}
	d := l.domain
	if d == nil {
		l.sure = l.cache.cfg.Shared == nil // else nothing is kept of it, but what is loaded from now on
		return nil
	}
	if d.reachable() { // else nobody waits for it
		limited, cancel := context.WithTimeout(ctx, l.cache.cfg.ReadTimeout)
		defer cancel()
		d.catchUp(limited)
	}
	if l.sure = d.covered.Load() >= l.need.at; !l.sure && ctx.Err() != nil {
		return ended.Err(ctx)
	}
	return nil
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
//
// Where B is on another Node the two numbers say nothing of each other, and this
// process must have applied B's log as it was after the load of A had its lease.
// If that has a hole, B is loaded: tell.go says what a hole stands for.

// within prepares l as a part of the load r: it waits until it is known how new
// a value must be, and reads the log if this process is behind that; a few times,
// as a record follows its number by a round trip or two.
func (l *load) within(ctx context.Context, r *running) error {
	l.parent, l.exacting, l.apart, l.sure = r, true, false, false
	if err := r.leased(ctx); err != nil {
		return err
	}
	l.need = r.needs()
	l.need.at = l.cache.clock.From(r.cache.clock, l.need.at)
	if r.home != l.home {
		l.need.seq = 0 // each Node counts for itself, and each cache
		l.apart = r.cache == l.cache
	}
	if l.sure = l.heard(); l.sure || l.domain == nil || !l.domain.up.Load() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, l.cache.cfg.ReadTimeout) // as any other read: a poll has more time, and they queue
	defer cancel()
	for wait := leastWait; ; wait *= 2 {
		l.domain.catchUp(limited)
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
	d := l.domain
	switch {
	case d == nil:
		return l.cache.cfg.Shared == nil // an only process has applied all of its invalidations
	case d.covered.Load() > l.need.at: // also where an epoch has ended meanwhile
		return true
	}
	return l.need.seq != 0 && d.covers(l.need.seq)
}

// admits reports whether a value may be used for l that was loaded when the
// counter was stamp, or was read from the shared tier at the time loaded.
func (l *load) admits(stamp uint64, loaded int64) bool {
	switch {
	case !l.exacting || l.sure:
		return true
	case l.apart:
		return false
	case l.need.seq == 0:
		return loaded > l.need.at
	}
	return coherence.SameEpoch(stamp, l.need.seq) && stamp >= l.need.seq
}
