package memo

import (
	"context"
	"strings"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Get goes the way of Do as far as L3, and turns back where Do would take a lease
// or wait for one.

// Get returns the value of key if any tier has it and it is fresh, else ErrMiss, or
// ErrNotFound for a negative entry, or an error that is ctx's if that has ended before
// the shared tier was asked. What the request has read it has, whatever became of it
// since. Get waits for no load: neither for one of this process nor for one of another.
// A key that holds a value of another type is a *TypeError.
func Get[T any](ctx context.Context, key string) (v T, err error) {
	return get[T](ctx, find(ctx), strings.Clone(key), nil)
}

func get[T any](ctx context.Context, n *node, key string, opts []Option) (v T, err error) {
	if err := checkCall("Get", ctx, key); err != nil {
		return v, err
	}
	if n == nil {
		return v, ErrMiss
	}
	c := n.cache
	if c.closed() {
		return v, ErrClosed
	}
	l, clone, err := newLoad[T](c, n, key, opts)
	if err != nil {
		return v, misuse(err, "Get", keys.Kind(key))
	}
	var e *tier.Entry
	var from outcome
	switch p := n.inTx(); {
	case n.bypassed(), l.policy.exempt(ctx):
	case p != nil:
		e, from, err = p.get(ctx, n, l)
	default:
		e, from, err = c.get(ctx, n, l)
	}
	if e == nil && err == nil {
		l.count(outcomeMiss)
		return v, ErrMiss
	}
	v, err = answer[T](l, e, from, err)
	if err == nil && clone != nil {
		v = clone(v)
	}
	return v, err
}

// get looks in the three tiers, and keeps upwards what it finds.
func (c *Cache) get(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	var epoch uint64
	if n.table != nil {
		if e := entryIn(n.table, l.key); e != nil && !l.fresh {
			return e, outcomeL1, nil
		}
		epoch = n.table.Epoch()
	}
	l.settles(ctx)
	if err := l.hears(ctx, n); err != nil {
		return nil, outcomeError, err
	}
	e, a := l.peek()
	from := outcomeL2
	if a < early {
		e, a = c.fetch(ctx, l)
		from = outcomeL3
	}
	if a < early {
		e = nil
	}
	if e == nil && ctx.Err() != nil { // nobody has looked
		return nil, outcomeError, ended.Err(ctx)
	}
	switch {
	case e == nil || n.table == nil:
	case l.fresh:
		n.table.PutSince(epoch, itemOf(e))
	default:
		e = entryOf(n.table.AddSince(epoch, itemOf(e)))
	}
	return e, from, nil
}

// fetch looks in the shared tier, for those who would not load, and says what time has
// made of what it finds.
func (c *Cache) fetch(ctx context.Context, l *load) (*tier.Entry, age) {
	d := l.domain
	if d == nil || l.typ.lossy != nil || l.policy.place == placeLocal {
		return nil, gone
	}
	if !d.readable(l.key) {
		return nil, gone
	}
	watch := c.flights.Watch(l.key)
	defer watch.Release()
	l.seat.goesOn()
	place, tags := d.space.Value(l.key), l.likelyTags()
	for range mostTurns {
		at, err := l.look(ctx, d, place, d.marks(l.key, tags))
		if err != nil {
			return nil, gone
		}
		e, verdict, all := l.judge(watch, at, tags)
		if len(all) > len(tags) {
			tags = all
			continue
		}
		if verdict != coherence.Valid || !l.admits(e.Stamp, e.Loaded) {
			return nil, gone
		}
		a := ageOf(e, c.clock.Exact(), 0)
		if a >= early {
			l.keep(watch, e)
		} else {
			l.keepSpare(watch, e)
		}
		return e, a
	}
	return nil, gone
}
