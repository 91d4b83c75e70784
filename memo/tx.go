package memo

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/scope"
)

// Ahead of every path, as the modes are (mode.go): a ctx whose reads may have seen rows
// that nobody else may see, and whose writes nobody else may hear of yet. What becomes of
// the reads is in txread.go, and of the writes in txwrite.go.

// Tx collects the invalidations of a transaction of the caller's, until that has ended. It
// is safe for concurrent use. BeginTx makes it. It holds nothing but memory: one that is neither committed
// nor discarded is as one that is discarded.
type Tx struct {
	ledger *ledger
	nested bool
	ended  atomic.Bool
}

// BeginTx returns a ctx for what is done in a transaction of a database, and the Tx to end
// when that has ended. Begin the transaction, then the Tx; commit the transaction, then
// the Tx:
//
//	ctx, t := memo.BeginTx(ctx)
//	defer t.Discard()
//
// (Package adapters/sqltx does both for database/sql.) Under that ctx, until Commit or
// Discard:
//
// Invalidations of all kinds wait for Commit, and return no ErrDeferred. From the first one
// on, what a tier holds is hidden from this ctx. Set and Add are invalidations; what Set was
// given is read under this ctx.
//
// What is loaded may have been made of uncommitted rows, or of those of a snapshot that is
// old already. It is remembered for this ctx alone, stored in no tier, and shared with no
// other caller: fn runs on the caller's goroutine, with its ctx, as under Bypass, but once
// for each key; and no other load is waited for, which might wait for a lock of this
// transaction. Until the first invalidation, and only until then, what is fresh in a tier is
// read from there. So let the invalidation stand beside the statement that it is about, and
// not at the end.
//
// Fresh skips what this ctx remembers, as it does with a request's memory, and Bypass beats
// it all. Refresh is fn, for this ctx. Add stores nothing and reports so.
//
// In the ctx of an open Tx BeginTx joins that: see Commit and Discard. In a loader it is as
// anywhere else. When the Tx has ended, its ctx is as the one that it was made from. The
// ctx from before BeginTx knows nothing of it: a read under that one, with a fn that uses
// the transaction, would store what is not committed.
func BeginTx(ctx context.Context) (context.Context, *Tx) {
	if ctx == nil {
		ctx = context.Background()
	}
	n := find(ctx)
	asked := asksOf(ctx, n)
	if asked.tx.open() {
		return ctx, &Tx{ledger: asked.tx.ledger, nested: true}
	}
	g := &ledger{}
	asked.tx, asked.mode = &standing{ledger: g}, asked.mode|modeTx
	return asked.over(ctx, n), &Tx{ledger: g}
}

// InTx reports whether ctx is in a Tx that has not ended. Who begins a transaction of a
// database, and finds that its ctx is in one, is told by it that the two are not the same:
// what it invalidates would wait for the other one, and be dropped with it.
func InTx(ctx context.Context) bool {
	return ctx != nil && asksOf(ctx, find(ctx)).tx.open()
}

// Commit delivers the invalidations, in the order in which they were made, even when ctx
// has ended; those that follow one another and are of one kind as one call. Call it after
// the database's commit: before that, others would read the old rows anew, and keep them.
// What it promises, how long it takes, and what ErrDeferred means, is the same as for
// Invalidate. A cache that was closed meanwhile is an ErrClosed, and where several caches
// have something to say, their errors are joined.
//
// The Commit of a nested Tx delivers nothing: the outermost one's does, since what is
// nested is a part of one transaction.
//
// Commit of a Tx that has ended is a *UsageError, and delivers nothing more.
func (t *Tx) Commit(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if t.ended.Swap(true) {
		return &UsageError{Op: "Tx.Commit", Problem: "the Tx has ended", Fix: "commit it once, and not after Discard"}
	}
	if t.nested {
		if t.ledger.over() {
			return &UsageError{Op: "Tx.Commit", Problem: "the Tx that it is a part of has ended", Fix: "end what is nested first"}
		}
		return nil
	}
	return t.ledger.deliver(ctx)
}

// Discard drops the invalidations, and what was remembered for this ctx. Call it after the
// database's rollback. After Commit it does nothing, so it can be deferred, which is what
// ends a Tx when there is a panic.
//
// Discard of a nested Tx, as after the rollback to a savepoint, drops what was remembered,
// for the outer Tx too. What was invalidated in it is still delivered with the outermost
// Commit: an invalidation too many costs a load, and one too few is a wrong answer.
func (t *Tx) Discard() {
	switch {
	case t.ended.Swap(true):
	case t.nested:
		t.ledger.memory.Reset()
	default:
		t.ledger.end()
	}
}

// ledger is what a Tx and all that are nested in it have in common.
type ledger struct {
	state  atomic.Uint32 // ledgerWrote, ledgerOver; read by each read under the ctx
	memory scope.Scope   // what was loaded, or set; a Table for each cache

	mu     sync.Mutex // guards writes, and every change of state
	writes []write
}

const (
	ledgerWrote = 1 << iota
	ledgerOver
)

func (g *ledger) wrote() bool { return g.state.Load()&ledgerWrote != 0 }
func (g *ledger) over() bool  { return g.state.Load()&ledgerOver != 0 }

// end ends g, and returns what was written; nil, too, where it had ended.
func (g *ledger) end() []write {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Or(ledgerOver)
	writes := g.writes
	g.writes = nil
	g.memory.Close()
	return writes
}

// deliver ends g and delivers what was written. It ends first: what is invalidated under
// the ctx from now on is delivered by its own caller, and would else be lost:
//
//  1. the list is taken, and is being delivered
//  2. a goroutine that still has the ctx invalidates k, which goes to the list
//  3. the Tx ends, and nobody looks at the list again
func (g *ledger) deliver(ctx context.Context) error {
	var errs []error
	deliver(ctx, deliveries(g.end()), &errs)
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// deliver carries all out, one after the other: also what comes after one that panics, in a
// tier of the user's, as nobody has a list of it any more.
func deliver(ctx context.Context, all []*delivery, errs *[]error) {
	if len(all) == 0 {
		return
	}
	defer deliver(ctx, all[1:], errs)
	if err := all[0].deliver(ctx); err != nil {
		*errs = append(*errs, err)
	}
}
