package memo

import (
	"context"
	"errors"

	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here is L1 for those who miss: the hit path (do.go) has looked in it already.

// answers asks the memory that is nearest to n: that of its Tx, or of its request.
func (c *Cache) answers(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if p := n.inTx(); p != nil {
		return p.read(ctx, n, l)
	}
	return c.request(ctx, n, l)
}

// request asks the request's own memory. Of the goroutines of one request that ask
// for a key, one goes on to the tiers below and the others wait for it, so that a
// request runs fn once even where no tier below may keep the value. Who finds that the
// process loads it already has turned off before (joins.go).
func (c *Cache) request(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if n.table == nil {
		return c.process(ctx, n, l)
	}
	if l.fresh || l.forced {
		epoch := n.table.Epoch()
		e, from, err := c.process(ctx, n, l)
		putAnew(n.table, epoch, l.key, e, err)
		return e, from, err
	}
	for {
		it, call, lead := n.table.Begin(l.key)
		if it != nil {
			return entryOf(it), outcomeL1, nil
		}
		if lead {
			return c.requestOnce(ctx, n, l, call)
		}
		l.seat.waits()
		it, err, retry := call.Wait(ctx)
		if retry { // the one who led has left, and we have not
			continue
		}
		if err != nil {
			return nil, l.unanswered(err), err
		}
		return entryOf(it), outcomeJoined, nil
	}
}

// requestOnce asks the tiers below for this request.
func (c *Cache) requestOnce(ctx context.Context, n *node, l *load, call *scope.Call) (*tier.Entry, outcome, error) {
	defer call.Fail(nil) // a panic below, in a user's Local, must not leave the others waiting
	e, from, err := c.process(ctx, n, l)
	if err == nil {
		return entryOf(call.Done(itemOf(e))), from, nil
	}
	if ctx.Err() == nil { // else the error may be this goroutine's own
		call.Fail(err)
	}
	return nil, from, err
}

// putAnew puts what was loaded for key since epoch, e or err, in place of what t has.
func putAnew(t *scope.Table, epoch uint64, key string, e *tier.Entry, err error) {
	switch {
	case err == nil:
		t.PutSince(epoch, itemOf(e))
	case errors.Is(err, ErrNotFound): // what was there is no more
		t.Forget(key)
	}
}

// entryIn returns the entry of key in t, or nil.
func entryIn(t *scope.Table, key string) *tier.Entry {
	return entryOf(t.Get(key))
}
