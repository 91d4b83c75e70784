package memo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// A shared tier of several Nodes: what one Node promises, all of them do.

var abc = []string{"a", "b", "c"}

func TestKeysAreSpreadOverTheNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, _ := f.process(t)
		two, _ := f.process(t)
		keys := keysOf("user", 300)
		for _, key := range keys {
			f.db.do(t, one.With(context.Background()), key)
			f.db.do(t, two.With(context.Background()), key)
			if n := f.db.queries(key); n != 1 {
				t.Fatalf("%d loads of %s in two processes", n, key)
			}
		}
		all := 0
		for _, node := range abc {
			held := 0
			for _, key := range f.memory().Only(node).Keys() {
				if strings.HasPrefix(key, "t:v:") {
					held++
				}
			}
			if all += held; held < 60 || held > 140 {
				t.Errorf("%s holds %d of 300 keys", node, held)
			}
		}
		if all != len(keys) {
			t.Errorf("the Nodes hold %d values of %d keys", all, len(keys))
		}
		var names []string
		for _, n := range one.Snapshot().Nodes {
			names = append(names, n.Name)
		}
		if !slices.Equal(names, abc) {
			t.Errorf("Snapshot has the Nodes %q", names)
		}
	})
}

func TestInvalidationsReachEveryNode(t *testing.T) {
	for name, invalidate := range map[string]func(ctx context.Context, keys []string) error{
		"of a key each": func(ctx context.Context, keys []string) error {
			for _, key := range keys {
				if err := memo.Invalidate(ctx, key); err != nil {
					return err
				}
			}
			return nil
		},
		"of all keys":   func(ctx context.Context, keys []string) error { return memo.Invalidate(ctx, keys...) },
		"of a tag":      func(ctx context.Context, _ []string) error { return memo.InvalidateTags(ctx, "all") },
		"of a tree":     func(ctx context.Context, _ []string) error { return memo.InvalidateTree(ctx, "user") },
		"of everything": func(ctx context.Context, _ []string) error { return memo.InvalidateAll(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(abc...)
				one, _ := f.process(t)
				two, _ := f.process(t)
				keys := keysOf("user", 30)
				for _, key := range keys {
					f.db.tagged(t, one.With(context.Background()), key, "all")
					f.db.tagged(t, two.With(context.Background()), key, "all")
					f.db.write(key)
				}
				must(t, invalidate(one.With(context.Background()), keys))
				for _, key := range keys {
					if v := f.db.tagged(t, one.With(context.Background()), key, "all"); v != 1 {
						t.Errorf("the process that wrote reads version %d of %s", v, key)
					}
				}
				time.Sleep(aPoll)
				third, _ := f.process(t)
				for _, key := range keys {
					for _, c := range []*memo.Cache{two, third} {
						if v := f.db.tagged(t, c.With(context.Background()), key, "all"); v != 1 {
							t.Errorf("another process reads version %d of %s", v, key)
						}
					}
				}
			})
		})
	}
}

// whole is made of part, and part of sub, each on a Node of its own. The invalidation is
// stopped at each of its calls, where another process makes part of the old sub, if it
// can, and at each of those that follow, where a third one makes whole of that.
func TestKeysOnSeveralNodesMadeOfEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		tags       []string
		invalidate func(ctx context.Context, keys ...string) error
	}{
		"keys":       {nil, memo.Invalidate},
		"a tag":      {[]string{"t"}, func(ctx context.Context, _ ...string) error { return memo.InvalidateTags(ctx, "t") }},
		"a tree":     {nil, func(ctx context.Context, _ ...string) error { return memo.InvalidateTree(ctx, "key") }},
		"everything": {nil, func(ctx context.Context, _ ...string) error { return memo.InvalidateAll(ctx) }},
	} {
		t.Run(name, func(t *testing.T) {
			for first := range int64(10) {
				for second := first; second < first+5; second++ {
					chainStopped(t, first, second, c.tags, c.invalidate)
				}
			}
		})
	}
}

// chainStopped stops the invalidation before two of its calls, of whatever Node.
func chainStopped(t *testing.T, first, second int64, tags []string, invalidate func(ctx context.Context, keys ...string) error) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		writer, calls := f.process(t, slowPoll)
		stale, _ := f.process(t, slowPoll)
		other, _ := f.process(t, slowPoll)
		wctx, sctx, octx := writer.With(context.Background()), stale.With(context.Background()), other.With(context.Background())
		sub, part, whole := f.keyOn(t, wctx, "a", 0), f.keyOn(t, wctx, "b", 1), f.keyOn(t, wctx, "c", 2)
		must(t, memo.Invalidate(wctx, sub, part, whole)) // as they carry no tags yet
		loadSub := func(context.Context) (int, error) { return f.db.read(sub), nil }
		made := func(of string, load func(context.Context) (int, error)) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				time.Sleep(time.Microsecond) // the poll for the part begins after the load
				return memo.Do(ctx, of, load, memo.Tags(tags...))
			}
		}
		loadPart := made(sub, loadSub)
		loadWhole := made(part, loadPart)
		time.Sleep(2 * time.Second) // from now on these processes know that they have heard all there is
		for _, ctx := range []context.Context{sctx, octx} {
			for _, key := range []string{sub, part, whole} {
				_, _ = memo.Do(memo.Fresh(ctx), key, func(context.Context) (int, error) { return 0, errors.New("nothing") })
			}
		}
		hit(t, 0)(memo.Do(sctx, sub, loadSub, memo.Tags(tags...)))
		f.db.write(sub)

		var n atomic.Int64
		remove := calls.Inject(tiertest.Fault{Before: func(context.Context, tiertest.Op, []string) {
			at := n.Add(1) - 1
			if at == first || at == second {
				time.Sleep(time.Millisecond) // of this step the other Nodes are told
			}
			if at == first {
				_, err := memo.Do(sctx, part, loadPart, memo.Tags(tags...))
				must(t, err)
			}
			if at == second {
				_, err := memo.Do(octx, whole, loadWhole, memo.Tags(tags...))
				must(t, err)
			}
		}})
		must(t, invalidate(wctx, whole, part, sub))
		remove()
		third, _ := f.process(t)
		for _, c := range []*memo.Cache{third, stale, other, writer} {
			for key, load := range map[string]func(context.Context) (int, error){whole: loadWhole, part: loadPart, sub: loadSub} {
				v, err := memo.Do(memo.Fresh(c.With(context.Background())), key, load, memo.Tags(tags...))
				must(t, err)
				if v != 1 {
					t.Fatalf("stopped at calls %d and %d of %d: what is made of sub is of its version %d", first, second, n.Load(), v)
				}
			}
		}
	})
}

// What a Node that hangs is told waits for it. The others are told, in time, and their
// keys are read as ever.
func TestANodeThatHangsConcernsItsKeysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, wire := f.process(t)
		two, _ := f.process(t)
		ctx, there := one.With(context.Background()), two.With(context.Background())
		a, b := f.keyOn(t, ctx, "a", 0), f.keyOn(t, ctx, "b", 0)
		for _, key := range []string{a, b} {
			f.db.tagged(t, there, key, "x")
			f.db.write(key)
		}
		must(t, memo.Invalidate(ctx, a, b))
		for _, key := range []string{a, b} {
			f.db.tagged(t, ctx, key, "x")
			f.db.write(key)
		}
		heal := wire.Inject(tiertest.Fault{Node: "a", Hang: true})
		begin := time.Now()
		if err := memo.InvalidateTags(ctx, "x"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("InvalidateTags with one Node hanging: %v", err)
		}
		if took := time.Since(begin); took > 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		time.Sleep(aPoll)
		if v := f.db.tagged(t, there, b, "x"); v != 2 {
			t.Errorf("another process reads version %d from the Node that was told", v)
		}
		for range 3 {
			begin := time.Now()
			must(t, memo.Invalidate(ctx, b))
			f.db.do(t, ctx, b)
			if took := time.Since(begin); took > 0 {
				t.Errorf("a key of another Node took %v", took)
			}
		}
		heal()
		time.Sleep(3 * time.Second)
		if v := f.db.tagged(t, there, a, "x"); v != 2 {
			t.Errorf("another process reads version %d from the Node that has come back", v)
		}
		if pending := one.Snapshot().Nodes[0].Pending; pending != 0 {
			t.Errorf("%d invalidations wait for a Node that is back", pending)
		}
	})
}

// 1. a row is on a, and what is made of it on b; both are invalidated, and a does not hear
// 2. another process, which still reaches a, makes it anew of the old row, and stores it on b
// 3. the one that has invalidated both reads that from b
func TestWhatWaitsForOneNodeIsNotReadFromAnother(t *testing.T) {
	for name, c := range map[string]struct {
		tags       []string
		invalidate func(ctx context.Context, keys ...string) error
	}{
		"keys":  {nil, memo.Invalidate},
		"a tag": {[]string{"t"}, func(ctx context.Context, _ ...string) error { return memo.InvalidateTags(ctx, "t") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(abc...)
				writer, wire := f.process(t)
				other, _ := f.process(t)
				wctx, octx := writer.With(context.Background()), other.With(context.Background())
				row, whole := f.keyOn(t, wctx, "a", 0), f.keyOn(t, wctx, "b", 0)
				must(t, memo.Invalidate(wctx, row, whole)) // as they carry no tags yet
				time.Sleep(3 * time.Second)
				loadRow := func(context.Context) (int, error) { return f.db.read(row), nil }
				loadWhole := func(ctx context.Context) (int, error) {
					time.Sleep(time.Millisecond) // the poll for the row begins after the load
					return memo.Do(ctx, row, loadRow, memo.Tags(c.tags...))
				}
				hit(t, 0)(memo.Do(octx, whole, loadWhole, memo.Tags(c.tags...)))
				f.db.write(row)
				heal := wire.Inject(tiertest.Fault{Node: "a", Hang: true})
				if err := c.invalidate(wctx, row, whole); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("%v, of a Node that hangs", err)
				}
				time.Sleep(aPoll)
				hit(t, 0)(memo.Do(octx, whole, loadWhole, memo.Tags(c.tags...))) // as it could not hear of the row
				hit(t, 1)(memo.Do(wctx, whole, loadWhole, memo.Tags(c.tags...)))
				heal()
				time.Sleep(5 * time.Second)
				third, _ := f.process(t)
				for _, c2 := range []*memo.Cache{third, other, writer} {
					hit(t, 1)(memo.Do(c2.With(context.Background()), whole, loadWhole, memo.Tags(c.tags...)))
				}
			})
		})
	}
}
