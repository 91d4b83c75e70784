package memo

import (
	"context"
)

// Ahead of a read: which tiers it may use. A ctx says it for what is called with it,
// and a switch for the whole cache.

// asks is what a ctx says about the calls below it.
type asks struct {
	mode mode
	vary *varied   // nil: nothing
	tx   *standing // nil: nothing
}

// mode is looked at on the hit path as one byte.
type mode uint8

const (
	modeFresh mode = 1 << iota
	modeBypass
	modeVary // vary is not nil
	modeTx   // see BeginTx; it may have ended
)

// Fresh returns a ctx under which a read sees everything that any process had
// invalidated before the read began: no snapshot of the request, and none of the
// 100ms that others' invalidations take to get here. It skips L1 on the way down,
// reads the log of the shared tier (one round trip more), and then uses L2, L3 and
// the loader as always; what it gets takes the place of what the request had. Nor is
// a value served past its TTL, Stale and StaleIfError or not.
//
// Without a shared tier it costs nothing but the look into L1. Where the shared tier
// does not answer within Config.ReadTimeout, nobody can tell what is new: the read
// loads then, and once the tier counts as down each does so at once. Fresh is about
// the reads under this ctx, and not about those of the loaders that they run, which
// have a rule of their own: see Do.
func Fresh(ctx context.Context) context.Context { return under(ctx, modeFresh) }

// Bypass returns a ctx under which reads run fn and touch no tier and no other
// caller's load. Get misses, Peek finds nothing, Refresh is fn, and Set and Add drop the
// key in place of storing; invalidations work as always. Bypass beats Fresh.
func Bypass(ctx context.Context) context.Context { return under(ctx, modeBypass) }

// SetEnabled turns c on or off. While it is off, reads act as under Bypass.
// Invalidations still work, here and from other processes, so nothing old comes back
// with SetEnabled(true). Loads and refreshes that run go on. A new cache is on, and one
// that is closed stays off. SetEnabled is for this process, and may be called at any
// time, by several goroutines at once.
func (c *Cache) SetEnabled(on bool) {
	switch {
	case c.none():
	case on:
		c.off.And(^uint32(offSwitched))
	default:
		c.off.Or(offSwitched)
	}
}

// Enabled reports whether c is on: made by New, not closed, and not turned off.
func (c *Cache) Enabled() bool { return !c.none() && c.off.Load()&^offAsked == 0 }

// Why a cache is not used, or not before something was asked. One number, so that a hit
// looks once.
const (
	offClosed = 1 << iota
	offSwitched
	offAsked // it is on, and each call asks the Unless of New
)

func (c *Cache) closed() bool { return c.off.Load()&offClosed != 0 }

// bypassed reports whether a read under n goes around the tiers.
func (n *node) bypassed() bool { return n.cache.off.Load()&^offAsked != 0 || n.mode&modeBypass != 0 }

func under(ctx context.Context, m mode) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	n := find(ctx)
	asked := asksOf(ctx, n)
	if asked.mode&m != 0 {
		return ctx
	}
	asked.mode |= m
	return asked.over(ctx, n)
}

// over returns a ctx above ctx, whose node is n, that asks for a.
func (a asks) over(ctx context.Context, n *node) context.Context {
	if n == nil { // it stands where a node is looked for, until there is one
		return context.WithValue(ctx, nodeKey{}, a)
	}
	return a.above(ctx, n)
}

// above returns a node above ctx, whose node is n, that asks for a.
func (a asks) above(ctx context.Context, n *node) *node {
	var m *node
	if a.vary == n.vary && a.tx == n.tx {
		m = new(node)
		*m = *n
	} else {
		own := &struct {
			node
			rare
		}{*n, rare{n.load, a.vary, a.tx}}
		m = &own.node
		m.rare = &own.rare
	}
	m.Context, m.mode = ctx, a.mode
	return m
}

// asksOf is what a node made for ctx asks for, whose nearest node is outer.
func asksOf(ctx context.Context, outer *node) asks {
	if outer != nil {
		return asks{outer.mode, outer.vary, outer.tx}
	}
	a, _ := ctx.Value(nodeKey{}).(asks)
	return a
}

// around is the ctx for a loader that is run around the tiers: what it says by Amend
// is about nothing, not about the load that it may be a part of.
func (n *node) around(ctx context.Context) context.Context {
	if n.load == nil {
		return ctx
	}
	return Bypass(ctx)
}
