package memo

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// In place of the way down, for a read in a Tx (tx.go): the Tx's own memory, then the tiers
// as far as Get goes, and then fn. Nothing that fn returns goes up into a tier:
//
//  1. the transaction writes v2, and has not committed
//  2. it loads the key, gets v2, and stores it
//  3. another request reads v2; the transaction is rolled back, and v2 has never been
//
// It need not have written anything. In a snapshot the rows are those of its begin:
//
//  1. the transaction begins, and reads something
//  2. another request writes v2, commits, and invalidates the key
//  3. the transaction loads the key, gets v1, and stores it: nothing to come drops it
//
// A lease does not help in 3, where the load begins after the invalidation. And no read in a
// Tx waits for a load of others: that may wait for a row which this transaction has locked, or
// for the one connection that it holds.

// standing is where a ctx stands in a Tx: in a load of it, or in none.
type standing struct {
	*ledger
	up    *standing // the place of who asked for the load; nil: this is none
	cache *Cache
	key   string
	call  atomic.Pointer[scope.Call] // nil: nobody waits for the load, or it has ended
	ended atomic.Bool
}

// open reports whether there is a Tx at p that has not ended.
func (p *standing) open() bool { return p != nil && !p.over() }

// inTx returns the place of n in a Tx that has not ended, or nil.
func (n *node) inTx() *standing {
	if n.mode&modeTx == 0 || !n.tx.open() {
		return nil
	}
	return n.tx
}

// loading reports whether n is the ctx of a load in a Tx: what is said there by Amend is
// about nothing that is stored.
func (n *node) loading() bool { return n.mode&modeTx != 0 && n.tx.up != nil }

// read is what Cache.request is outside of a Tx.
func (p *standing) read(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if !l.forced {
		if e, from, err := p.get(ctx, n, l); e != nil || err != nil {
			return e, from, err
		}
	}
	return p.load(ctx, n, l)
}

// load is what read does when there is nothing to be had.
func (p *standing) load(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if ctx.Err() != nil {
		return nil, outcomeError, ended.Err(ctx)
	}
	if p.loads(l) {
		return nil, outcomeError, ErrRecursive
	}
	own := p.memory.Table(&l.cache.owner)
	if l.fresh || l.forced {
		epoch := own.Epoch()
		e, err := p.run(ctx, n, l, nil)
		if ctx.Err() == nil {
			putAnew(own, epoch, l.key, e, err)
		}
		return e, outcomeBypass, err
	}
	for {
		it, call, lead := own.BeginWithin(p.part(), l.key)
		if it != nil {
			return entryOf(it), outcomeL1, nil
		}
		if lead {
			e, err := p.run(ctx, n, l, call)
			return e, outcomeBypass, err
		}
		it, err, retry := call.WaitWithin(ctx, p.part())
		switch {
		case err == scope.ErrCircle:
			return nil, outcomeError, ErrRecursive
		case err != nil:
			return nil, l.unanswered(err), err
		case !retry:
			return entryOf(it), outcomeJoined, nil
		case ctx.Err() != nil:
			return nil, outcomeError, ended.Err(ctx)
		}
	}
}

// get is what Cache.get is outside of a Tx. What it finds in a tier it does not remember: when
// the first write has hidden it, it is hidden.
func (p *standing) get(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if e := entryIn(p.memory.Table(&l.cache.owner), l.key); e != nil && !l.fresh {
		return e, outcomeL1, nil
	}
	if p.wrote() {
		return nil, outcomeMiss, nil
	}
	return l.cache.get(ctx, n, l)
}

// run runs fn for p's Tx, as the leader of call, which is nil where nobody waits.
func (p *standing) run(ctx context.Context, n *node, l *load, call *scope.Call) (*tier.Entry, error) {
	r := &standing{ledger: p.ledger, up: p, cache: l.cache, key: l.key}
	r.call.Store(call)
	below := n.inTxAt(ctx, r)
	returned := false
	defer func() {
		r.ended.Store(true)
		r.call.Store(nil)
		if returned {
			return
		}
		l.count(outcomeBypass)
		v := recover() // to tell a panic from Goexit; it goes on with its own value
		call.Fail(&flight.Panic{Value: v, Stack: debug.Stack()})
		if v != nil {
			panic(v)
		}
	}()
	v, err := l.fn.run(below)
	returned = true
	e := &tier.Entry{Key: l.key, Value: v}
	if errors.Is(err, ErrNotFound) && l.policy.negative > 0 {
		e.Value, e.More, err = nil, &tier.More{Err: ErrNotFound}, nil
	}
	switch {
	case ctx.Err() != nil: // what a query that was cut short has found is this caller's own
		call.Fail(nil)
	case err != nil:
		call.Fail(err)
	default:
		call.Done(itemOf(e))
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// loads reports whether p is in a load of l's key.
func (p *standing) loads(l *load) bool {
	for ; p != nil; p = p.up {
		if p.key == l.key && p.cache == l.cache && !p.ended.Load() {
			return true
		}
	}
	return false
}

// part is the innermost load that p is in and somebody may wait for, or nil.
func (p *standing) part() *scope.Call {
	for ; p != nil; p = p.up {
		if c := p.call.Load(); c != nil {
			return c
		}
	}
	return nil
}
