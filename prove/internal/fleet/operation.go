package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tiermemo/tiermemo/memo"
)

// operation.go is the list of the ways in which a write is told to the caches. A
// new one is a function in operations, and nothing else: it says which rows it is
// about, and how it tells. What it needs of the reads, a tag on the values for
// example, goes into rows.options.

// An Operation is the name of one of them.
type Operation string

// The operations.
const (
	OneKey      Operation = "key"         // Invalidate, of a row and what is made of it
	SeveralKeys Operation = "keys"        // Invalidate, of several rows and what is made of them
	Everything  Operation = "all"         // InvalidateAll
	NewValue    Operation = "set"         // Set, and Invalidate of what is made of the row
	OneTag      Operation = "tag"         // InvalidateTags, of a tag that many rows carry
	LoadersTag  Operation = "dynamic tag" // InvalidateTags, of a tag that only the loader names
	OneTree     Operation = "tree"        // InvalidateTree, of all rows, and of all that is made of them
)

// operation is how a process writes.
type operation struct {
	// covers returns the rows that one write changes, of those that it may.
	covers func(rows []int) []int
	// tell is called when they are committed, and returns what the caches said.
	tell func(ctx context.Context, r *rows, w *writing) error
	// brings says that tell brings a value. The rows of such traffic are shared out
	// among the writers, for what was committed first may be set last.
	brings bool
}

// writing is a write under way.
type writing struct {
	rows    []Change // as they were committed
	derived bool     // there are values that are made of them
}

// operations returns what each Operation does.
func operations() map[Operation]operation {
	return map[Operation]operation{
		OneKey:      {covers: some(1), tell: tellKeys},
		SeveralKeys: {covers: some(3), tell: tellKeys},
		Everything: {covers: some(3), tell: func(ctx context.Context, _ *rows, _ *writing) error {
			return memo.InvalidateAll(ctx)
		}},
		NewValue: {covers: some(1), brings: true, tell: func(ctx context.Context, r *rows, w *writing) error {
			row := w.rows[0]
			err := r.set(ctx, row)
			if notDeferred(err) != nil || !w.derived {
				return err
			}
			return errors.Join(err, memo.Invalidate(ctx, Whole(row.Key.N).String()))
		}},
		OneTag: {covers: someGroup, tell: func(ctx context.Context, _ *rows, w *writing) error {
			return memo.InvalidateTags(ctx, group(w.rows[0].Key.N))
		}},
		LoadersTag: {covers: some(1), tell: func(ctx context.Context, _ *rows, w *writing) error {
			return memo.InvalidateTags(ctx, about(w.rows[0].Key.N))
		}},
		OneTree: {covers: some(3), tell: func(ctx context.Context, _ *rows, _ *writing) error {
			err := memo.InvalidateTree(ctx, memo.Key("row"))
			if notDeferred(err) != nil {
				return err
			}
			return errors.Join(err, memo.InvalidateTree(ctx, memo.Key("whole")))
		}},
	}
}

// group is the tag that a row shares with others, and about the one that it has for
// itself, with what is made of it.
func group(n int) string { return memo.Key("group", n%groups) }
func about(n int) string { return memo.Key("about", n) }

const groups = 3

// someGroup covers the rows of one group.
func someGroup(rows []int) (picked []int) {
	one := rows[rand.N(len(rows))] % groups
	for _, n := range rows {
		if n%groups == one {
			picked = append(picked, n)
		}
	}
	return picked
}

// some covers n rows at random.
func some(n int) func([]int) []int {
	return func(rows []int) []int {
		all := rand.Perm(len(rows))
		picked := make([]int, min(n, len(rows)))
		for i := range picked {
			picked[i] = rows[all[i]]
		}
		return picked
	}
}

// tellKeys names every key in one call, in any order: they may depend on each
// other.
func tellKeys(ctx context.Context, _ *rows, w *writing) error {
	var names []string
	for _, c := range w.changes() {
		names = append(names, c.Key.String())
	}
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return memo.Invalidate(ctx, names...)
}

// changes returns the versions of the rows, and of what is made of them.
func (w *writing) changes() (all []Change) {
	for _, c := range w.rows {
		all = append(all, c)
		if w.derived {
			all = append(all, Change{Whole(c.Key.N), c.Version})
		}
	}
	return all
}

// check says what is wrong with a list of operations.
func check(list []Operation) error {
	known := operations()
	for _, name := range list {
		if _, ok := known[name]; !ok {
			return fmt.Errorf("fleet: there is no operation %q", name)
		}
	}
	return nil
}
