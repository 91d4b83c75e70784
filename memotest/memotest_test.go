package memotest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
	"github.com/tiermemo/tiermemo/memotest"
)

// memotest_test.go: what a cache of this package counts, and what it tells the
// test at its end.

// do reads key through c, by a loader that returns v.
func do(t testing.TB, c *memotest.Cache, key string, v int) int {
	t.Helper()
	got, err := memo.Do(c.With(context.Background()), key, func(context.Context) (int, error) { return v, nil })
	if err != nil {
		t.Errorf("Do(%s): %v", key, err)
	}
	return got
}

// eachWay runs a test in a bubble and in real time.
func eachWay(t *testing.T, test func(t *testing.T)) {
	t.Parallel()
	t.Run("in a bubble", func(t *testing.T) { synctest.Test(t, test) })
	t.Run("in real time", test)
}

func TestLoadsAreCountedByKeyAndProcess(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		a := memotest.New(t)
		b := a.Process()
		for range 3 {
			do(t, a, "k", 1)
			do(t, b, "k", 2)
		}
		do(t, b, "other", 3)
		a.WantLoads("k", 1)
		a.WantLoads("other", 0)
		b.WantLoads("k", 0) // from the server
		b.WantLoads("other", 1)
		if runs := a.Snapshot().Total.Runs + b.Snapshot().Total.Runs; runs != 2 {
			t.Errorf("the caches count %d runs, want 2", runs)
		}
	})
}

func TestEveryRunOfALoaderCounts(t *testing.T) {
	t.Parallel()
	c := memotest.New(t)
	ctx := c.With(t.Context())
	broken := errors.New("broken")
	for range 2 {
		if _, err := memo.Do(ctx, "fails", func(context.Context) (int, error) { return 0, broken }); err != broken {
			t.Errorf("got %v", err)
		}
	}
	_, err := memo.Do(ctx, "outer", func(ctx context.Context) (int, error) {
		return memo.Do(ctx, "inner", func(context.Context) (int, error) { return 7, nil })
	})
	if err != nil {
		t.Error(err)
	}
	_, err = memo.Do(ctx, "lossy", func(context.Context) (any, error) { return struct{ n int }{7}, nil }) // L2 alone
	if err != nil {
		t.Error(err)
	}
	for key, n := range map[string]int{"fails": 2, "outer": 1, "inner": 1, "lossy": 1} {
		c.WantLoads(key, n)
	}
}

// In real time a machine that stands still for StaleBound would make some load again.
func TestConcurrentLoadsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := memotest.New(t)
		var wg sync.WaitGroup
		for i := range 400 {
			wg.Go(func() { do(t, c, fmt.Sprint("k", i%100), i) })
		}
		wg.Wait()
		for i := range 100 {
			c.WantLoads(fmt.Sprint("k", i), 1)
		}
	})
}

func TestWantLoadsSaysWhatWasLoaded(t *testing.T) {
	t.Parallel()
	said := run(func(t testing.TB) {
		c := memotest.New(t)
		do(t, c, memo.Key("user", 7), 1)
		do(t, c, memo.Key("user", 8), 1)
		c.WantLoads(memo.Key("user", "7"), 1)
	})
	failsWith(t, said, "user:'7 was loaded 0 times, want 1", "user:7 1×, user:8 1×")
	said = run(func(t testing.TB) { memotest.New(t).WantLoads("k", 1) })
	failsWith(t, said, "loaded were: nothing")
}

func TestTheApplicationsConfigIsKept(t *testing.T) {
	t.Parallel()
	type trace struct{}
	var saw any
	c := memotest.NewFromConfig(t, memo.Config{
		Name: "shop", Prefix: "shop",
		LoadContext: func(ctx context.Context) context.Context {
			return context.WithValue(context.Background(), trace{}, ctx.Value(trace{}))
		},
	}, memo.TTL(time.Hour))
	ctx := context.WithValue(t.Context(), trace{}, "abc")
	_, err := memo.Do(c.With(ctx), "k", func(ctx context.Context) (int, error) {
		saw = ctx.Value(trace{})
		return 1, nil
	})
	if err != nil || saw != "abc" || c.Snapshot().Name != "shop" {
		t.Errorf("the loader saw %v in the cache %q, %v", saw, c.Snapshot().Name, err)
	}
	c.WantLoads("k", 1)
	c.Server.Evict("k")
	if do(t, c.Process(), "k", 2) != 2 {
		t.Error("the value was not evicted under the application's Prefix")
	}
}

func TestNilLoadContextStaysNobodys(t *testing.T) {
	t.Parallel()
	type user struct{}
	for _, cfg := range []memo.Config{{}, {LoadContext: func(context.Context) context.Context { return nil }}} {
		c := memotest.NewFromConfig(t, cfg)
		ctx := context.WithValue(t.Context(), user{}, "alice")
		_, err := memo.Do(c.With(ctx), "k", func(ctx context.Context) (int, error) {
			if got := ctx.Value(user{}); got != nil {
				t.Errorf("a loader sees %v, a value of one caller", got)
			}
			return 1, nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNotPossibleIsSaid(t *testing.T) {
	t.Parallel()
	said := run(func(t testing.TB) { memotest.NewFromConfig(t, memo.Config{Shared: tiertest.NewMemory()}) })
	failsWith(t, said, "memotest brings a server of its own")
	said = run(func(t testing.TB) { memotest.New(t, memo.TTL(-1)) })
	failsWith(t, said, "TTL of -1ns")
	said = run(func(t testing.TB) { memotest.NewFromConfig(t, memo.Config{Local: lru.New(10)}).Process() })
	failsWith(t, said, "the memory of one process")
}

func TestALoaderThatOutlivesTheTestFailsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		said := run(func(t testing.TB) {
			c := memotest.New(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _ = memo.Do(c.With(ctx), "k", func(context.Context) (int, error) { <-release; return 1, nil }, memo.LoadTimeout(time.Hour))
		})
		failsWith(t, said, "a loader was still running", "k 1×")
	})
}

func TestTheCacheEndsWithTheTest(t *testing.T) {
	t.Parallel()
	var c *memotest.Cache
	if said := run(func(t testing.TB) {
		c = memotest.New(t)
		do(t, c, "k", 1)
		c.Server.Stop()
		if err := c.Invalidate(t.Context(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("got %v, want %v", err, memo.ErrDeferred)
		}
	}); len(said) > 0 {
		t.Errorf("an invalidation that waits for a stopped server fails the test: %q", said)
	}
	if err := c.Invalidate(t.Context(), "k"); !errors.Is(err, memo.ErrClosed) {
		t.Errorf("got %v, want %v", err, memo.ErrClosed)
	}
}
