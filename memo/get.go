package memo

import (
	"context"
	"strings"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Get goes the way of Do as far as L3, and turns back where Do would take a lease
// or wait for one.

// Get returns the value of key if any tier has it, else ErrMiss. It waits for no
// load: neither for one of this process nor for one of another.
func Get[T any](ctx context.Context, key string) (v T, err error) {
	n := find(ctx)
	key = strings.Clone(key)
	if err := checkCall("Get", ctx, key); err != nil {
		return v, err
	}
	if n == nil {
		return v, ErrMiss
	}
	c := n.cache
	if c.closed.Load() {
		return v, ErrClosed
	}
	l, _, err := newLoad[T](c, key, nil)
	if err != nil {
		return v, misuse(err, "Get", keys.Kind(key))
	}
	l.node = n
	e, from, err := c.get(ctx, n, l)
	if err == nil && e != nil {
		v, err = value[T](key, e)
	}
	switch {
	case err != nil:
		n.counts.Add(int(outcomeError), 1)
		return v, err
	case e == nil:
		n.counts.Add(int(outcomeMiss), 1)
		return v, ErrMiss
	}
	n.counts.Add(int(from), 1)
	return v, nil
}

// get looks in the three tiers, and keeps upwards what it finds.
func (c *Cache) get(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	var epoch uint64
	if n.table != nil {
		if v := n.table.Get(l.key); v != nil {
			return v.(*tier.Entry), outcomeL1, nil
		}
		epoch = n.table.Epoch()
	}
	if n.load != nil {
		if err := l.within(ctx, n.load); err != nil {
			return nil, outcomeError, err
		}
	}
	e, from := c.peek(l), outcomeL2
	if e == nil {
		e, from = c.fetch(ctx, l), outcomeL3
	}
	if e != nil && n.table != nil {
		e = n.table.AddSince(epoch, l.key, e).(*tier.Entry)
	}
	return e, from, nil
}

// fetch looks in the shared tier, for those who would not load.
func (c *Cache) fetch(ctx context.Context, l *load) *tier.Entry {
	d := c.domain
	if d == nil || l.typ.lossy != nil {
		return nil
	}
	d.attach(ctx)
	if !d.readable(l.key) {
		return nil
	}
	watch := c.flights.Watch(l.key)
	defer watch.Release()
	place, tags := d.space.Value(l.key), l.likelyTags()
	for range mostTurns {
		at, err := d.look(ctx, place, d.marks(l.key, tags)...)
		if err != nil {
			return nil
		}
		e, verdict, all := l.judge(watch, at, tags)
		if len(all) > len(tags) {
			tags = all
			continue
		}
		if verdict != coherence.Valid || !l.admits(e.Stamp, e.Loaded) {
			return nil
		}
		l.keep(watch, e)
		return e
	}
	return nil
}
