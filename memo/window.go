package memo

import (
	"context"
	"errors"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A single call of a function with a loader of many keys goes the way of Do, in a gather
// of its own; or, with a BatchWindow, in one that others of its request may join.

// windowKey is whose calls are joined: those of one function in one request, under one
// Vary, for the loader is told of it, and one mode, for whoever asks under Fresh may not
// be served what suits the others. None of them is a part of a load: that has no request.
type windowKey struct {
	id    any
	table *scope.Table
	mode  mode
	vary  string
}

// one is the read of the one key of b. id is the function's that is called.
func (b *many[K, V]) one(ctx context.Context, n *node, id any, forced bool) (v V, err error) {
	key := b.keys[0]
	if err := checkCall(b.op, ctx, key); err != nil {
		return v, err
	}
	if problem := b.argProblem(0); problem != nil {
		problem.Op = b.op
		return v, problem
	}
	if n == nil {
		uncached.note(key)
		return b.oneAround(ctx, n)
	}
	if n.bypassed() {
		return b.oneAround(ctx, n)
	}
	l, clone, err := newLoad[V](n.cache, n, key, b.opts)
	if err != nil {
		return v, misuse(err, b.op, keys.Kind(key))
	}
	if l.policy.exempt(ctx) {
		return b.oneAround(ctx, n)
	}
	l.forced = forced
	var e *tier.Entry
	var from outcome
	if p := n.inTx(); p != nil { // its loads are its own
		l.fn = bodyOf[V](func(ctx context.Context) (V, error) { return b.value(ctx, 0) })
		e, from, err = p.read(ctx, n, l)
	} else {
		l.seat = b.join(ctx, n, id, l.policy)
		e, from, err = l.ask(ctx, n)
	}
	if errors.Is(err, flight.ErrClosed) { // since we looked
		return b.oneAround(ctx, n)
	}
	v, err = answer[V](l, e, from, err)
	if err != nil {
		return v, l.failure(err)
	}
	if clone != nil {
		v = clone(v)
	}
	return v, nil
}

// value runs the loader for the key at.
func (b *many[K, V]) value(ctx context.Context, at int) (v V, err error) {
	if b.single != nil {
		return b.single(ctx, b.args[at])
	}
	values, err := b.load(ctx, []K{b.args[at]})
	if v, ok := values[b.args[at]]; ok {
		return v, nil
	}
	if err == nil {
		err = ErrNotFound
	}
	return v, err
}

// oneAround runs the loader for b's one key, around the tiers.
func (b *many[K, V]) oneAround(ctx context.Context, n *node) (V, error) {
	var result [1]Result[V]
	b.around(ctx, n, []int{0}, result[:])
	return result[0].Value, result[0].Err
}

// join is a seat in the gather that is open for calls like this one, or in a new one.
func (b *many[K, V]) join(ctx context.Context, n *node, id any, p *policy) *seat {
	if p.batchWindow == 0 || n.table == nil || p.batchWindow >= p.loadTimeout { // New's, and the call has less time
		return b.gather(ctx, n, p.batchSize).seat(b.args[0])
	}
	c, key := n.cache, windowKey{id, n.table, n.mode, n.vary.rootOf()}
	for {
		open, _ := c.windows.Load(key)
		if open == nil {
			g := b.gather(ctx, n, p.batchSize)
			g.out, g.callers = 1, 1 // those who may still join
			var joined bool
			if open, joined = c.windows.LoadOrStore(key, g); !joined {
				g.opens(p.batchWindow, func() { c.shut(key, g) })
			}
		}
		g := open.(*gather)
		s, full := g.board(b.args[0])
		if full {
			c.shut(key, g)
		}
		if s != nil {
			return s
		}
	}
}

// opens has shut called after d, unless g is shut before.
func (g *gather) opens(d time.Duration, shut func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.full {
		g.window = time.AfterFunc(d, shut)
	}
}

// board is a seat in g, which is open; nil: it was, and is shut. full says that it is the
// last one.
func (g *gather) board(arg any) (s *seat, full bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.full {
		return nil, false
	}
	g.full = g.seats+1 == g.size
	return g.sit(arg), g.full
}

// shut lets nobody join g any more, and those who have go when they are all there.
func (c *Cache) shut(key windowKey, g *gather) {
	if !c.windows.CompareAndDelete(key, g) {
		return
	}
	g.mu.Lock()
	g.full = true
	if g.window != nil {
		g.window.Stop()
	}
	g.mu.Unlock()
	g.pass()
	g.leave()
}
