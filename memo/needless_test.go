package memo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What caution must not cost: loads for nothing, while nothing has failed.

// Others invalidate other keys, 200 times a second. A read inside of a load finds
// numbers whose records are a round trip away.
func TestG03_NestedReadsWhileOthersWriteOtherKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.store.Inject(tiertest.Fault{Delay: 400 * time.Microsecond})
		w, _ := f.process(t)
		r, _ := f.process(t)
		time.Sleep(5 * time.Second)
		stop := make(chan struct{})
		var writes sync.WaitGroup
		writes.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(5*time.Millisecond + time.Duration(i%7)*100*time.Microsecond):
				}
				writes.Go(func() {
					must(t, w.Invalidate(context.Background(), fmt.Sprint("other", i), fmt.Sprint("another", i)))
				})
			}
		})
		ctx := r.With(context.Background())
		part := f.db.slow("part", 5*time.Millisecond)
		for i := range 300 {
			time.Sleep(3*time.Millisecond + time.Duration(i%13)*100*time.Microsecond)
			_, err := memo.Do(ctx, fmt.Sprint("whole", i), func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) }, memo.TTL(time.Hour))
			must(t, err)
		}
		close(stop)
		writes.Wait()
		if n := f.db.queries("part"); n != 1 {
			t.Errorf("for 300 wholes part was loaded %d times, want 1: nobody wrote it", n)
		}
	})
}

func TestG02_ColdProcessWholesShareOnePart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		old, _ := f.process(t)
		octx := old.With(context.Background())
		part := f.db.slow("part", 20*time.Millisecond)
		_, err := memo.Do(octx, "part", part)
		must(t, err)
		must(t, memo.Invalidate(octx, "other")) // the counter moves, long ago
		time.Sleep(time.Minute / 2)
		fresh, _ := f.process(t)
		ctx := fresh.With(context.Background())
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_, err := memo.Do(ctx, fmt.Sprint("whole", i), func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) })
				must(t, err)
			})
		}
		wg.Wait()
		if n := f.db.queries("part"); n > 2 {
			t.Errorf("part was loaded %d times, want once by the first process, and at most once by the new one", n)
		}
	})
}

func TestG03_LoadAcrossTheEndOfTheColdStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		old, _ := f.process(t)
		must(t, memo.Invalidate(old.With(context.Background()), "other"))
		fresh, _ := f.process(t)
		k := f.db.slow("k", 300*time.Millisecond)
		time.Sleep(900 * time.Millisecond)
		_, err := memo.Do(fresh.With(context.Background()), "k", k)
		must(t, err)
		_, err = memo.Do(old.With(context.Background()), "k", k)
		must(t, err)
		_, err = memo.Do(fresh.With(context.Background()), "k", k)
		must(t, err)
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("k was loaded %d times, want 1", n)
		}
	})
}

func TestG03_PartsOfALoadFromAnOldEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		w, _ := f.process(t)
		r, _ := f.process(t)
		wctx, rctx := w.With(context.Background()), r.With(context.Background())
		_, err := memo.Do(rctx, "whole", func(ctx context.Context) (int, error) {
			time.Sleep(10 * time.Millisecond)
			must(t, memo.InvalidateAll(wctx))
			f.db.do(t, wctx, "part")
			time.Sleep(time.Second) // the process has polled ten times
			for range 5 {
				f.db.do(t, rctx, "part") // outside: L3, L2
				f.db.do(t, ctx, "part")
			}
			return 0, nil
		})
		must(t, err)
		if n := f.db.queries("part"); n != 1 {
			t.Errorf("part was loaded %d times, want 1", n)
		}
	})
}

func TestG03_SlowLoaderInAColdStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		old, _ := f.process(t)
		must(t, memo.Invalidate(old.With(context.Background()), "other"))
		fresh, _ := f.process(t, func(c *memo.Config) { c.WriteTimeout = 5 * time.Second })
		k := f.db.slow("k", 2*time.Second)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				_, err := memo.Do(fresh.With(context.Background()), "k", k)
				must(t, err)
			})
		}
		wg.Wait()
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("k was loaded %d times, want 1", n)
		}
	})
}

// 1. a load asks another cache, and waits until its own lease is confirmed
// 2. that cache is closed
func TestNestedReadOfACacheThatCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		wholes, store := f.process(t, func(c *memo.Config) { c.Prefix = "wholes" })
		looks := 0
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:whole", Before: func(context.Context, tiertest.Op, []string) {
			if looks++; looks == 2 { // that confirms the lease
				time.Sleep(90 * time.Millisecond)
			}
		}})
		parts, err := memo.New(memo.Config{Prefix: "t", Shared: f.store, Logger: quiet})
		must(t, err)
		time.Sleep(time.Second)
		begin := time.Now()
		_, err = memo.Do(wholes.With(context.Background()), "whole", func(ctx context.Context) (int, error) {
			go func() {
				time.Sleep(10 * time.Millisecond)
				must(t, parts.Close(context.Background()))
			}()
			return memo.Do(parts.With(ctx), "part", f.db.slow("part", 0))
		})
		if d := time.Since(begin); d > time.Second || err != nil {
			t.Errorf("the load ended after %v with %v", d, err)
		}
	})
}
