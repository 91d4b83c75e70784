package memo_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// EarlyRefresh: a value that is read often is never past its time.

// A loader of 1 s, a TTL of 60 s, and a reader every 10 ms. The one who reads x seconds
// before the end refreshes with the probability exp(-x). That nobody has until 1 s before
// the end, so that somebody waits, is the product of 1-exp(-x) over all x from 1 on: about
// exp(-100*0.408), where 0.408 is the integral of -ln(1-exp(-x)) from 1 on. That is 1 of
// 5*10^17 lifetimes.
func TestEarlyRefreshIsInTime(t *testing.T) {
	for name, processes := range map[string]int{"alone": 0, "in a fleet of 3": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const lifetimes = 6
				f, o := newFleet(), &origin{takes: time.Second}
				var caches []*memo.Cache
				for range processes {
					c, _ := f.process(t)
					caches = append(caches, c)
				}
				if processes == 0 {
					caches = []*memo.Cache{newCache(t, memo.Config{})}
				}
				opts := []memo.Option{memo.TTL(ttl), memo.EarlyRefresh(1)}
				var all sync.WaitGroup
				for _, ctx := range readers(caches...) {
					_, err := memo.Do(ctx, "k", o.load, opts...)
					must(t, err)
				}
				for _, ctx := range readers(caches...) {
					all.Go(func() {
						for v := 0; v <= lifetimes; time.Sleep(10 * time.Millisecond) {
							begin := time.Now()
							v, _ = memo.Do(ctx, "k", o.load, opts...)
							if took := time.Since(begin); took != 0 {
								t.Errorf("a reader waited %v for version %d", took, v)
							}
						}
					})
				}
				all.Wait()
				if o.most != 1 {
					t.Errorf("%d loads at once", o.most)
				}
				for i, asked := range o.asked[1:] {
					if age := asked.Sub(o.answered[i]); age < ttl-16*time.Second || age > ttl-time.Second {
						t.Errorf("refresh %d began when the value was %v old, of a TTL of %v", i+1, age, ttl)
					}
				}
				for _, c := range caches {
					if s := c.Snapshot().Total; s.L2+1 != s.Calls-s.Miss {
						t.Errorf("a hit near the end is counted as another thing: %+v", s)
					}
				}
			})
		})
	}
}

// The nearer the end the likelier, the slower the load and the larger beta.
func TestEarlyRefreshNeverOrNotYet(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		beta  float64
		at    time.Duration // before the end
		reads int
		want  bool
	}{
		"beta 0":                           {time.Second, 0, time.Millisecond, 100, false},
		"a loader that takes no time":      {0, 100, time.Millisecond, 100, false},
		"far before the end":               {time.Second, 1, 17 * time.Second, 10_000, false},
		"far, for a beta of a tenth":       {time.Second, 0.1, 2 * time.Second, 10_000, false},
		"near the end":                     {time.Second, 1, 20 * time.Millisecond, 10, true}, // all but 1 of 10^17 times
		"far, for a slow loader":           {10 * time.Second, 1, 17 * time.Second, 200, true},
		"far, for a beta of ten":           {time.Second, 10, 17 * time.Second, 200, true},
		"of a value that was never loaded": {-1, 1, time.Millisecond, 100, false},
	} {
		t.Run(name, func(t *testing.T) {
			aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
				ctx, o := c.With(context.Background()), &origin{takes: test.takes}
				opts := []memo.Option{memo.TTL(ttl), memo.EarlyRefresh(test.beta)}
				if test.takes < 0 {
					must(t, memo.Set(ctx, "k", 1, opts...))
				} else {
					hit(t, 1)(memo.Do(ctx, "k", o.load, opts...))
				}
				before := o.loads()
				time.Sleep(ttl - test.at)
				for range test.reads {
					hit(t, 1)(memo.Do(ctx, "k", o.load, opts...))
				}
				synctest.Wait()
				if refreshed := o.loads() > before; refreshed != test.want {
					t.Errorf("refreshed: %t, want %t", refreshed, test.want)
				}
				if s := c.Snapshot().Total; s.L2 != uint64(test.reads) || s.Stale != 0 {
					t.Errorf("%d hits in L2 and %d stale, want %d and 0", s.L2, s.Stale, test.reads)
				}
				time.Sleep(10 * time.Second)
			})
		})
	}
}
