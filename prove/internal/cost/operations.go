package cost

// operations.go is the list of what is measured: each as the first of its kind
// somewhere, so that nothing is at hand that it needs.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// operation is one row. Its keys have the number of the round in them.
type operation struct {
	name     string
	trips    int  // promised: one after the other, without those that run beside a loader
	commands int  // promised on the wire, where those that are written at once are one
	alone    bool // it makes everything void, and is measured after the others

	prepare func(there *process, i int) error // by another process
	run     func(ctx context.Context, i int, load func(context.Context) (int, error)) error
}

type loader = func(context.Context) (int, error)

func operations() []operation {
	return []operation{
		{name: "hit of what another process has loaded", trips: 1, commands: 1,
			prepare: func(there *process, i int) error { return there.read(memo.Key("hit", i), 0) },
			run:     func(ctx context.Context, i int, load loader) error { return do(ctx, load, memo.Key("hit", i)) }},
		{name: "hit, with tags that the call names", trips: 1, commands: 1,
			prepare: func(there *process, i int) error { return there.read(memo.Key("tagged", i), 0, memo.Tags("a", "b")) },
			run: func(ctx context.Context, i int, load loader) error {
				return do(ctx, load, memo.Key("tagged", i), memo.Tags("a", "b"))
			}},
		{name: "hit, with tags that this process does not know", trips: 2, commands: 2,
			prepare: func(there *process, i int) error { return there.read(memo.Key("untold", i), 0, memo.Tags("a", "b")) },
			run:     func(ctx context.Context, i int, load loader) error { return do(ctx, load, memo.Key("untold", i)) }},
		{name: "`Get`, miss", trips: 1, commands: 1,
			run: func(ctx context.Context, i int, _ loader) error {
				if _, err := memo.Get[int](ctx, memo.Key("missing", i)); !errors.Is(err, memo.ErrMiss) {
					return fmt.Errorf("cost: Get of what nobody has stored: %w", err)
				}
				return nil
			}},
		{name: "load", trips: 3, commands: 4,
			run: func(ctx context.Context, i int, load loader) error { return do(ctx, load, memo.Key("cold", i)) }},
		{name: "load, the first of its tree in the fleet", trips: 3, commands: 8,
			run: func(ctx context.Context, i int, load loader) error {
				return do(ctx, load, memo.Key(fmt.Sprint("new", i), 1))
			}},
		{name: "load of what was invalidated by a tag", trips: 3, commands: 4,
			prepare: func(there *process, i int) error {
				tag := fmt.Sprint("void", i)
				return errors.Join(there.read(memo.Key("void", i), 0, memo.Tags(tag)), there.InvalidateTags(context.Background(), tag))
			},
			run: func(ctx context.Context, i int, load loader) error {
				return do(ctx, load, memo.Key("void", i), memo.Tags(fmt.Sprint("void", i)))
			}},
		{name: "`Set`", trips: 4, commands: 6,
			run: func(ctx context.Context, i int, _ loader) error { return memo.Set(ctx, memo.Key("hit", i), 2) }},
		{name: "`Invalidate`, one key", trips: 2, commands: 3,
			run: func(ctx context.Context, i int, _ loader) error { return memo.Invalidate(ctx, memo.Key("hit", i)) }},
		{name: "`Invalidate`, 2 keys", trips: 3, commands: 3,
			run: func(ctx context.Context, i int, _ loader) error { return memo.Invalidate(ctx, several(i, 2)...) }},
		{name: "`Invalidate`, 4 keys", trips: 3, commands: 3,
			run: func(ctx context.Context, i int, _ loader) error { return memo.Invalidate(ctx, several(i, 4)...) }},
		{name: "`Invalidate`, 12 keys", trips: 3, commands: 3,
			run: func(ctx context.Context, i int, _ loader) error { return memo.Invalidate(ctx, several(i, 12)...) }},
		{name: "`InvalidateTags`, one tag", trips: 2, commands: 4,
			prepare: func(there *process, i int) error {
				return there.read(memo.Key("tag", i), 0, memo.Tags(fmt.Sprint("tag", i)))
			},
			run: func(ctx context.Context, i int, _ loader) error {
				return memo.InvalidateTags(ctx, fmt.Sprint("tag", i))
			}},
		{name: "`InvalidateTags`, that nobody has used", trips: 4, commands: 6,
			run: func(ctx context.Context, i int, _ loader) error {
				return memo.InvalidateTags(ctx, fmt.Sprint("nobody", i))
			}},
		{name: "`InvalidateTree`, of all keys of a first part", trips: 2, commands: 5,
			prepare: func(there *process, i int) error { return there.read(memo.Key(fmt.Sprint("tree", i), 1), 0) },
			run: func(ctx context.Context, i int, _ loader) error {
				return memo.InvalidateTree(ctx, memo.Key(fmt.Sprint("tree", i)))
			}},
		{name: "`InvalidateAll`", trips: 2, commands: 2, alone: true,
			run: func(ctx context.Context, _ int, _ loader) error { return memo.InvalidateAll(ctx) }},
	}
}

func do(ctx context.Context, load loader, key string, opts ...memo.Option) error {
	_, err := memo.Do(ctx, key, load, opts...)
	return err
}

func several(i, n int) []string {
	keys := make([]string, n)
	for j := range keys {
		keys[j] = memo.Key("several", i, j)
	}
	return keys
}

// loading is what a loader takes: longer than what runs beside it, one trip away.
const loading = 10 * time.Millisecond
