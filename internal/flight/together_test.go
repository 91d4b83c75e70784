package flight_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// together_test.go is about loads that one run serves, and about what a Job is told of
// its own way.

// serves is a run that serves the loads of keys, each with a caller who waits. run gets
// what stands for all of them; the loads return when it has returned.
func serves(t *testing.T, g *flight.Group[int], parent *flight.Call[int], keys []string, run func(c *flight.Call[int])) {
	t.Helper()
	over := make(chan struct{})
	var heard []func() answer
	var calls []*flight.Call[int]
	for _, key := range keys {
		heard = append(heard, ask(t.Context(), g, key, load{do: func(_ context.Context, c *flight.Call[int]) (int, error) {
			<-over
			return 7, nil
		}}))
		calls = append(calls, g.Current(key))
	}
	together, end := flight.Together(parent, calls)
	run(together)
	end()
	close(over)
	for _, wait := range heard {
		wait().mustBe(t, 7)
	}
}

func TestARunThatAsksForOneOfItsLoadsIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		serves(t, g, nil, []string{"A", "B"}, func(c *flight.Call[int]) {
			_ = refused(t.Context(), t, g, c, "A")
			_ = refused(t.Context(), t, g, c, "B")
			var loads atomic.Int64
			v, err := within(t.Context(), g, c, "C", gives(1, &loads))
			mustEqual(t, "another key", v, 1)
			mustEqual(t, "error", err, nil)
		})
	})
}

// An invalidation takes the load out of the way of others, who begin a new one. The run
// may not: that would ask for itself again, and so on.
func TestARunThatInvalidatesOneOfItsLoadsDoesNotRunForEver(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		serves(t, g, nil, []string{"A", "B"}, func(c *flight.Call[int]) {
			g.Invalidate(flight.Always, nothing, "B")
			_ = refused(t.Context(), t, g, c, "B")
			_, _ = within(t.Context(), g, c, "C", load{do: func(ctx context.Context, inner *flight.Call[int]) (int, error) {
				return 0, refused(ctx, t, g, inner, "B")
			}})
		})
	})
}

func TestARunIsAPartOfWhatItsCallersAreAPartOf(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		call(t.Context(), g, "outer", load{do: func(ctx context.Context, outer *flight.Call[int]) (int, error) {
			serves(t, g, outer, []string{"A", "B"}, func(c *flight.Call[int]) {
				_ = refused(ctx, t, g, c, "outer")
			})
			return 7, nil
		}}).mustBe(t, 7)
	})
}

// Two runs that ask for a load of each other: one of them is told.
func TestRunsThatAskForEachOthersLoads(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		serves(t, g, nil, []string{"A", "B"}, func(one *flight.Call[int]) {
			serves(t, g, nil, []string{"C", "D"}, func(two *flight.Call[int]) {
				ctx, leave := context.WithCancel(t.Context())
				told := make(chan error)
				go func() {
					_, err := within(ctx, g, one, "D", load{})
					told <- err
				}()
				pass(0)
				_ = refused(t.Context(), t, g, two, "A")
				leave()
				if err := <-told; !errors.Is(err, context.Canceled) {
					t.Errorf("the other one got %v", err)
				}
			})
		})
	})
}

// What a run has left behind asks for others, and is no part of it any more.
func TestWhatAnEndedRunLeftBehindAsksForItself(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var left *flight.Call[int]
		call(t.Context(), g, "outer", load{do: func(_ context.Context, outer *flight.Call[int]) (int, error) {
			serves(t, g, outer, []string{"A"}, func(c *flight.Call[int]) { left = c })
			mustEqual(t, "parent of the run", flight.Parent(left) == nil, true) // or a row of runs would stay in memory
			return 7, nil
		}}).mustBe(t, 7)
		var loads atomic.Int64
		v, err := within(t.Context(), g, left, "A", gives(8, &loads))
		mustEqual(t, "value", v, 8)
		mustEqual(t, "error", err, nil)
	})
}

// told is a Job that notes what it is told of.
type told struct {
	load
	starts, waits *atomic.Int64
}

func (j told) Starts() { j.starts.Add(1) }
func (j told) Waits()  { j.waits.Add(1) }

func notes(l load) told { return told{l, new(atomic.Int64), new(atomic.Int64)} }

func (j told) mustHave(t *testing.T, who string, starts, waits int64) {
	t.Helper()
	mustEqual(t, who+" was told of starts", j.starts.Load(), starts)
	mustEqual(t, who+" was told of waits", j.waits.Load(), waits)
}

func asks(t *testing.T, g *flight.Group[int], j told) (done chan error) {
	done = make(chan error, 1)
	go func() {
		_, _, err := g.Do(t.Context(), context.Background(), nil, "k", j)
		done <- err
	}()
	pass(0)
	return done
}

func TestAJobIsToldOfItsStartAndOfEachWait(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		leads, joins, launched := notes(lasts(time.Second, 7, &loads)), notes(load{}), notes(gives(8, &loads))
		first := asks(t, g, leads)
		leads.mustHave(t, "who leads, while it runs,", 1, 1)
		second := asks(t, g, joins)
		joins.mustHave(t, "who joins", 0, 1)
		mustEqual(t, "error", errors.Join(<-first, <-second), nil)
		g.Launch(t.Context(), "k", new(flight.Call[int]), launched)
		pass(0)
		launched.mustHave(t, "who launched", 1, 0)
	})
}

// A load that queues starts when another one lands; its caller waits from the beginning.
func TestAJobThatQueuesIsToldOfItsStartWhenItRuns(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over := make(chan struct{})
		old := crowd(t, g, over)
		var loads atomic.Int64
		queues := notes(gives(2, &loads))
		done := asks(t, g, queues)
		queues.mustHave(t, "who queues", 0, 1)
		close(over)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
		mustEqual(t, "error", <-done, nil)
		queues.mustHave(t, "who has queued", 1, 1)
	})
}

// Who is told that it would wait for itself, or that no load may begin, does not wait.
func TestAJobThatDoesNotWaitIsToldOfNoWait(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		inner, late := notes(load{}), notes(load{})
		call(t.Context(), g, "k", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			_, _, err := g.Do(ctx, context.Background(), c, "k", inner)
			return 0, err
		}}).mustFail(t, flight.ErrRecursive)
		inner.mustHave(t, "a part of its own load", 0, 0)
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		if err := <-asks(t, g, late); !errors.Is(err, flight.ErrClosed) {
			t.Errorf("after Drain: %v", err)
		}
		late.mustHave(t, "who came after Drain", 0, 0)
	})
}
