package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Refresh: a load that takes nothing for an answer that was there before. What it does
// beside other loads and invalidations is in refresh_race_test.go.

func TestRefreshReachesAllTiersAndProcesses(t *testing.T) {
	t.Parallel()
	for name, window := range map[string]memo.Option{"no window": {}, "a window": memo.Stale(time.Minute)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				here, _ := f.process(t)
				there, _ := f.process(t)
				third, _ := f.process(t)
				request, end := here.Begin(context.Background())
				defer end()
				a, b := here.With(context.Background()), there.With(context.Background())
				f.db.do(t, request, "k", window)
				f.db.do(t, b, "k", window)
				time.Sleep(time.Millisecond)
				f.db.write("k")
				if v, err := f.db.refresh(request, "k", window); v != 1 || err != nil {
					t.Fatalf("Refresh: %d, %v, want version 1: fn runs, whatever the tiers hold", v, err)
				}
				before := here.Snapshot().Total
				for name, ctx := range map[string]context.Context{"the request": request, "its process": a, "the shared tier": third.With(context.Background())} {
					if v := f.db.do(t, ctx, "k", window); v != 1 {
						t.Errorf("%s has version %d, want 1", name, v)
					}
				}
				if now := here.Snapshot().Total; now.L1 != before.L1+1 || now.L2 != before.L2+1 || before.Loads != 2 {
					t.Errorf("the request and its process were not answered by L1 and L2: %+v", now)
				}
				time.Sleep(aPoll)
				if name == "a window" { // b serves the old value once more; third has read the new one before it has heard of it
					f.db.do(t, b, "k", window)
					f.db.do(t, third.With(context.Background()), "k", window)
					time.Sleep(aPoll)
				}
				for name, c := range map[string]*memo.Cache{"that had the old value": there, "that had none": third} {
					if v := f.db.do(t, c.With(context.Background()), "k", window); v != 1 {
						t.Errorf("a process %s has version %d after a poll, want 1", name, v)
					}
				}
				if n := f.db.queries("k"); n != 2 {
					t.Errorf("%d loads, want 2: the others take the value from the shared tier", n)
				}
			})
		})
	}
}

// The poller of the process that refreshes comes by between the record and the end.
func TestRefreshSurvivesItsOwnRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k", memo.Stale(time.Minute))
		f.db.write("k")
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) { peeks(t, "L2, when the others hear of it", ctx, "k", 1) },
			After:  func(context.Context, tiertest.Op, []string) { time.Sleep(aPoll) },
		})()
		if v, err := f.db.refresh(ctx, "k", memo.Stale(time.Minute)); v != 1 || err != nil {
			t.Fatal(v, err)
		}
		if v, ok := memo.Peek[int](ctx, "k"); v != 1 || !ok {
			t.Errorf("L2 has %d, %t; want the new value, fresh", v, ok)
		}
		time.Sleep(aPoll)
		if f.db.do(t, ctx, "k", memo.Stale(time.Minute)); f.db.queries("k") != 2 || c.Snapshot().Total.Refreshes != 0 {
			t.Errorf("%d loads, want 2", f.db.queries("k"))
		}
	})
}

func TestRefreshThatFailsLeavesTheOldValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		third, _ := f.process(t)
		ctx, window := here.With(context.Background()), []memo.Option{memo.TTL(time.Minute), memo.StaleIfError(time.Hour)}
		f.db.do(t, ctx, "k", window...)
		fails := func(context.Context) (int, error) { return 9, errDown }
		if v, err := memo.Refresh(ctx, "k", fails, window...); v != 0 || !errors.Is(err, errDown) {
			t.Errorf("Refresh: %d, %v; want the error", v, err)
		}
		for name, c := range map[string]*memo.Cache{"L2": here, "the shared tier": third} {
			if v, err := memo.Get[int](c.With(context.Background()), "k"); v != 0 || err != nil {
				t.Errorf("%s has %d, %v; want the old value", name, v, err)
			}
		}
		time.Sleep(2 * time.Minute)
		if v, err := memo.Refresh(ctx, "k", fails, window...); !errors.Is(err, errDown) {
			t.Errorf("Refresh: %d, %v; want the error, and not what stands in for it in Do", v, err)
		}
		if v, err := memo.Do(ctx, "k", fails, window...); v != 0 || err != nil {
			t.Errorf("Do: %d, %v; want the old value in place of the error", v, err)
		}
	})
}

func TestRefreshThatFindsNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opt  memo.Option
		then error
	}{"not kept": {memo.Option{}, memo.ErrMiss}, "kept": {memo.NegativeTTL(time.Minute), memo.ErrNotFound}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			here, _ := f.process(t)
			third, _ := f.process(t)
			ctx := here.With(context.Background())
			f.db.do(t, ctx, "k")
			_, err := memo.Refresh(ctx, "k", func(context.Context) (int, error) { return 0, memo.ErrNotFound }, test.opt)
			if !errors.Is(err, memo.ErrNotFound) {
				t.Errorf("%s: Refresh: %v", name, err)
			}
			for who, c := range map[string]*memo.Cache{"L2": here, "the shared tier": third} {
				if v, err := memo.Get[int](c.With(context.Background()), "k"); !errors.Is(err, test.then) {
					t.Errorf("%s: %s has %d, %v; want %v", name, who, v, err, test.then)
				}
			}
		})
	}
}

func TestG07_RefreshWithoutTheSharedTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, store := f.process(t)
		there, _ := f.process(t)
		ctx := here.With(context.Background())
		f.db.do(t, ctx, "k")
		f.db.do(t, there.With(context.Background()), "k")
		f.db.write("k")
		defer store.Inject(tiertest.Fault{Err: errDown})()
		if v, err := f.db.refresh(ctx, "k"); v != 1 || err != nil {
			t.Errorf("Refresh: %d, %v", v, err)
		}
		if v, ok := memo.Peek[int](ctx, "k"); v != 1 || !ok {
			t.Errorf("L2 has %d, %t; want the new value", v, ok)
		}
		time.Sleep(aPoll)
		if v := f.db.do(t, there.With(context.Background()), "k"); v != 0 {
			t.Errorf("another process has version %d, which nobody can have told it", v)
		}
	})
}

func TestRefreshLeavesAnotherReleasesValueAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		other, _ := f.process(t)
		here, _ := f.process(t)
		must(t, memo.Set(other.With(context.Background()), "k", "of another type"))
		before := f.item(t, "t:v:k")
		ctx := here.With(context.Background())
		if v, err := f.db.refresh(ctx, "k"); v != 0 || err != nil {
			t.Errorf("Refresh: %d, %v", v, err)
		}
		if after := f.item(t, "t:v:k"); after.CAS != before.CAS {
			t.Error("it was replaced")
		}
		if _, ok := memo.Peek[int](ctx, "k"); !ok {
			t.Error("L2 has not what was loaded")
		}
	})
}

func TestRefreshInALoader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t)
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "part")
		f.db.write("part")
		v, err := memo.Do(ctx, "whole", func(ctx context.Context) (int, error) { return f.db.refresh(ctx, "part") })
		if v != 1 || err != nil {
			t.Errorf("a whole that refreshes its part: %d, %v; want version 1", v, err)
		}
		_, err = memo.Refresh(ctx, "whole", func(ctx context.Context) (int, error) { return f.db.refresh(ctx, "whole") })
		if !errors.Is(err, memo.ErrRecursive) {
			t.Errorf("a whole that refreshes itself: %v, want ErrRecursive", err)
		}
	})
}

func TestRefreshWithoutACache(t *testing.T) {
	t.Parallel()
	db, c := newDatabase(), newCache(t, memo.Config{})
	closed := newCache(t, memo.Config{})
	must(t, closed.Close(context.Background()))
	for name, ctx := range map[string]context.Context{"no cache": context.Background(), "a closed one": closed.With(context.Background())} {
		for range 2 {
			if _, err := db.refresh(ctx, "no cache"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if n := db.queries("no cache"); n != 4 {
		t.Errorf("fn ran %d times, want 4", n)
	}
	var none context.Context
	_, err := db.refresh(none, "k")
	mistake(t, err, "Refresh", "ctx is nil")
	_, err = db.refresh(c.With(context.Background()), "")
	mistake(t, err, "Refresh", "give it a name")
	_, err = db.refresh(c.With(context.Background()), "k", memo.TTL(-1))
	mistake(t, err, "Refresh", "TTL")
	_, err = memo.Refresh[int](c.With(context.Background()), "k", nil)
	mistake(t, err, "Refresh", "fn is nil")
}

func TestManyRefreshesAtOnceEndWithTheSameValueEverywhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.store.Inject(tiertest.Fault{Delay: time.Millisecond})
		var fleet []*memo.Cache
		for range 3 {
			c, _ := f.process(t)
			fleet = append(fleet, c)
		}
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				if _, err := f.db.refresh(fleet[i%3].With(context.Background()), "k"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		time.Sleep(aPoll)
		want := f.db.do(t, fleet[0].With(context.Background()), "k")
		for i, c := range fleet {
			if v, err := memo.Get[int](c.With(context.Background()), "k"); v != want || err != nil {
				t.Errorf("process %d has %d, %v; want %d", i, v, err, want)
			}
		}
	})
}
