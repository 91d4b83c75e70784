package memo

import (
	"context"
	"strings"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between a miss in L2 and the way down: who asks for a key that somebody loads just now
// has nothing to bring along. Nothing of the call is put on the heap, and its options are
// not added up: of 10,000 who waited for one load each had made three allocations for
// that, 380 B, and in a request each seven, 800 B. Whatever is not plain goes the long way
// (load.go), which asks it all.
//
// A request is not told of it before the load has ended. One of its goroutines that asks
// when this load will not do any more runs fn, which for this request is the first time;
// and both go on with what the request has kept first, see scope.Table.AddSince.

// A boarding is a call that waits for a load that runs.
type boarding struct {
	f     *call  // nil: it goes the long way
	home  *home  // of its key
	asked uint64 // the turn of the fences when it did
	epoch uint64 // of the request's memory, before that; outside of a request 0
}

// boards boards the load of key, if there is one that is as new as the call. One of which
// nobody can tell that at a glance is for the long way, and so is a call that finds
// something in L2: it may be served while the load runs. It keeps nothing of key.
func (n *node) boards(ctx context.Context, key string, opts []Option) (b boarding) {
	c := n.cache
	if c.flights.InFlight() == 0 || n.load != nil || !n.quick(key, nil) || !silent(opts) || c.lru == nil || c.lru.Peek(key) != nil {
		return b
	}
	if n.table != nil {
		b.epoch = n.table.Epoch()
	}
	b.home = &c.solo
	if c.cfg.Shared != nil {
		f := c.flights.Current(key)
		if f == nil {
			return b
		}
		d := c.members.holder(f.Job().(*load).key, c.clock.Exact()) // which is key, on the heap: to the compiler it would escape
		if d == nil || c.clock.Exact() > d.home.horizon.Load() {
			return b
		}
		b.home = &d.home
	}
	b.asked = b.home.fences.turn.Load()
	b.f, _ = c.flights.Join(ctx, nil, key, func(running *call) bool {
		r := running.Job().(*load)
		return r.home == b.home && r.turn == b.asked && r.replaces == nil
	})
	return b
}

// join waits for the load of key that runs, and returns what it ends with. ok is false where
// there is none, or the call has to go the long way all the same. t is where a function
// counts; nil: it is of the key. It keeps nothing of key.
func join[T any](ctx context.Context, n *node, key string, opts []Option, t *tally) (v T, err error, ok bool) {
	b := n.boards(ctx, key, opts)
	if b.f == nil {
		return v, nil, false
	}
	e, from, err, ok := b.lands(ctx, n, key, b.f.Await(ctx))
	if !ok {
		return v, nil, false
	}
	if err == nil {
		if v, ok = e.Value.(T); !ok {
			if v, err = value[T](strings.Clone(key), e); err != nil {
				from = outcomeError
			}
		}
	}
	if t == nil {
		t = n.cache.tallyOfKey(key)
	}
	n.cache.tallyNamed(opts, t).count(from)
	return v, err, true
}

// lands is what a call gets whose load has ended, or whose ctx has, if that is not over. It
// says no where the key has moved, where nobody knew the entry's tags while it was loaded,
// and where who led was content with what is near its end.
func (b *boarding) lands(ctx context.Context, n *node, key string, over bool) (_ *tier.Entry, _ outcome, err error, ok bool) {
	var land landing
	if over {
		land, err = b.f.Result()
	} else {
		err = ended.Err(ctx)
	}
	if err != nil {
		l := &load{cache: n.cache, key: strings.Clone(key), home: b.home, policy: &n.cache.policy}
		if e := l.instead(ctx, err); e != nil {
			return b.keeps(n, e), outcomeStale, nil, true
		}
		return nil, l.unanswered(err), l.failure(err), true
	}
	e := land.entry
	switch {
	case homeOf(e) != b.home, e.Began < b.asked && b.home.hides(e):
		return nil, 0, nil, false
	case land.from == outcomeLoad:
		land.from = outcomeJoined
	case n.cache.clock.Now() >= e.Early:
		return nil, 0, nil, false
	}
	e = b.keeps(n, e)
	if err = e.Err(); err != nil && (land.from == outcomeL2 || land.from == outcomeL3) {
		land.from = outcomeNegative
	}
	return e, land.from, err, true
}

// keeps keeps e in the memory of n's request, if there is one, and returns what that has.
func (b *boarding) keeps(n *node, e *tier.Entry) *tier.Entry {
	if n.table == nil {
		return e
	}
	return entryOf(n.table.AddSince(b.epoch, itemOf(e)))
}
