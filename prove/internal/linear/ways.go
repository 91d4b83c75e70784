package linear

import (
	"context"

	"github.com/tiermemo/tiermemo/memo"
)

// ways.go is the list of the ways in which a cache is told. A new one is a line in
// Ways, and nothing else.

// A Way is one of them.
type Way struct {
	Name string
	// covers returns which rows are told of, when it is done to row: all that the
	// call concerns, because a row is written all the time.
	covers func(row int) []int
	tell   func(ctx context.Context, p *process, row int, now int64) error
	// brings says that tell stores the value that the row has now.
	brings bool
}

// Ways returns all of them.
func Ways() []Way {
	return []Way{
		{Name: "key", covers: one, tell: func(ctx context.Context, _ *process, row int, _ int64) error {
			return memo.Invalidate(ctx, key(row))
		}},
		{Name: "keys", covers: two, tell: func(ctx context.Context, _ *process, row int, _ int64) error {
			return memo.Invalidate(ctx, key(row), key(next(row)))
		}},
		{Name: "tag", covers: sharing(group), tell: func(ctx context.Context, _ *process, row int, _ int64) error {
			return memo.InvalidateTags(ctx, group(row))
		}},
		{Name: "the loader's tag", covers: one, tell: func(ctx context.Context, _ *process, row int, _ int64) error {
			return memo.InvalidateTags(ctx, about(row))
		}},
		{Name: "tree", covers: sharing(tree), tell: func(ctx context.Context, _ *process, row int, _ int64) error {
			return memo.InvalidateTree(ctx, tree(row))
		}},
		{Name: "all", covers: all, tell: func(ctx context.Context, _ *process, _ int, _ int64) error {
			return memo.InvalidateAll(ctx)
		}},
		{Name: "Set", covers: one, brings: true, tell: func(ctx context.Context, p *process, row int, now int64) error {
			return memo.Set(ctx, key(row), value{row, now}, append(p.options(row), memo.Tags(about(row)))...)
		}},
	}
}

// Without returns the ways that bring no value.
func Without(ways []Way) (rest []Way) {
	for _, w := range ways {
		if !w.brings {
			rest = append(rest, w)
		}
	}
	return rest
}

func next(row int) int  { return (row + 1) % Rows }
func one(row int) []int { return []int{row} }
func two(row int) []int { return []int{row, next(row)} }

func all(int) []int { return sharing(func(int) string { return "" })(0) }

// sharing returns the rows that have the same name of some kind.
func sharing(name func(row int) string) func(row int) []int {
	return func(row int) (rows []int) {
		for other := range Rows {
			if name(other) == name(row) {
				rows = append(rows, other)
			}
		}
		return rows
	}
}
