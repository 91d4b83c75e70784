package memo_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A value past its TTL, as its readers see it: it is there at once, and new soon. What
// a fleet makes of it is in refreshlock_test.go, what an error does in iferror_test.go.

func TestReadersOfAValuePastItsTimeGetItAtOnce(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{takes: 5 * time.Second}
		_, err := o.get(ctx)
		must(t, err)
		for version := 1; version <= 3; version++ {
			time.Sleep(over)
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() { o.gives(t, ctx, version) })
			}
			all.Wait()
			time.Sleep(4 * time.Second)
			o.gives(t, ctx, version)
			time.Sleep(time.Second + 1)
			o.gives(t, ctx, version+1)
			o.ran(t, version+1)
		}
		if s := c.Snapshot().Total; s.Stale != 3*51 || s.Refreshes != 3 || s.Runs != 4 || s.Loads != 1 {
			t.Errorf("%d stale answers, %d refreshes, %d runs, and %d loads that somebody waited for, want 153, 3, 4 and 1", s.Stale, s.Refreshes, s.Runs, s.Loads)
		}
	})
}

func TestR49_ReadsOfAValuePastItsTimeStartOneGoroutine(t *testing.T) {
	most := map[bool]int{false: 1, true: 2} // the load, and in a fleet what renews its lock
	for fleet, want := range most {
		t.Run(fmt.Sprintf("in a fleet: %t", fleet), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, memo.Config{})
				if fleet {
					c, _ = newFleet().process(t)
				}
				ctx, o := c.With(context.Background()), &origin{takes: time.Second}
				_, err := o.get(ctx)
				must(t, err)
				time.Sleep(over)
				synctest.Wait()
				before := runtime.NumGoroutine()
				for range 5000 {
					o.gives(t, ctx, 1)
				}
				synctest.Wait()
				if n := runtime.NumGoroutine() - before; n > want {
					t.Errorf("5000 reads of one value past its time started %d goroutines, want %d at most", n, want)
				}
				time.Sleep(time.Second)
				o.ran(t, 2)
			})
		})
	}
}

// A Stale that is over is over, whether the refresh has ended or not.
func TestG13_ValueIsServedNoLongerThanStaleSays(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{takes: 3 * time.Second}
		_, err := o.get(ctx)
		must(t, err)
		time.Sleep(2*ttl - 2*time.Second)
		o.gives(t, ctx, 1) // and the refresh begins
		time.Sleep(2*time.Second + 20*time.Millisecond)
		begin := time.Now()
		v, err := o.get(ctx)
		if took := time.Since(begin); v != 2 || err != nil || took != 980*time.Millisecond {
			t.Errorf("past TTL and Stale a read got %d, %v after %v, want what the refresh brings", v, err, took)
		}
		time.Sleep(over)
		o.gives(t, ctx, 2)
		time.Sleep(10 * ttl)
		begin = time.Now()
		if v, err := o.get(ctx); v != 4 || err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("a read got %d, %v after %v, want a load of its own", v, err, time.Since(begin))
		}
	})
}

func TestFailedRefreshIsTriedAgainASecondLater(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{takes: 200 * time.Millisecond}
		_, err := o.get(ctx)
		must(t, err)
		end := time.Now().Add(2 * ttl)
		time.Sleep(over)
		o.fail(errOrigin)
		for time.Until(end) > time.Second {
			o.gives(t, ctx, 1)
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		for i, asked := range o.asked[2:] {
			if pause := asked.Sub(o.answered[i+1]); pause < time.Second || pause > 1100*time.Millisecond {
				t.Fatalf("the loader was asked again %v after its error, want a second", pause)
			}
		}
		if n := o.loads(); n < 40 {
			t.Errorf("%d loads in a minute: a refresh that had failed was not tried again", n)
		}
		time.Sleep(time.Until(end) + 20*time.Millisecond)
		if v, err := o.get(ctx); !errors.Is(err, errOrigin) {
			t.Errorf("past the Stale window: %d, %v, want the loader's error", v, err)
		}
	})
}

func TestRefreshThatSucceedsAfterAFailureIsServed(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{}
		o.gives(t, ctx, 1)
		time.Sleep(over)
		o.fail(errOrigin)
		o.gives(t, ctx, 1)
		synctest.Wait()
		o.fail(nil)
		time.Sleep(990 * time.Millisecond)
		o.gives(t, ctx, 1)
		synctest.Wait()
		o.ran(t, 2)
		time.Sleep(20 * time.Millisecond)
		o.gives(t, ctx, 1)
		synctest.Wait()
		o.gives(t, ctx, 3)
		o.ran(t, 3)
	})
}

// What is made of an old value would be fresh for a TTL of its own.
func TestLoaderWaitsForTheRefreshOfItsPart(t *testing.T) {
	for name, runs := range map[string]bool{"begun by a reader": true, "begun by the loader": false} {
		t.Run(name, func(t *testing.T) {
			aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
				ctx, o := c.With(context.Background()), &origin{takes: time.Second}
				_, err := o.get(ctx)
				must(t, err)
				time.Sleep(over)
				if runs {
					o.gives(t, ctx, 1)
				}
				whole, err := memo.Do(ctx, "whole", func(ctx context.Context) (int, error) { return o.get(ctx) })
				if whole != 2 || err != nil {
					t.Errorf("the whole is made of version %d of its part, %v, want 2", whole, err)
				}
				o.gives(t, ctx, 2)
				o.ran(t, 2)
			})
		})
	}
}

// Stale is no StaleIfError: what must be new has the error of its part.
func TestLoaderGetsTheErrorOfItsPart(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{}
		o.gives(t, ctx, 1)
		time.Sleep(over)
		o.fail(errOrigin)
		for range 2 {
			whole, err := memo.Do(ctx, "whole", func(ctx context.Context) (int, error) { return o.get(ctx) })
			if !errors.Is(err, errOrigin) {
				t.Errorf("the whole is %d, %v, want the error of its part", whole, err)
			}
			o.gives(t, ctx, 1)
		}
	})
}

// What a loader amends counts for its own value.
func TestAmendGivesAWindow(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{}
		amended := func(ctx context.Context) (int, error) {
			memo.Amend(ctx, memo.TTL(time.Second), memo.Stale(time.Second), memo.StaleIfError(time.Hour))
			return o.load(ctx)
		}
		get := func() (int, error) { return memo.Do(ctx, "k", amended) }
		hit(t, 1)(get())
		time.Sleep(1020 * time.Millisecond)
		hit(t, 1)(get())
		synctest.Wait()
		hit(t, 2)(get())
		o.fail(errOrigin)
		time.Sleep(30 * time.Minute)
		hit(t, 2)(get())
		o.ran(t, 3)
	})
}

// The refresh runs, and L2 has lost what it is to replace: the shared tier still has it.
//
//  1. a reader finds the old value in the shared tier, and its process begins to refresh it
//  2. L2 has no room for the old value, or evicts it
//  3. the next reader finds nothing in L2, and a load that it could join and wait for
func TestReadersWithoutACopyDoNotWaitForTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{takes: time.Second}
		c, _ := f.process(t, withoutL2)
		ctx := c.With(context.Background())
		if v, err := o.get(ctx); v != 1 || err != nil {
			t.Fatal(v, err)
		}
		time.Sleep(over)
		for range 5 {
			o.gives(t, ctx, 1)
			time.Sleep(150 * time.Millisecond)
		}
		if n := c.Snapshot().Total; n.Stale != 5 || n.Refreshes != 1 {
			t.Errorf("%d reads were served an old value, and %d refreshes ran, want 5 and 1", n.Stale, n.Refreshes)
		}
		time.Sleep(time.Second)
		o.gives(t, ctx, 2)
	})
}
