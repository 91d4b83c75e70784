package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The bugs that other caches had with callers who wait, leave or come too late.
// docs/regressions.md says whose they were, and lists the cases that are shown by
// other tests.

// 1. the only caller of a load leaves
// 2. the grace is over, and the load's ctx ends; fn rolls back, or never returns
// 3. the next one asks
func TestR02_CallerAfterACancelledLoadDoesNotInheritItsEnd(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		release := make(chan struct{})
		defer close(release)
		ctx, cancel := context.WithTimeout(c.With(context.Background()), 10*time.Millisecond)
		defer cancel()
		_, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			<-release
			return 0, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		begin := time.Now()
		v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 7, nil })
		if took := time.Since(begin); v != 7 || err != nil || took > 2*time.Second { // in a fleet, until the lease of the other lapses
			t.Errorf("the next caller got %d, %v after %v, want its own 7 within 2s", v, err, took)
		}
	})
}

// 1. A loads, and B waits for it
// 2. B leaves
// 3. C comes
func TestR03_WaiterThatLeavesStartsNoSecondLoad(t *testing.T) {
	for _, oneRequest := range []bool{true, false} {
		aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
			shared, end := c.Begin(context.Background())
			defer end()
			db := newDatabase()
			var wg sync.WaitGroup
			for i, patience := range []time.Duration{time.Hour, 5 * time.Millisecond, time.Hour} { // A, B, C
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 10 * time.Millisecond)
					ctx := shared
					if !oneRequest {
						own, end := c.Begin(context.Background())
						defer end()
						ctx = own
					}
					ctx, cancel := context.WithTimeout(ctx, patience)
					defer cancel()
					_, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
						time.Sleep(100 * time.Millisecond)
						return db.read("k"), nil
					})
					if left := i == 1; left != (err != nil) {
						t.Errorf("caller %d got %v", i, err)
					}
				})
			}
			wg.Wait()
			if n := db.queries("k"); n != 1 {
				t.Errorf("in one request %t: %d loads, want 1", oneRequest, n)
			}
		})
	}
}

// The shared tier hangs, and everyone leaves before its budget is over: it has
// not failed anybody. Six in a row would otherwise shut it off for all.
func TestR06_CallersWhoLeaveDoNotBlameTheSharedTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, log := newFleet(), &diary{}
		c, store := f.process(t, slowPoll, func(cfg *memo.Config) {
			cfg.Logger, cfg.ReadTimeout = log.logger(), time.Minute
		})
		remove := store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Hang: true})
		for i := range 6 {
			ctx, cancel := context.WithTimeout(c.With(context.Background()), 10*time.Millisecond)
			_, _ = memo.Get[int](ctx, memo.Key("got", i))
			cancel()
			ctx, cancel = context.WithTimeout(c.With(context.Background()), 10*time.Millisecond)
			if _, err := memo.Do(ctx, memo.Key("loaded", i), func(context.Context) (int, error) { return 1, nil }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a caller who left got %v", err)
			}
			cancel()
		}
		time.Sleep(2 * time.Second) // the graces are over, and the loads cancelled
		remove()
		if s := c.Snapshot(); !s.Nodes[0].Up || s.Nodes[0].Errors != 0 || s.Total.RunErrors != 0 {
			t.Errorf("after 12 callers left: up %t, %d errors of the shared tier, %d of loaders; want it up, and none", s.Nodes[0].Up, s.Nodes[0].Errors, s.Total.RunErrors)
		}
		if said := log.String(); said != "" {
			t.Errorf("the log says\n%s\nwant nothing", said)
		}
	})
}

// The options of a load are those of the caller whose fn runs. What concerns the
// caller alone, the copy it gets, is its own.
func TestR08_CallersWithOtherOptionsShareALoad(t *testing.T) {
	for _, oneRequest := range []bool{true, false} {
		aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
			leads, end := c.Begin(context.Background())
			defer end()
			joins, endJoins := leads, func() {}
			if !oneRequest {
				joins, endJoins = c.Begin(context.Background())
			}
			defer endJoins()
			load := func(context.Context) ([]int, error) {
				time.Sleep(5 * time.Second)
				return []int{1}, nil
			}
			cloned := 0
			var original []int
			var wg sync.WaitGroup
			wg.Go(func() {
				v, err := memo.Do(leads, "k", load, memo.TTL(time.Hour))
				must(t, err)
				original = v
			})
			wg.Go(func() {
				time.Sleep(time.Second)
				v, err := memo.Do(joins, "k", load, memo.TTL(time.Second), memo.LoadTimeout(time.Second),
					memo.Clone(func(v []int) []int { cloned++; return append([]int(nil), v...) }))
				must(t, err)
				v[0] = 2
			})
			wg.Wait()
			if cloned != 1 || original[0] != 1 {
				t.Errorf("in one request %t: the one who joined has %d copies, and the one who loaded reads %v", oneRequest, cloned, original)
			}
			time.Sleep(time.Minute)
			if v, err := memo.Get[[]int](c.With(context.Background()), "k"); err != nil || v[0] != 1 {
				t.Errorf("in one request %t: a minute later %v, %v; want the value for the hour of who loaded it", oneRequest, v, err)
			}
		})
	}
}

// interrupted is a process tier that calls then after a Get of k, once.
type interrupted struct {
	tier.Local
	then func()
}

func (i *interrupted) Get(key string) *tier.Entry {
	e := i.Local.Get(key)
	if then := i.then; then != nil && key == "k" {
		i.then = nil
		then()
	}
	return e
}

// 1. B looks in the process tier: nothing
// 2. A's load ends, is kept there, and is in flight no more
// 3. B looks for a load to join: nothing
func TestR10_CallerBetweenTheTierAndTheFlightDoesNotLoadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, db := &interrupted{Local: lru.New(100)}, newDatabase()
		c := newCache(t, memo.Config{Local: local})
		local.then = func() { db.do(t, c.With(context.Background()), "k") }
		db.do(t, c.With(context.Background()), "k")
		if n := db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

// 1. load 1 runs
// 2. the key is invalidated, and load 2 runs
// 3. load 1 ends
// 4. the next one asks: load 2 is still there to be joined
func TestR11_LoadThatEndsDoesNotTakeTheNextOneAway(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, db := c.With(context.Background()), newDatabase()
		release := []chan struct{}{make(chan struct{}), make(chan struct{})}
		var wg sync.WaitGroup
		ask := func(load func(context.Context) (int, error)) {
			wg.Go(func() {
				_, err := memo.Do(ctx, "k", load)
				must(t, err)
			})
			synctest.Wait()
		}
		for i := range release {
			if i == 1 {
				db.write("k")
				must(t, memo.Invalidate(ctx, "k"))
			}
			ask(func(context.Context) (int, error) {
				v := db.read("k")
				<-release[i]
				return v, nil
			})
		}
		close(release[0])
		synctest.Wait()
		ask(func(context.Context) (int, error) { return db.read("k"), nil })
		close(release[1])
		wg.Wait()
		if n := db.queries("k"); n != 2 {
			t.Errorf("%d loads, want 2: the third caller joins the second", n)
		}
	})
}

func TestR13_LoadThatAsksForItselfIsToldAtOnce(t *testing.T) {
	for name, inside := range map[string]func(ctx context.Context, again func(context.Context) error) error{
		"directly": func(ctx context.Context, again func(context.Context) error) error { return again(ctx) },
		"by way of another key": func(ctx context.Context, again func(context.Context) error) error {
			_, err := memo.Do(ctx, "other", func(ctx context.Context) (int, error) { return 0, again(ctx) })
			return err
		},
		"on a goroutine of its own": func(ctx context.Context, again func(context.Context) error) error {
			told := make(chan error)
			go func() { told <- again(ctx) }()
			return <-told
		},
		"in what it takes for a request": func(ctx context.Context, again func(context.Context) error) error {
			ctx, end := memo.From(ctx).Begin(ctx)
			defer end()
			return again(ctx)
		},
		"after an Invalidate of its own key": func(ctx context.Context, again func(context.Context) error) error {
			if err := memo.Invalidate(ctx, "k"); err != nil {
				return err
			}
			return again(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
				ctx, end := c.Begin(context.Background())
				defer end()
				var load func(context.Context) (int, error)
				load = func(ctx context.Context) (int, error) {
					return 0, inside(ctx, func(ctx context.Context) error {
						_, err := memo.Do(ctx, "k", load)
						return err
					})
				}
				begin := time.Now()
				if _, err := memo.Do(ctx, "k", load); !errors.Is(err, memo.ErrRecursive) || time.Since(begin) > time.Second {
					t.Errorf("after %v: %v, want ErrRecursive at once", time.Since(begin), err)
				}
			})
		})
	}
}

// A loader may do with its own key what waits for nobody.
func TestR13_LoadThatWritesItsOwnKeyIsNotHeldUp(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, end := c.Begin(context.Background())
		defer end()
		begin := time.Now()
		v, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
			if _, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("Get of what is being loaded: %v, want ErrMiss", err)
			}
			must(t, memo.Set(ctx, "k", 1))
			must(t, memo.Invalidate(ctx, "k"))
			must(t, memo.InvalidateAll(ctx))
			return 7, nil
		})
		if took := time.Since(begin); v != 7 || err != nil || took > time.Second {
			t.Errorf("%d, %v after %v", v, err, took)
		}
	})
}
