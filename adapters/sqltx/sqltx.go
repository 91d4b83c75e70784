// Package sqltx runs a transaction of database/sql whose invalidations are told when it has
// committed, and never when it is rolled back.
//
//	err := sqltx.RunTx(ctx, db, nil, func(ctx context.Context, tx *sql.Tx) error {
//		if _, err := tx.ExecContext(ctx, "UPDATE users SET name = $1 WHERE id = $2", name, id); err != nil {
//			return err
//		}
//		return memo.Invalidate(ctx, memo.Key("user", id))
//	})
//
// It wraps no driver, and works with sqlc and sqlx, which take a *sql.Tx.
package sqltx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tiermemo/tiermemo/memo"
)

// ErrNested says that the ctx of a RunTx, or of a memo.BeginTx, was given to another RunTx:
// it would begin a transaction beside the other one, and what it invalidates would wait for
// that, and be dropped with it. Use the tx at hand; or, for a transaction that is to commit
// whatever becomes of the other, the ctx from outside.
var ErrNested = errors.New("sqltx: RunTx inside of a transaction")

// RunTx begins a transaction, calls fn, and commits if it returns nil; then it delivers what was
// invalidated under fn's ctx. If fn returns an error, panics or ends its goroutine, it rolls back
// and drops it. What fn reads and writes under its ctx, memo.BeginTx says. fn is to use the ctx
// that it is given, and no other, and must not end tx. It is called once: RunTx repeats nothing.
//
// The error is fn's, or that of the begin or of the commit, wrapped; or, where all that
// went well, that of the delivery, of which errors.Is(err, memo.ErrDeferred) means, here too,
// that the write is committed and that the other processes hear of it later: to the user it is
// no error. With one that says so RunTx has always committed.
//
// Where nobody can tell whether there was a commit, the invalidations are delivered: one too many
// costs a load, and one too few is a wrong answer. So it is when the commit failed, as the
// connection may have died between it and its answer; and when tx had ended before RunTx could
// end it, as when ctx ends, upon which database/sql rolls back.
func RunTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(ctx context.Context, tx *sql.Tx) error) error {
	switch {
	case ctx == nil:
		return errors.New("sqltx: ctx is nil; pass the request's context, or context.Background()")
	case db == nil:
		return errors.New("sqltx: db is nil; pass the database that fn writes to")
	case fn == nil:
		return errors.New("sqltx: fn is nil; pass the function that reads and writes")
	case memo.InTx(ctx):
		return fmt.Errorf("%w; use its tx, or the ctx from outside for one of its own", ErrNested)
	}
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("sqltx: begin: %w", err)
	}
	inside, told := memo.BeginTx(ctx)
	returned := false
	defer func() {
		if !returned { // it panics on, or ends
			undo(ctx, tx, told)
		}
	}()
	err = fn(inside, tx)
	returned = true
	if err != nil {
		undo(ctx, tx, told)
		return notDeferred("fn", err)
	}
	if err := tx.Commit(); err != nil {
		_ = tx.Rollback() // where ctx has ended it was not tried
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err) // which may say only that there is no transaction any more
		}
		return errors.Join(notDeferred("commit", fmt.Errorf("sqltx: commit: %w", err)), lost(told.Commit(ctx)))
	}
	return told.Commit(ctx)
}

// undo rolls tx back. Where that had ended already nobody can tell how.
func undo(ctx context.Context, tx *sql.Tx, told *memo.Tx) {
	if errors.Is(tx.Rollback(), sql.ErrTxDone) {
		_ = told.Commit(ctx)
		return
	}
	told.Discard()
}

// notDeferred is the err of a transaction that was not committed. Nobody is to take it for one that
// was, say for an invalidation that fn made by the ctx from outside.
func notDeferred(step string, err error) error {
	if errors.Is(err, memo.ErrDeferred) {
		return fmt.Errorf("sqltx: not committed: %s: %v", step, err)
	}
	return err
}

// lost is what cannot be delivered after a commit that failed: what is only deferred will be.
func lost(err error) error {
	if errors.Is(err, memo.ErrDeferred) {
		return nil
	}
	return err
}
