package memo_test

import (
	"context"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Two keys on two Nodes, of which the one is made of the other: what one Node was not
// told concerns the other one, too.

// pair is a row on one Node, and what is made of it on another.
type pair struct {
	db         *database
	row, whole string
}

// pairOn finds such a pair. Neither is stored when it returns.
func (f *fleet) pairOn(t *testing.T, ctx context.Context, rowOn, wholeOn string) pair {
	t.Helper()
	p := pair{f.db, f.keyOn(t, ctx, rowOn, 0), f.keyOn(t, ctx, wholeOn, 0)}
	must(t, p.invalidate(ctx))
	time.Sleep(5 * time.Second) // a process forgets in the end what it kept in its first second
	return p
}

func (p pair) invalidate(ctx context.Context) error { return memo.Invalidate(ctx, p.row, p.whole) }

func (p pair) readRow(ctx context.Context) (int, error) {
	return memo.Do(ctx, p.row, func(context.Context) (int, error) { return p.db.read(p.row), nil })
}

// read reads what is made of the row: the version of that.
func (p pair) read(ctx context.Context) (int, error) {
	return memo.Do(ctx, p.whole, func(ctx context.Context) (int, error) {
		time.Sleep(time.Millisecond) // the poll for the row begins after the load
		return p.readRow(ctx)
	})
}
