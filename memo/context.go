package memo

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/internal/scope"
)

// Ahead of every path: how a call finds its cache, its request's memory and, in a
// loader, the load that it is a part of.

// node is the one context of this package. It carries the cache, the request's
// memory and, inside a loader, the load. A type of its own is found by a type
// assertion where ctx is handed on unchanged, at a fifth of the cost of a
// ctx.Value; where others have wrapped it, by Value.
type node struct {
	context.Context
	cache *Cache
	table *scope.Table // this cache's part of the request's memory; nil: none
	*rare
	mode mode // what Fresh, Bypass, Vary and BeginTx ask for
}

// rare is what most contexts say nothing of, so that they need not have room for it. It
// does not change, and many nodes share one: Cache.plain, most of them. Who has something
// else to say makes another.
type rare struct {
	load *running  // the load that this ctx was made for; nil: none
	vary *varied   // nil: nothing
	tx   *standing // nil: nothing
}

// request is a node that opens a scope, with room for its first keys, in one allocation of
// 144 bytes. It is never pooled: see scope.Scope.
type request struct {
	node
	memory scope.Scope
}

type nodeKey struct{}

// Value implements context.Context.
func (n *node) Value(key any) any {
	switch key.(type) {
	case nodeKey:
		return n
	case scope.Key:
		// A load belongs to everyone who waits for it: no request's memory is
		// visible in it, whatever Config.LoadContext lets through.
		switch {
		case n.table != nil:
			return n.table.Scope()
		case n.load != nil:
			return (*scope.Scope)(nil)
		}
	}
	return n.Context.Value(key)
}

// Deadline implements context.Context. A load's deadline may move until it
// begins, so that it is here and not in the context below.
func (n *node) Deadline() (time.Time, bool) {
	d, ok := n.Context.Deadline()
	if n.load != nil {
		if own, bounded := n.load.ends(); bounded && (!ok || own.Before(d)) {
			return own, true
		}
	}
	return d, ok
}

// String keeps fmt from walking into the cache.
func (n *node) String() string { return "memo.Context" }

// find returns the node of ctx, or nil.
func find(ctx context.Context) *node {
	if n, ok := ctx.(*node); ok {
		return n
	}
	return wrapped(ctx)
}

// wrapped is find for a ctx that is no node itself, as a hit has seen: to see it again takes 8 %
// of one.
func wrapped(ctx context.Context) *node {
	if ctx == nil {
		return nil
	}
	n, _ := ctx.Value(nodeKey{}).(*node)
	return n
}

// From returns the cache bound to ctx, or nil.
func From(ctx context.Context) *Cache {
	if n := find(ctx); n != nil {
		return n.cache
	}
	return nil
}

// Begin opens a request in ctx, or joins the open one, and binds c to it; end
// closes the request if this call opened it. Jobs call it once for each unit of
// work.
//
// A request's memory is bounded by Config.MaxRequestEntries; what comes beyond
// is not kept. After end, a goroutine that still holds the ctx goes on without
// it. In a loader there is no request to open: Begin is With there.
//
// A nil c, or one that New did not make, is no cache: Begin and With then return
// ctx as it is, so that memo.From(ctx).With(ctx) is safe where there is none.
func (c *Cache) Begin(ctx context.Context) (_ context.Context, end func()) {
	ctx, opened := c.begin(ctx)
	return ctx, opened.Close // which is on the caller's stack, as Begin is so small that it becomes a part of its caller: 1 allocation
}

// begin is Begin; opened is nil if this call did not open a request.
func (c *Cache) begin(ctx context.Context) (_ context.Context, opened *scope.Scope) {
	if ctx == nil {
		ctx = context.Background()
	}
	if c.none() {
		return ctx, nil
	}
	outer, asked := nearest(ctx)
	if outer != nil && outer.load != nil {
		return c.bind(ctx, outer, asked), nil
	}
	if s := scope.FromContext(ctx); s != nil && !s.Closed() {
		if outer != nil && outer.cache == c && outer.table == s.Table(&c.owner) {
			return outer.on(ctx), nil
		}
		n := c.bind(ctx, outer, asked)
		n.table = s.Table(&c.owner)
		return n, nil
	}
	r := &request{node: node{Context: ctx, cache: c}}
	r.rare, r.mode = c.rarely(outer, asked)
	r.table = r.memory.InitFor(c.cfg.MaxRequestEntries, &c.owner)
	return &r.node, &r.memory
}

// on returns n itself where ctx is n, else n on top of ctx, whose deadline and
// values are nearer.
func (n *node) on(ctx context.Context) *node {
	if ctx == context.Context(n) {
		return n
	}
	m := *n
	m.Context = ctx
	return &m
}

// With binds c to ctx without a request: reads use L2 and L3 only. It suits
// http.Server.BaseContext and pools of workers.
func (c *Cache) With(ctx context.Context) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	if c.none() {
		return ctx
	}
	outer, asked := nearest(ctx)
	return c.bind(ctx, outer, asked)
}

// bind binds c to ctx; outer and asked are of nearest.
func (c *Cache) bind(ctx context.Context, outer *node, asked asks) *node {
	n := &node{Context: ctx, cache: c}
	n.rare, n.mode = c.rarely(outer, asked)
	return n
}

// nearest returns the node of ctx, or nil and what ctx asks for without one. One walk through
// the contexts below answers both: there are some six of them below a request of net/http.
func nearest(ctx context.Context) (n *node, asked asks) {
	switch v := ctx.Value(nodeKey{}).(type) {
	case *node:
		return v, asks{}
	case asks:
		return nil, v
	}
	return nil, asks{}
}

// rarely is what a node of c says beside its cache; outer and asked are of nearest.
func (c *Cache) rarely(outer *node, asked asks) (*rare, mode) {
	switch {
	case outer != nil:
		return outer.rare, outer.mode
	case asked.mode != 0:
		return &rare{vary: asked.vary, tx: asked.tx}, asked.mode
	}
	return &c.plain, 0
}

// inTxAt returns n for a loader of a Tx that is run with ctx at p.
func (n *node) inTxAt(ctx context.Context, p *standing) *node {
	return asks{n.mode, n.vary, p}.above(ctx, n)
}
