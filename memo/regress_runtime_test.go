package memo_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The bugs that other caches had as guests of a program: what they left behind,
// how long they let it wait, what they said about themselves. That a closed cache
// leaves no goroutine is shown by every test of this package: TestMain looks, and
// so does each bubble.

// abandoned is a cache that was used, and that nobody closes.
//
//go:noinline
func abandoned(tb testing.TB) weak.Pointer[memo.Cache] {
	c, err := memo.New(memo.Config{Logger: quiet})
	must(tb, err)
	db := newDatabase()
	for i := range 10 {
		ctx, end := c.Begin(context.Background())
		db.do(tb, ctx, memo.Key("k", i))
		db.do(tb, ctx, memo.Key("k", i))
		end()
	}
	must(tb, c.Invalidate(context.Background(), memo.Key("k", 1)))
	return weak.Make(c)
}

// One without a shared tier has no goroutine that would hold it. Its clock has a
// timer while it is read, and lets go within a tick or two.
func TestR51_CacheThatNobodyClosesIsFreed(t *testing.T) {
	t.Parallel()
	c := abandoned(t)
	for range time.Tick(time.Millisecond) {
		if runtime.GC(); c.Value() == nil {
			return
		}
	}
}

// The budget of a read is a minute here, and nobody waits for it.
func TestR52_SlowSharedTierDoesNotOutlastItsCallers(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context) error{
		"Do": func(ctx context.Context) error {
			_, err := memo.Do(ctx, "k", loadNumber)
			if !errors.Is(err, context.DeadlineExceeded) {
				return errors.New("no DeadlineExceeded")
			}
			return nil
		},
		"Get": func(ctx context.Context) error { _, _ = memo.Get[int](ctx, "k"); return nil },
	} {
		for _, first := range []bool{true, false} { // is it the first call of its process?
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := tiertest.NewFaulty(tiertest.NewMemory())
					c := newCache(t, memo.Config{Prefix: "t", Shared: store, ReadTimeout: time.Minute, WriteTimeout: time.Minute})
					if !first {
						_, _ = memo.Get[int](c.With(context.Background()), "k")
					}
					defer store.Inject(tiertest.Fault{Hang: true})()
					ctx, cancel := context.WithTimeout(c.With(context.Background()), 50*time.Millisecond)
					defer cancel()
					begin := time.Now()
					if err := call(ctx); err != nil || time.Since(begin) != 50*time.Millisecond {
						t.Errorf("the caller came back after %v (%v), want its own 50ms", time.Since(begin), err)
					}
				})
			})
		}
	}
}

// With -race, this is about the reads; without, about what they add up to. The
// traffic goes on until it was read often enough.
func TestR53_StatisticsAreReadDuringTraffic(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory()}))
	db := newDatabase()
	over := make(chan struct{})
	var traffic sync.WaitGroup
	var calls atomic.Uint64
	for range 4 {
		traffic.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-over:
					return
				default:
				}
				ctx, end := c.Begin(context.Background())
				db.do(t, ctx, memo.Key("k", j%7))
				calls.Add(1)
				if j%50 == 49 {
					must(t, c.Invalidate(ctx, memo.Key("k", j%7)))
				}
				end()
			}
		})
	}
	var before memo.Counts
	for changes := 0; changes < 300; {
		n := c.Snapshot().Total
		if sum := n.L1 + n.L2 + n.L3 + n.Loads + n.Joined + n.Bypass + n.Miss + n.Errors; n.Calls != sum {
			t.Errorf("%d calls, and %d by outcome", n.Calls, sum)
			break
		}
		if n.Calls < before.Calls || n.Runs < before.Runs || n.L2 < before.L2 {
			t.Errorf("%+v came after %+v", n, before)
			break
		}
		if n.Calls > before.Calls {
			changes++
		}
		before = n
	}
	close(over)
	traffic.Wait()
	if n := c.Snapshot().Total; n.Calls != calls.Load() || n.Errors != 0 || n.InFlight != 0 {
		t.Errorf("in the end %+v, want %d calls", n, calls.Load())
	}
}
