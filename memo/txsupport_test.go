package memo_test

import (
	"context"
	"maps"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
)

// transaction is one of the database: it sees the rows as they were when it began, and what
// it wrote itself; others see that when it commits.
type transaction struct {
	db    *database
	rows  map[string]int
	wrote map[string]int
	runs  map[string]int // loaders that read by it
}

func (d *database) begin() *transaction {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &transaction{db: d, rows: maps.Clone(d.versions), wrote: map[string]int{}, runs: map[string]int{}}
}

// write gives key its next version, and does not commit.
func (x *transaction) write(key string) int {
	x.rows[key]++
	x.wrote[key] = x.rows[key]
	return x.rows[key]
}

func (x *transaction) commit() {
	x.db.mu.Lock()
	defer x.db.mu.Unlock()
	maps.Copy(x.db.versions, x.wrote)
}

// fn is a loader of key that reads by x.
func (x *transaction) fn(key string) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		x.runs[key]++
		return x.rows[key], nil
	}
}

// do reads key under ctx, with a loader that reads by x.
func (x *transaction) do(tb testing.TB, ctx context.Context, key string, opts ...memo.Option) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, x.fn(key), opts...)
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// invalidations are the ways to tell of a write to k, which carries tag. Set and Add are
// given what the transaction has written.
var invalidations = map[string]func(ctx context.Context, v int) error{
	"Invalidate":     func(ctx context.Context, _ int) error { return memo.Invalidate(ctx, "k") },
	"InvalidateTags": func(ctx context.Context, _ int) error { return memo.InvalidateTags(ctx, "tag") },
	"InvalidateTree": func(ctx context.Context, _ int) error { return memo.InvalidateTree(ctx, "k") },
	"InvalidateAll":  func(ctx context.Context, _ int) error { return memo.InvalidateAll(ctx) },
	"Expire":         func(ctx context.Context, _ int) error { return memo.Expire(ctx, "k") },
	"Set":            func(ctx context.Context, v int) error { return memo.Set(ctx, "k", v) },
	"Add":            func(ctx context.Context, v int) error { _, err := memo.Add(ctx, "k", v); return err },
}
