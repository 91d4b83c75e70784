package flight_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// lifetime_test.go is about the ctx of a load, which is one of package context only for
// who asks, and about the one timer that the loads of a shard share.

type color struct{}

func TestWhatALoaderMakesOfItsCtxEndsWithIt(t *testing.T) {
	for name, from := range map[string]func(ctx context.Context) (<-chan struct{}, func() error){
		"Done": func(ctx context.Context) (<-chan struct{}, func() error) {
			return ctx.Done(), func() error { return context.Cause(ctx) }
		},
		"WithCancel": func(ctx context.Context) (<-chan struct{}, func() error) {
			below, cancel := context.WithCancel(ctx)
			context.AfterFunc(below, cancel)
			return below.Done(), func() error { return context.Cause(below) }
		},
		"WithTimeout": func(ctx context.Context) (<-chan struct{}, func() error) {
			below, cancel := context.WithTimeout(context.WithValue(ctx, color{}, "green"), time.Hour)
			context.AfterFunc(below, cancel)
			return below.Done(), func() error { return context.Cause(below) }
		},
		"AfterFunc": func(ctx context.Context) (<-chan struct{}, func() error) {
			done := make(chan struct{})
			context.AfterFunc(ctx, func() { close(done) })
			return done, func() error { return context.Cause(ctx) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *flight.Group[int]) {
				var cause error
				call(t.Context(), g, "k", load{timeout: time.Second, do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
					mustEqual(t, "Err before the end", errors.Join(ctx.Err(), context.Cause(ctx)), nil)
					done, why := from(ctx)
					<-done
					cause = why()
					return 0, ctx.Err()
				}}).mustFail(t, context.DeadlineExceeded)
				synctest.Wait()
				if cause == nil || errors.Is(cause, context.Canceled) || !errors.Is(cause, context.DeadlineExceeded) {
					t.Errorf("the cause is %v, want that the load took too long", cause)
				}
			})
		})
	}
}

// What a loader has left behind with its ctx, asked for or not, is told that it is over,
// and still finds the values of the base.
func TestTheCtxOfALoadIsOverWhenItHasLanded(t *testing.T) {
	for name, asks := range map[string]bool{"nobody had asked": false, "it was asked for": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *flight.Group[int]) {
				base := context.WithValue(context.Background(), color{}, "green") // which has no end of its own
				var left context.Context
				_, _, err := g.Do(t.Context(), base, nil, "k", load{do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
					mustEqual(t, "value", ctx.Value(color{}), any("green"))
					if left = ctx; asks {
						_ = ctx.Done()
					}
					return 7, nil
				}})
				mustEqual(t, "error", err, nil)
				synctest.Wait()
				<-left.Done()
				mustEqual(t, "Err", left.Err(), context.Canceled)
				mustEqual(t, "Cause", context.Cause(left), context.Canceled)
				mustEqual(t, "value after the end", left.Value(color{}), any("green"))
				below, cancel := context.WithCancel(left)
				defer cancel()
				mustEqual(t, "Err of a ctx made of it", below.Err(), context.Canceled)
			})
		})
	}
}

func TestTheCtxOfALoadEndsWithItsBase(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		why := errors.New("the base has ended")
		base, cancel := context.WithCancelCause(t.Context())
		_, _, err := g.Do(t.Context(), base, nil, "k", load{do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			cancel(why)
			mustEqual(t, "Err", ctx.Err(), context.Canceled)
			return 0, context.Cause(ctx)
		}})
		mustEqual(t, "error", err, why)
	})
}

// What ended the base is what a load's ctx says, before the load has landed and after.
func TestTheErrorOfACtxDoesNotChange(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		why := errors.New("the base has had its time")
		base, cancel := context.WithTimeoutCause(context.Background(), time.Second, why)
		defer cancel()
		var left context.Context
		says := func(when string) {
			mustEqual(t, "Err "+when, left.Err(), context.DeadlineExceeded)
			mustEqual(t, "Cause "+when, context.Cause(left), why)
		}
		_, _, err := g.Do(t.Context(), base, nil, "k", load{do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			left = ctx
			time.Sleep(2 * time.Second)
			says("while it runs")
			return 7, nil
		}})
		mustEqual(t, "error", err, nil)
		synctest.Wait()
		says("when it has landed")
	})
}

func TestWhoAsksForACtxThatHasEndedFindsWhy(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		why := make(chan error, 1)
		call(t.Context(), g, "k", load{timeout: time.Second, do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			time.Sleep(2 * time.Second) // and has not looked at ctx until then
			why <- context.Cause(ctx)
			return 7, nil
		}}).mustFail(t, context.DeadlineExceeded)
		if cause := <-why; !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("the cause is %v, want that the load took too long", cause)
		}
	})
}

// interrupted is a base that calls meanwhile when package context makes a ctx of it.
type interrupted struct {
	context.Context
	once      atomic.Bool
	meanwhile func()
}

func (b *interrupted) Done() <-chan struct{} {
	if b.once.CompareAndSwap(false, true) {
		b.meanwhile()
	}
	return b.Context.Done()
}

// Of two who ask for the ctx of a load at once, and of one who asks as it ends, nobody
// gets one that does not end.
func TestACtxIsMadeOnce(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var other <-chan struct{}
		var ctx context.Context
		base := &interrupted{Context: context.Background(), meanwhile: func() { other = ctx.Done() }}
		_, _, err := g.Do(t.Context(), base, nil, "k", load{do: func(own context.Context, _ *flight.Call[int]) (int, error) {
			ctx = own
			mustEqual(t, "what the two get", ctx.Done(), other)
			return 7, nil
		}})
		mustEqual(t, "error", err, nil)
		<-other

		landed, asked := make(chan struct{}), make(chan (<-chan struct{}))
		base = &interrupted{Context: context.Background(), meanwhile: func() { <-landed }}
		_, _, err = g.Do(t.Context(), base, nil, "k", load{do: func(own context.Context, _ *flight.Call[int]) (int, error) {
			go func() { asked <- own.Done() }()
			for !base.once.Load() {
				time.Sleep(ms)
			}
			return 7, nil
		}})
		mustEqual(t, "error", err, nil)
		synctest.Wait()
		close(landed)
		<-<-asked
	})
}

// A load that may run for as long as it likes bounds no other.
func TestALoadWithoutATimeoutLeavesOthersTheirs(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		land := make(chan struct{})
		first := ask(t.Context(), g, "k", load{timeout: math.MaxInt64, do: func(context.Context, *flight.Call[int]) (int, error) { <-land; return 7, nil }})
		a := call(t.Context(), g, "k", load{timeout: time.Second, join: func(*flight.Call[int]) bool { return false }, do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}})
		a.mustFail(t, context.DeadlineExceeded)
		mustEqual(t, "took", a.took, time.Second)
		close(land)
		first().mustBe(t, 7)
	})
}

func TestNoTimerIsLeftAfterDrain(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		for i := range 200 {
			call(t.Context(), g, strconv.Itoa(i), gives(i, &loads)).mustBe(t, i)
		}
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		mustEqual(t, "timers", flight.Timers(g), 0)
	})
}

// What is remembered of a key that is forgotten is used again, by one other.
func TestKeysOfOneShardShareNothing(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		for range 2 {
			var heard []func() answer
			for i := range 300 { // more than there are shards
				heard = append(heard, ask(t.Context(), g, strconv.Itoa(i), lasts(time.Second, i, &loads)))
			}
			for i := range heard {
				heard[i]().mustBe(t, i)
			}
			synctest.Wait()
		}
		mustEqual(t, "loads", loads.Load(), 600)
	})
}

// Loads of one key are in one shard, and so have one timer.
func TestEachLoadHasItsOwnTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		hangs := func(timeout time.Duration, extended time.Duration) func() answer {
			heard := ask(t.Context(), g, "k", load{timeout: timeout, join: func(*flight.Call[int]) bool { return false }, do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
				if extended > 0 {
					c.Extend(extended)
				}
				<-ctx.Done()
				return 0, ctx.Err()
			}})
			return heard
		}
		ask(t.Context(), g, "k", load{timeout: 500 * ms, do: func(context.Context, *flight.Call[int]) (int, error) { return 7, nil }})().mustBe(t, 7)
		for i, heard := range []func() answer{hangs(3*time.Second, 0), hangs(time.Second, 0), hangs(time.Hour, 2*time.Second), hangs(time.Second, 4*time.Second)} {
			want := []time.Duration{3 * time.Second, time.Second, 2 * time.Second, 4 * time.Second}[i]
			a := heard()
			a.mustFail(t, context.DeadlineExceeded)
			mustEqual(t, "it took", a.took, want)
		}
	})
}

// A bell that is used again must not have rung: who leads next would be woken before
// there is a value.
func TestABellRingsForOneLeaderAtATime(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			land := make(chan struct{})
			gone := ask(ctx, g, "k", load{do: func(context.Context, *flight.Call[int]) (int, error) { <-land; return 1, nil }})
			cancel()
			gone().mustFail(t, context.Canceled)
			g.Invalidate(flight.Always, func() {}, "k")
			next := ask(t.Context(), g, "k", load{do: func(context.Context, *flight.Call[int]) (int, error) {
				time.Sleep(time.Second)
				return 2, nil
			}})
			close(land) // the load that was left behind lands while the next one runs
			synctest.Wait()
			next().mustBe(t, 2)
		}
	})
}

// The caller whose ctx ends when the load does leaves with the value, and the bell is as new.
func TestWhoLeavesAsTheLoadLandsLeavesNoRing(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			a := call(ctx, g, "k", load{do: func(context.Context, *flight.Call[int]) (int, error) {
				time.Sleep(time.Second)
				return 1, nil
			}})
			cancel()
			if a.err == nil {
				a.mustBe(t, 1)
			} else {
				a.mustFail(t, context.DeadlineExceeded)
			}
			synctest.Wait()
			call(t.Context(), g, "k", load{do: func(context.Context, *flight.Call[int]) (int, error) {
				time.Sleep(time.Second)
				return 2, nil
			}}).mustBe(t, 2)
		}
	})
}

func TestCurrentIsTheLoadThatCallersJoin(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		mustEqual(t, "before", g.Current("k") == nil, true)
		launched := load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			mustEqual(t, "while it runs", g.Current("k"), c)
			for i := range 1000 { // some of them are in the shard of k
				mustEqual(t, "of another key", g.Current(strconv.Itoa(i)) == nil, true)
			}
			time.Sleep(time.Second)
			return 7, nil
		}}
		launch(t, g, "k", launched)
		pass(0)
		g.Invalidate(flight.Always, func() {}, "k")
		mustEqual(t, "out of date", g.Current("k") == nil, true)
		call(t.Context(), g, "k", launched).mustBe(t, 7)
		mustEqual(t, "after", g.Current("k") == nil, true)
	})
}
