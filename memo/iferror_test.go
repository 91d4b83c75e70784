package memo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// StaleIfError: who gets the old value in place of which errors, and who does not.

// spare reads "k" for a minute; it may stand in for errors for ten more.
func (o *origin) spare(ctx context.Context) (int, error) {
	return memo.Do(ctx, "k", o.load, memo.TTL(ttl), memo.StaleIfError(10*ttl))
}

func TestOldValueStandsInForAnError(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{takes: 100 * time.Millisecond}
		hit(t, 1)(o.spare(ctx))
		time.Sleep(over)
		o.fail(errOrigin)
		for range 3 {
			begin := time.Now()
			hit(t, 1)(o.spare(ctx))
			if took := time.Since(begin); took != o.takes {
				t.Errorf("the old value came after %v, want it after the loader's error", took)
			}
			for range 90 {
				begin := time.Now()
				hit(t, 1)(o.spare(ctx))
				if time.Since(begin) != 0 {
					t.Fatal("the loader was asked again within a second of its error")
				}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(120 * time.Millisecond)
		}
		if s := c.Snapshot().Total; s.Stale != 3*91 || s.RunErrors != 3 || s.Errors != 0 {
			t.Errorf("%d stale answers, %d errors of the loader, %d of callers, want 273, 3, 0", s.Stale, s.RunErrors, s.Errors)
		}
		o.fail(nil)
		hit(t, 5)(o.spare(ctx))
		o.fail(errOrigin)
		time.Sleep(11*ttl + 20*time.Millisecond)
		if v, err := o.spare(ctx); !errors.Is(err, errOrigin) {
			t.Errorf("past its time, and its ten minutes: %d, %v, want the error", v, err)
		}
		o.ran(t, 6)
	})
}

// The two windows begin together, and each is as long as it says.
func TestG13_StaleAndStaleIfErrorAreIndependent(t *testing.T) {
	for _, w := range []struct{ stale, spare time.Duration }{{0, ttl}, {ttl, 0}, {ttl, 2 * ttl}, {2 * ttl, ttl}, {0, 0}} {
		t.Run(fmt.Sprintf("%v and %v", w.stale, w.spare), func(t *testing.T) {
			aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
				ctx, o := c.With(context.Background()), &origin{takes: 10 * time.Millisecond}
				get := func() (int, error) { return o.get(ctx, memo.Stale(w.stale), memo.StaleIfError(w.spare)) }
				hit(t, 1)(get())
				end := time.Now().Add(ttl)
				o.fail(errOrigin)
				for past := 20 * time.Millisecond; past < 3*ttl; past += ttl - 10*time.Second {
					time.Sleep(time.Until(end.Add(past)))
					begin := time.Now()
					v, err := get()
					served, waited := err == nil, time.Since(begin) != 0
					if served != (past < max(w.stale, w.spare)) || served && v != 1 || waited != (past >= w.stale) {
						t.Errorf("%v past its time: %d, %v after %v", past, v, err, time.Since(begin))
					}
					synctest.Wait()
				}
			})
		})
	}
}

// errors that callers may get, and whether the old value is better.
func TestWhatTheOldValueStandsInFor(t *testing.T) {
	own := errors.New("own")
	for name, test := range map[string]struct {
		loader func(ctx context.Context) (int, error)
		want   error // nil: the old value
	}{
		"an error":                {func(context.Context) (int, error) { return 0, own }, nil},
		"its ctx's end":           {func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, nil},
		"a loader that is deaf":   {func(context.Context) (int, error) { time.Sleep(ttl); return 2, nil }, nil},
		"a part's error":          {func(context.Context) (int, error) { return 0, fmt.Errorf("part: %w", own) }, nil},
		"not found":               {func(context.Context) (int, error) { return 0, fmt.Errorf("row: %w", memo.ErrNotFound) }, memo.ErrNotFound},
		"a miss of another cache": {func(context.Context) (int, error) { return 0, memo.ErrMiss }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
				ctx, o := c.With(context.Background()), &origin{}
				hit(t, 1)(o.spare(ctx))
				time.Sleep(over)
				var all sync.WaitGroup
				for range 3 { // who leads, and who joins
					all.Go(func() {
						v, err := memo.Do(ctx, "k", test.loader, memo.LoadTimeout(5*time.Second))
						if !errors.Is(err, test.want) || test.want == nil && v != 1 {
							t.Errorf("%d, %v, want 1 or the error %v", v, err, test.want)
						}
					})
				}
				all.Wait()
				begin := time.Now()
				v, err := o.spare(ctx)
				if asked := test.want != nil; asked != (v == 2) || err != nil || time.Since(begin) != 0 {
					t.Errorf("the next caller got %d, %v after %v", v, err, time.Since(begin))
				}
				time.Sleep(ttl)
			})
		})
	}
}

func TestOldValueDoesNotStandInForAPanic(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{}
		hit(t, 1)(o.spare(ctx))
		time.Sleep(over)
		joined := make(chan error)
		panics := func(context.Context) (int, error) {
			go func() {
				_, err := o.spare(ctx)
				joined <- err
			}()
			time.Sleep(time.Second)
			panic("oh")
		}
		func() {
			defer func() {
				if recover() != "oh" {
					t.Error("the panic did not come back")
				}
			}()
			v, err := memo.Do(ctx, "k", panics)
			t.Errorf("a panic became %d, %v", v, err)
		}()
		if err, p := <-joined, (*memo.PanicError)(nil); !errors.As(err, &p) {
			t.Errorf("who joined got %v, want a PanicError", err)
		}
		hit(t, 2)(o.spare(ctx)) // it is no error either after which there is a pause
	})
}

func TestOldValueIsNotForACallerWhoseTimeIsUp(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{takes: 100 * time.Millisecond}
		hit(t, 1)(o.spare(ctx))
		time.Sleep(over)
		impatient, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		for range 2 {
			if v, err := o.spare(impatient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%d, %v, want the end of the caller's own ctx", v, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		hit(t, 2)(o.spare(ctx))
	})
}

// A process that never had the value finds it in the shared tier when it needs it.
func TestOldValueOfTheSharedTierStandsIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{}
		a, _ := f.process(t)
		b, _ := f.process(t)
		hit(t, 1)(o.spare(a.With(context.Background())))
		time.Sleep(5 * ttl)
		o.fail(errOrigin)
		ctx := b.With(context.Background())
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { hit(t, 1)(o.spare(ctx)) })
		}
		all.Wait()
		hit(t, 1)(o.spare(ctx))
		o.ran(t, 2)
		o.fail(nil)
		time.Sleep(time.Second + 10*time.Millisecond)
		hit(t, 3)(o.spare(ctx))
		hit(t, 3)(o.spare(ctx))
	})
}

func TestOldPartStandsInInsideOfALoader(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{}
		hit(t, 1)(o.spare(ctx))
		time.Sleep(over)
		o.fail(errOrigin)
		for _, whole := range []string{"first", "second"} { // the second one within the pause
			hit(t, 1)(memo.Do(ctx, whole, func(ctx context.Context) (int, error) { return o.spare(ctx) }))
		}
		o.ran(t, 2)
	})
}

// The bound on how old a value of L2 may be where nobody hears of invalidations holds
// for old values too: it is shorter than their windows.
func TestOldValuesInAnOutage(t *testing.T) {
	for name, bound := range map[string]time.Duration{"StaleBound alone": time.Second, "a long OutageBound": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, o := newFleet(), &origin{}
				c, store := f.process(t, func(cfg *memo.Config) { cfg.OutageBound = bound })
				ctx := c.With(context.Background())
				get := func() (int, error) { return o.get(ctx, memo.StaleIfError(ttl)) }
				hit(t, 1)(get())
				time.Sleep(over)
				defer store.Inject(tiertest.Fault{Err: errDown})()
				hit(t, 1)(get()) // its poll of a moment ago vouches for it; the refresh is this process's alone
				synctest.Wait()
				hit(t, 2)(get())
				o.fail(errOrigin)
				time.Sleep(over)
				v, err := get()
				if hidden := bound == time.Second; hidden != errors.Is(err, errOrigin) || !hidden && v != 2 {
					t.Errorf("a minute into the outage: %d, %v", v, err)
				}
			})
		})
	}
}
