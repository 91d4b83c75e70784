package memo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a ctx of BeginTx reads, and when a Tx has ended.

func TestReadsUseTheTiersUntilTheFirstWrite(t *testing.T) {
	t.Parallel()
	for way, invalidate := range invalidations {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				c := open()
				request := opens(t, c)(context.Background())
				for name, outer := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
					for _, key := range []string{"k", "unrelated"} {
						db.tagged(t, outer, key, "tag")
					}
					ctx, tx := memo.BeginTx(outer)
					x := db.begin()
					want := x.write("k")
					x.write("unrelated")
					for _, key := range []string{"k", "unrelated"} {
						hit(t, 0)(memo.Do(ctx, key, x.fn(key)))
						hit(t, 0)(memo.Get[int](ctx, key))
						if v, ok := memo.Peek[int](ctx, key); v != 0 || !ok {
							t.Errorf("%s: Peek of %s before the first write: %d, %t", name, key, v, ok)
						}
					}
					must(t, invalidate(ctx, want))
					for _, key := range []string{"k", "unrelated"} {
						if way == "Set" && key == "k" {
							continue // remembered
						}
						if v, err := memo.Get[int](ctx, key); !errors.Is(err, memo.ErrMiss) {
							t.Errorf("%s: Get of %s after a write: %d, %v; want ErrMiss", name, key, v, err)
						}
						if v, ok := memo.Peek[int](ctx, key); ok {
							t.Errorf("%s: Peek of %s after a write: %d", name, key, v)
						}
					}
					for range 3 {
						for _, key := range []string{"k", "unrelated"} {
							hit(t, 1)(memo.Do(ctx, key, x.fn(key)))
							hit(t, 1)(memo.Get[int](ctx, key))
							if v, ok := memo.Peek[int](ctx, key); v != 1 || !ok {
								t.Errorf("%s: Peek of %s that was loaded: %d, %t", name, key, v, ok)
							}
						}
					}
					if n := x.runs["unrelated"]; n != 1 {
						t.Errorf("%s: %d runs of the loader in one transaction, want 1", name, n)
					}
					if v := db.do(t, outer, "k"); v != 0 {
						t.Errorf("%s: outside of the transaction: version %d", name, v)
					}
					tx.Discard()
				}
			})
		})
	}
}

func TestWriteForgetsWhatTheTransactionRemembers(t *testing.T) {
	t.Parallel()
	for way, invalidate := range invalidations {
		c, db := newCache(t, memo.Config{}), newDatabase()
		ctx, tx := memo.BeginTx(c.With(context.Background()))
		x := db.begin()
		x.do(t, ctx, "k", memo.Tags("tag"))
		want := x.write("k")
		must(t, invalidate(ctx, want))
		if v := x.do(t, ctx, "k"); v != want {
			t.Errorf("%s: the transaction reads version %d, want its own %d", way, v, want)
		}
		tx.Discard()
	}
}

func TestWhatASetWasGivenIsReadInItsTransaction(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, tx := memo.BeginTx(c.With(context.Background()))
	must(t, memo.Set(ctx, "k", 7))
	hit(t, 7)(memo.Do(ctx, "k", loadNumber))
	hit(t, 7)(memo.Get[int](ctx, "k"))
	if _, err := memo.Do(ctx, "k", loadText); !errors.As(err, new(*memo.TypeError)) {
		t.Errorf("as another type: %v, want a *TypeError", err)
	}
	must(t, memo.Invalidate(ctx, "k"))
	if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after Invalidate: %d, %v", v, err)
	}
	must(t, tx.Commit(ctx))
	if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after Commit: %d, %v; want that nothing was stored", v, err)
	}
}

func TestGoroutinesOfATransactionShareItsLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx, tx := memo.BeginTx(c.With(context.Background()))
		defer tx.Discard()
		release, runs := make(chan struct{}), 0
		var waits []func() int
		for range 8 {
			waits = append(waits, later(t, func() (int, error) {
				return memo.Do(ctx, "k", func(context.Context) (int, error) { runs++; <-release; return 7, nil })
			}))
		}
		synctest.Wait()
		gone, leave := context.WithCancel(ctx)
		leave()
		if _, err := memo.Do(gone, "k", loadNumber); !errors.Is(err, context.Canceled) {
			t.Errorf("who has left gets %v", err)
		}
		close(release)
		for _, wait := range waits {
			if v := wait(); v != 7 {
				t.Errorf("%d, want 7", v)
			}
		}
		if s := c.Snapshot().Total; runs != 1 || s.Bypass != 1 || s.Joined != 7 || s.Errors != 1 || s.Runs != 0 {
			t.Errorf("%d runs; counted %+v", runs, s)
		}
	})
}

func TestErrorsAndNegativesInATransaction(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, tx := memo.BeginTx(c.With(context.Background()))
	defer tx.Discard()
	boom, runs := errors.New("boom"), 0
	fails := func(err error) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { runs++; return 0, err }
	}
	for range 2 {
		if _, err := memo.Do(ctx, "error", fails(boom)); err != boom {
			t.Errorf("%v, want the loader's error", err)
		}
	}
	for range 2 {
		if _, err := memo.Do(ctx, "absent", fails(memo.ErrNotFound)); err != memo.ErrNotFound {
			t.Errorf("%v, want ErrNotFound", err)
		}
	}
	for range 2 {
		if _, err := memo.Do(ctx, "negative", fails(fmt.Errorf("no row: %w", memo.ErrNotFound)), memo.NegativeTTL(patience)); err != memo.ErrNotFound {
			t.Errorf("%v, want ErrNotFound", err)
		}
	}
	if runs != 5 {
		t.Errorf("%d runs, want 5: an error is not kept, and a negative is", runs)
	}
	gone, leave := context.WithCancel(ctx)
	v, err := memo.Do(gone, "cut short", func(context.Context) (int, error) { leave(); return 3, nil })
	hit(t, 3)(v, err)
	hit(t, 4)(memo.Do(ctx, "cut short", func(context.Context) (int, error) { return 4, nil }))
}

func TestPanicOfALoaderInATransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx, tx := memo.BeginTx(c.With(context.Background()))
		defer tx.Discard()
		begun, release := make(chan struct{}), make(chan struct{})
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, _ = memo.Do(ctx, "k", func(context.Context) (int, error) { close(begun); <-release; panic(http.ErrAbortHandler) })
		}()
		<-begun
		waiter := make(chan error, 1)
		go func() { _, err := memo.Do(ctx, "k", loadNumber); waiter <- err }()
		synctest.Wait()
		close(release)
		if p := <-panicked; p != http.ErrAbortHandler {
			t.Errorf("the leader panics with %v", p)
		}
		if err := <-waiter; !errors.As(err, new(*memo.PanicError)) || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("who waits gets %v, want a *PanicError", err)
		}
		hit(t, 1<<30)(memo.Do(ctx, "k", loadNumber)) // the key is free
	})
}

func TestLoaderOfATransactionThatAsksForItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx, tx := memo.BeginTx(c.With(context.Background()))
		defer tx.Discard()
		var self func(ctx context.Context) (int, error)
		self = func(ctx context.Context) (int, error) { return memo.Do(ctx, "self", self) }
		for name, under := range map[string]context.Context{"Do": ctx, "Fresh": memo.Fresh(ctx)} {
			if _, err := memo.Do(under, "self", self); !errors.Is(err, memo.ErrRecursive) {
				t.Errorf("%s: %v, want ErrRecursive", name, err)
			}
		}
		// Two goroutines, each in a load that waits for the other's.
		var both sync.WaitGroup
		errs := make(chan error, 2)
		both.Add(2)
		asks := func(key, other string) {
			_, err := memo.Do(ctx, key, func(ctx context.Context) (int, error) {
				both.Done()
				both.Wait()
				return memo.Do(ctx, other, loadNumber)
			})
			errs <- err
		}
		go asks("a", "b")
		go asks("b", "a")
		if a, b := <-errs, <-errs; !errors.Is(a, memo.ErrRecursive) && !errors.Is(b, memo.ErrRecursive) {
			t.Errorf("%v and %v, want an ErrRecursive", a, b)
		}
		// A load outside, whose loader begins the transaction.
		outer := c.With(context.Background())
		depth := 0
		self = func(ctx context.Context) (int, error) {
			depth++
			ctx, tx := memo.BeginTx(ctx)
			defer tx.Discard()
			return memo.Do(ctx, "self", self)
		}
		if _, err := memo.Do(outer, "self", self); !errors.Is(err, memo.ErrRecursive) || depth != 2 {
			t.Errorf("%v at depth %d, want ErrRecursive at 2", err, depth)
		}
	})
}

// A loader may read by a transaction of its own; what it returns is stored as ever.
func TestTransactionInALoader(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		outer := c.With(context.Background())
		db.do(t, outer, "part")
		x := db.begin()
		x.write("part")
		whole := func(ctx context.Context) (int, error) {
			ctx, tx := memo.BeginTx(ctx)
			memo.Amend(ctx, memo.Tags("whole"))
			first := x.do(t, ctx, "part")
			must(t, memo.Invalidate(ctx, "part"))
			second, err := memo.Do(ctx, "part", func(ctx context.Context) (int, error) {
				memo.Amend(ctx, memo.Tags("part")) // of what the transaction remembers, not of the whole
				return x.fn("part")(ctx)
			})
			x.commit()
			return 10*first + second, errors.Join(err, tx.Commit(ctx))
		}
		hit(t, 1)(memo.Do(outer, "whole", whole))
		hit(t, 1)(memo.Do(outer, "whole", whole))
		if v := db.do(t, outer, "part"); v != 1 {
			t.Errorf("the part has version %d, want 1", v)
		}
		must(t, memo.InvalidateTags(outer, "part"))
		hit(t, 1)(memo.Get[int](outer, "whole"))
		must(t, memo.InvalidateTags(outer, "whole"))
		if v, err := memo.Get[int](outer, "whole"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("%d, %v: what the loader said of the whole was lost", v, err)
		}
	})
}

func TestModesInATransaction(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		outer := c.With(context.Background())
		ctx, tx := memo.BeginTx(outer)
		defer tx.Discard()
		x := db.begin()
		x.do(t, ctx, "k")
		x.write("k")
		hit(t, 0)(memo.Do(ctx, "k", x.fn("k")))
		hit(t, 1)(memo.Do(memo.Bypass(ctx), "k", x.fn("k")))
		hit(t, 0)(memo.Do(ctx, "k", x.fn("k")))
		hit(t, 1)(memo.Do(memo.Fresh(ctx), "k", x.fn("k")))
		hit(t, 1)(memo.Do(ctx, "k", x.fn("k")))
		x.write("k")
		hit(t, 2)(memo.Refresh(ctx, "k", x.fn("k")))
		hit(t, 2)(memo.Do(ctx, "k", x.fn("k")))
		copied := func(v int) int { return v + 100 }
		hit(t, 102)(memo.Do(ctx, "k", x.fn("k"), memo.Clone(copied)))

		for name, under := range map[string]context.Context{"Bypass": memo.Bypass(ctx), "Fresh": memo.Fresh(ctx)} {
			db.do(t, outer, "other")
			must(t, memo.Invalidate(under, "other"))
			hit(t, 0)(memo.Get[int](outer, "other"))
			must(t, memo.Set(under, "other", 5))
			hit(t, 0)(memo.Get[int](outer, "other"))
			if _, ok := memo.Peek[int](under, "other"); ok {
				t.Errorf("Peek under %s found something", name)
			}
		}
	})
}

// Whatever is between BeginTx and the read: see TestModesComeDownThroughEveryContext.
func TestTransactionsComeDownThroughEveryContext(t *testing.T) {
	t.Parallel()
	type step = func(context.Context) context.Context
	wrap := func(ctx context.Context) context.Context { return nameless{context.WithValue(ctx, user{}, 1)} }
	c, other := newCache(t, memo.Config{}), newCache(t, memo.Config{})
	var none context.Context
	for way, steps := range map[string][]step{
		"before With":          {nil, c.With},
		"before Begin":         {nil, opens(t, c)},
		"after With":           {c.With, nil},
		"after Begin":          {opens(t, c), nil},
		"wrapped before":       {wrap, nil, wrap, c.With, wrap},
		"wrapped after":        {c.With, wrap, nil, wrap},
		"between two caches":   {other.With, nil, c.With},
		"before a request":     {c.With, nil, opens(t, c)},
		"Begin inside a Begin": {opens(t, c), nil, opens(t, c)},
		"with a mode":          {memo.Fresh, nil, c.With, memo.Fresh},
		"nil ctx":              {func(context.Context) context.Context { return none }, nil, c.With},
	} {
		db, ctx := newDatabase(), context.Background()
		var tx *memo.Tx
		for _, s := range steps {
			if s == nil {
				ctx, tx = memo.BeginTx(ctx)
			} else {
				ctx = s(ctx)
			}
		}
		outer := c.With(context.Background())
		db.do(t, outer, way)
		db.write(way)
		must(t, memo.Invalidate(ctx, way))
		if !memo.InTx(ctx) {
			t.Errorf("%s: not in a Tx", way)
		}
		if v := db.do(t, ctx, way); v != 1 {
			t.Errorf("%s: the transaction reads version %d, want its own", way, v)
		}
		if v := db.do(t, outer, way); v != 0 {
			t.Errorf("%s: the invalidation did not wait: version %d", way, v)
		}
		must(t, tx.Commit(ctx))
		if v := db.do(t, outer, way); v != 1 || memo.InTx(ctx) {
			t.Errorf("%s: after the commit version %d, in a Tx: %t", way, v, memo.InTx(ctx))
		}
	}
	if memo.InTx(none) || memo.InTx(context.Background()) || memo.InTx(c.With(context.Background())) {
		t.Error("in a Tx, where there is none")
	}
}

func TestTxThatHasEnded(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		outer := opens(t, c)(context.Background())
		for name, end := range map[string]func(tx *memo.Tx) error{
			"Commit":                func(tx *memo.Tx) error { return tx.Commit(context.Background()) },
			"Discard":               func(tx *memo.Tx) error { tx.Discard(); return nil },
			"Commit with a nil ctx": func(tx *memo.Tx) error { var none context.Context; return tx.Commit(none) },
		} {
			ctx, tx := memo.BeginTx(outer)
			x := db.begin()
			x.do(t, ctx, name)
			must(t, memo.Invalidate(ctx, "nothing"))
			must(t, end(tx))
			before := c.Snapshot().Total.Invalidations.Keys
			if err := tx.Commit(ctx); !errors.As(err, new(*memo.UsageError)) || !strings.Contains(err.Error(), "has ended") {
				t.Errorf("Commit after %s: %v, want a *UsageError", name, err)
			}
			tx.Discard()
			if n := c.Snapshot().Total.Invalidations.Keys - before; n != 0 {
				t.Errorf("after %s %d keys were invalidated once more", name, n)
			}

			want := db.write(name)
			if v := db.do(t, ctx, name); v != want {
				t.Errorf("after %s: version %d of what the transaction remembered, want %d", name, v, want)
			}
			hit(t, want)(memo.Get[int](outer, name)) // stored, as by the outer ctx
			db.write(name)
			must(t, memo.Invalidate(ctx, name)) // at once
			if v := db.do(t, outer, name); v != want+1 {
				t.Errorf("after %s an invalidation waited: version %d, want %d", name, v, want+1)
			}
			must(t, memo.Set(ctx, name, 9))
			hit(t, 9)(memo.Get[int](outer, name))
		}
	})
}

func TestNestedTransactionsAreOne(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		outer := c.With(context.Background())
		for name, test := range map[string]struct {
			inner func(ctx context.Context, tx *memo.Tx) error
			outer func(ctx context.Context, tx *memo.Tx) error
			want  bool // that both are invalidated
		}{
			"both commit":                {commitTx, commitTx, true},
			"the inner one is discarded": {discardTx, commitTx, true},
			"the outer one is discarded": {commitTx, discardTx, false},
			"the inner one is forgotten": {func(context.Context, *memo.Tx) error { return nil }, commitTx, true},
		} {
			db.do(t, outer, "outer")
			db.do(t, outer, "inner")
			ctx, tx := memo.BeginTx(outer)
			must(t, memo.Invalidate(ctx, "outer"))
			nested, part := memo.BeginTx(ctx)
			must(t, memo.Invalidate(nested, "inner"))
			db.write("inner")
			db.do(t, ctx, "inner")
			db.write("inner") // as by the rollback to a savepoint
			must(t, test.inner(nested, part))
			if v, w := db.do(t, ctx, "inner"), db.read("inner"); name == "the inner one is discarded" && v != w {
				t.Errorf("%s: the outer ctx reads version %d, want %d", name, v, w)
			}
			for _, key := range []string{"outer", "inner"} {
				if _, err := memo.Get[int](outer, key); err != nil {
					t.Errorf("%s: %s was invalidated before the outer one had ended", name, key)
				}
			}
			must(t, test.outer(ctx, tx))
			for _, key := range []string{"outer", "inner"} {
				if _, err := memo.Get[int](outer, key); errors.Is(err, memo.ErrMiss) != test.want {
					t.Errorf("%s: %s: %v", name, key, err)
				}
			}
			if err := part.Commit(nested); !errors.As(err, new(*memo.UsageError)) {
				t.Errorf("%s: the inner one commits in the end: %v, want a *UsageError", name, err)
			}
		}
		ctx, tx := memo.BeginTx(outer)
		nested, part := memo.BeginTx(ctx)
		tx.Discard()
		if err := part.Commit(nested); !errors.As(err, new(*memo.UsageError)) {
			t.Errorf("the inner one commits after the outer one: %v, want a *UsageError", err)
		}
	})
}

func commitTx(ctx context.Context, tx *memo.Tx) error { return tx.Commit(ctx) }
func discardTx(_ context.Context, tx *memo.Tx) error  { tx.Discard(); return nil }

func TestTransactionOfSeveralCaches(t *testing.T) {
	t.Parallel()
	a, b, closed, db := newCache(t, memo.Config{}), newCache(t, memo.Config{}), newCache(t, memo.Config{}), newDatabase()
	outer := a.With(context.Background())
	for _, c := range []*memo.Cache{a, b} {
		db.do(t, c.With(context.Background()), "k")
	}
	ctx, tx := memo.BeginTx(outer)
	x := db.begin()
	x.write("k")
	must(t, memo.Invalidate(ctx, "k"))
	hit(t, 1)(memo.Do(b.With(ctx), "k", x.fn("k"))) // a write to one hides all of them
	must(t, b.Invalidate(ctx, "k"))
	must(t, closed.Invalidate(ctx, "k"))
	must(t, closed.Close(context.Background()))
	if err := closed.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrClosed) {
		t.Errorf("an invalidation of a closed cache: %v, want ErrClosed", err)
	}
	for _, c := range []*memo.Cache{a, b} {
		hit(t, 0)(memo.Get[int](c.With(context.Background()), "k"))
	}
	x.commit()
	if err := tx.Commit(ctx); !errors.Is(err, memo.ErrClosed) {
		t.Errorf("Commit: %v, want that one was closed", err)
	}
	for _, c := range []*memo.Cache{a, b} {
		if v := db.do(t, c.With(context.Background()), "k"); v != 1 {
			t.Errorf("version %d, want 1", v)
		}
	}
}

func TestTransactionWithoutACache(t *testing.T) {
	t.Parallel()
	ctx, tx := memo.BeginTx(context.Background())
	if err := memo.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("Invalidate: %v, want ErrNoCache", err)
	}
	hit(t, 1<<30)(memo.Do(ctx, "k", loadNumber))
	must(t, tx.Commit(ctx))
	ctx, tx = memo.BeginTx(newCache(t, memo.Config{}).With(ctx))
	if err := memo.Invalidate(ctx, "k", ""); !errors.As(err, new(*memo.UsageError)) {
		t.Errorf("Invalidate of an empty key: %v, want a *UsageError at once", err)
	}
	must(t, tx.Commit(ctx))
}

// What stands together is told together: each key of its own would be two round trips.
func TestCommitTellsInAFewSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		ctx, tx := memo.BeginTx(c.With(context.Background()))
		for i := range 2500 {
			must(t, memo.Invalidate(ctx, memo.Key("k", i%1250)))
		}
		must(t, memo.InvalidateTags(ctx, "a"))
		must(t, memo.InvalidateTags(ctx, "b", "a"))
		must(t, memo.InvalidateTree(ctx, "x"))
		must(t, memo.InvalidateTree(ctx, "y"))
		must(t, memo.Expire(ctx, "z"))
		if n := store.Calls("incr"); n != 0 {
			t.Errorf("%d numbers were drawn before Commit", n)
		}
		must(t, tx.Commit(ctx))
		got := c.Snapshot().Total.Invalidations
		want := memo.InvalidationStats{Keys: 2500, Tags: 2, Trees: 2, Expired: 1} // a key in each thousand once
		if got != want {
			t.Errorf("told of %+v, want %+v", got, want)
		}
		if n := store.Calls("incr"); n > 20 {
			t.Errorf("%d numbers were drawn for six steps", n)
		}

		ctx, tx = memo.BeginTx(c.With(context.Background()))
		must(t, memo.Invalidate(ctx, "k"))
		must(t, memo.InvalidateAll(ctx))
		must(t, memo.InvalidateTags(ctx, "a"))
		must(t, tx.Commit(ctx))
		want.All++
		if got := c.Snapshot().Total.Invalidations; got != want {
			t.Errorf("of everything and more: told of %+v, want %+v", got, want)
		}
	})
}

func TestManyGoroutinesInOneTransaction(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory()}))
	for range 50 {
		ctx, tx := memo.BeginTx(opens(t, c)(context.Background()))
		var all sync.WaitGroup
		for g := range 6 {
			all.Go(func() {
				for i := range 20 {
					key := memo.Key("k", i%5)
					switch (i + g) % 6 {
					case 0:
						must(t, memo.Invalidate(ctx, key))
					case 1:
						must(t, memo.Set(ctx, key, 1))
					case 2:
						must(t, memo.InvalidateTree(ctx, "k"))
					case 3:
						if i > 10 && g == 0 {
							_ = tx.Commit(ctx)
						}
					default:
						hit(t, 1)(memo.Do(ctx, key, func(context.Context) (int, error) { return 1, nil }))
					}
				}
			})
		}
		all.Wait()
		tx.Discard()
	}
}
