package flight_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// here_test.go is about loads that who leads them begins himself.

var errFound = errors.New("what the leader has found")

// begun is the load of k by l, which the test leads, and is to begin.
func begun(t *testing.T, g *flight.Group[int], l load) *flight.Call[int] {
	t.Helper()
	c, led, err := g.Lead(context.Background(), nil, "k", new(flight.Call[int]), l, true)
	if err != nil || !led || !c.Here() {
		t.Fatalf("led is %t, %v, and the load is begun on another goroutine", led, err)
	}
	return c
}

// ended is what c has ended with.
func ended(c *flight.Call[int]) (a answer) {
	a.value, a.err = c.Result()
	return a
}

// goesOn is what the leader of c gets, who has not found it, and when.
func goesOn(ctx context.Context, c *flight.Call[int]) (a answer) {
	begin := time.Now()
	if !c.GoOn(ctx) {
		return ended(c)
	}
	a.value, a.err = c.Wait(ctx, nil, true, nothing)
	a.took = time.Since(begin)
	return a
}

func TestOthersShareWhatTheLeaderFinds(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		for range 2 {
			c, tier := begun(t, g, gives(1, &loads)), 0
			heard := ask(t.Context(), g, "k", gives(2, &loads))
			left := ask(impatient(t, ms), g, "k", gives(3, &loads))
			left().mustFail(t, context.DeadlineExceeded)
			mustEqual(t, "loads in flight", g.InFlight(), 1)
			mustEqual(t, "kept", c.Keep(func() { tier = 7 }), true)
			c.End(7, nil)
			ended(c).mustBe(t, 7)
			heard().mustBe(t, 7)
			mustEqual(t, "tier", tier, 7)
		}
		mustEqual(t, "loads", loads.Load(), 0)
	})
}

func TestOthersGetTheErrorThatTheLeaderFinds(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		c := begun(t, g, load{})
		heard := ask(t.Context(), g, "k", load{})
		c.End(0, errFound)
		ended(c).mustFail(t, errFound)
		heard().mustFail(t, errFound)
	})
}

func TestWhatTheLeaderDoesNotFindIsLoadedForAll(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		c := begun(t, g, lasts(400*ms, 7, &loads))
		heard := ask(t.Context(), g, "k", lasts(400*ms, 8, &loads))
		goesOn(t.Context(), c).mustBe(t, 7)
		heard().mustBe(t, 7)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

// Nobody waits for the ctx of who begins the load.
func TestLeaderLeavesWhileHeBegins(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for name, others := range map[string]int{"others wait": 2, "nobody waits, in its grace": 0} {
			var loads atomic.Int64
			ctx, leave := context.WithCancel(t.Context())
			c, kept := begun(t, g, load{do: func(_ context.Context, c *flight.Call[int]) (int, error) {
				time.Sleep(400 * ms)
				loads.Add(1)
				mustEqual(t, name+": kept", c.Keep(nothing), true)
				return 7, nil
			}}), others
			var heard []func() answer
			for range kept {
				heard = append(heard, ask(t.Context(), g, "k", gives(8, &loads)))
			}
			leave()
			gone := goesOn(ctx, c)
			gone.mustFail(t, context.Canceled)
			mustEqual(t, "the leader left after", gone.took, 0)
			for _, h := range heard {
				h().mustBe(t, 7)
			}
			pass(time.Second)
			mustEqual(t, name+": loads", loads.Load(), 1)
		}
	})
}

func TestInvalidationWhileTheLeaderBegins(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		c := begun(t, g, load{})
		g.Invalidate(flight.Always, nothing, "k")
		later := ask(t.Context(), g, "k", gives(8, &loads))
		mustEqual(t, "kept what was read before the invalidation", c.Keep(nothing), false)
		c.End(7, nil)
		ended(c).mustBe(t, 7)
		later().mustBe(t, 8)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

// The time of a load is that of its leader's look, too: a tier that does not heed its ctx
// keeps him, and nobody else.
func TestLeaderWhoBeginsForTooLong(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, c *flight.Call[int]) answer{
		"and finds something": func(_ context.Context, c *flight.Call[int]) answer { c.End(7, nil); return ended(c) },
		"and finds nothing":   goesOn,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *flight.Group[int]) {
				var loads atomic.Int64
				c := begun(t, g, load{timeout: time.Second, do: gives(7, &loads).do})
				heard := ask(t.Context(), g, "k", load{})
				pass(2 * time.Second)
				other := heard()
				other.mustFail(t, context.DeadlineExceeded)
				mustEqual(t, "the other one has its answer after", other.took, time.Second)
				call(t.Context(), g, "k", gives(8, &loads)).mustBe(t, 8)
				end(t.Context(), c).mustFail(t, context.DeadlineExceeded)
				mustEqual(t, "loads", loads.Load(), 1)
			})
		})
	}
}

func TestLoadThatQueuesIsBegunByNobody(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over := make(chan struct{})
		old := crowd(t, g, over)
		var loads atomic.Int64
		c, led, err := g.Lead(context.Background(), nil, "k", new(flight.Call[int]), gives(8, &loads), true)
		if err != nil || !led || c.Here() {
			t.Fatalf("led is %t, %v, and its leader is to begin a load that queues", led, err)
		}
		close(over)
		v, err := c.Wait(t.Context(), nil, true, nothing)
		answer{value: v, err: err}.mustBe(t, 8)
		for _, h := range old {
			h().mustBe(t, 7)
		}
	})
}

// 1. Drain begins while a leader begins a load
// 2. he leaves
func TestDrainWhileALeaderBegins(t *testing.T) {
	for name, test := range map[string]struct {
		leaves, joined bool
		loads          int64
	}{
		"he stays":                      {loads: 1},
		"he leaves":                     {leaves: true},
		"he leaves, and somebody waits": {leaves: true, joined: true, loads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *flight.Group[int]) {
				var loads atomic.Int64
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				c := begun(t, g, gives(7, &loads))
				var heard func() answer
				if test.joined {
					heard = ask(t.Context(), g, "k", load{})
				}
				drained := make(chan error, 1)
				go func() { drained <- g.Drain(t.Context()) }()
				synctest.Wait()
				mustEqual(t, "Drain waits", len(drained), 0)
				if test.leaves {
					leave()
				}
				switch a := goesOn(ctx, c); {
				case !test.leaves:
					a.mustBe(t, 7)
				case !test.joined:
					a.mustFail(t, context.Canceled)
				}
				if test.joined {
					heard().mustBe(t, 7)
				}
				mustEqual(t, "Drain", <-drained, nil)
				mustEqual(t, "loads", loads.Load(), test.loads)
			})
		})
	}
}

// 1. Drain begins while a leader begins a load, and gives up
// 2. his look ends, and has found nothing: a load would begin when all were cancelled
func TestDrainThatGivesUpWhileALeaderBegins(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		c := begun(t, g, gives(7, &loads))
		heard := ask(t.Context(), g, "k", load{})
		mustEqual(t, "Drain", g.Drain(impatient(t, ms)), context.DeadlineExceeded)
		goesOn(t.Context(), c).mustFail(t, context.DeadlineExceeded)
		heard().mustFail(t, context.DeadlineExceeded)
		mustEqual(t, "loads", loads.Load(), 0)
	})
}
