package flight_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// invalidate_test.go is about loads that are out of date.

func nothing() {}

// keeps is a load that takes 400 ms, returns v, and reports whether it could
// keep it.
func keeps(v int, kept *bool, see ...uint64) load {
	return load{do: func(_ context.Context, c *flight.Call[int]) (int, error) {
		for _, seq := range see {
			c.Stamp(seq)
		}
		time.Sleep(400 * ms)
		*kept = c.Keep(nothing)
		return v, nil
	}}
}

func TestAnInvalidationDuringALoad(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var oldKept, newKept bool
		leader := ask(t.Context(), g, "k", keeps(1, &oldKept))
		joined := ask(t.Context(), g, "k", keeps(2, &newKept))
		forgot := false
		g.Invalidate(flight.Always, func() { forgot = true }, "k")
		later := ask(t.Context(), g, "k", keeps(2, &newKept))
		leader().mustBe(t, 1)
		joined().mustBe(t, 1)
		later().mustBe(t, 2)
		mustEqual(t, "forgot", forgot, true)
		mustEqual(t, "the old value was kept", oldKept, false)
		mustEqual(t, "the new value was kept", newKept, true)
	})
}

func TestAnInvalidationConcernsWhatBeganBeforeIt(t *testing.T) {
	for _, c := range []struct {
		name     string
		see      []uint64
		seq      uint64
		outdated bool
	}{
		{"load stamped at 5, invalidation 5", []uint64{5}, 5, false},
		{"load stamped at 5, invalidation 4", []uint64{5}, 4, false},
		{"load stamped at 5, invalidation 6", []uint64{5}, 6, true},
		{"load stamped at 5, invalidation always", []uint64{5}, flight.Always, true},
		{"load not stamped, invalidation 1", nil, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, g *flight.Group[int]) {
				var kept, newKept bool
				first := ask(t.Context(), g, "k", keeps(1, &kept, c.see...))
				g.Invalidate(c.seq, nothing, "k")
				second := ask(t.Context(), g, "k", keeps(2, &newKept))
				first().mustBe(t, 1)
				mustEqual(t, "a later caller starts anew", second().led, c.outdated)
				mustEqual(t, "kept", kept, !c.outdated)
			})
		})
	}
}

func TestInvalidateAllIsInvalidateOfEveryKey(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var kept [200]bool
		var heard []func() answer
		for i := range kept {
			heard = append(heard, ask(t.Context(), g, fmt.Sprint(i), keeps(i, &kept[i])))
		}
		stamped := false
		heard = append(heard, ask(t.Context(), g, "stamped", keeps(200, &stamped, 5)))
		forgot := 0
		g.InvalidateAll(5, func() { forgot++ })
		mustEqual(t, "forgot", forgot, 1)
		for i, h := range heard {
			h().mustBe(t, i)
		}
		for i, k := range kept {
			mustEqual(t, fmt.Sprintf("load %d was kept", i), k, false)
		}
		mustEqual(t, "the load that saw the world later was kept", stamped, true)
	})
}

func TestInvalidateAllIsOneStep(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		g.InvalidateAll(flight.Always, func() {
			mustEqual(t, "shards in which a load can begin meanwhile", flight.Unlocked(g), 0)
		})
		if flight.Unlocked(g) == 0 {
			t.Error("InvalidateAll left its locks behind")
		}
	})
}

func TestALoadThatWouldNotDoIsNotJoined(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var oldKept, newKept bool
		first := ask(t.Context(), g, "k", keeps(1, &oldKept, 3))
		fresh := keeps(2, &newKept, 8)
		fresh.join = func(c *flight.Call[int]) bool {
			if _, ok := c.Job().(load); !ok {
				t.Error("Job is not what the leader gave")
			}
			return c.Seen() >= 8
		}
		second := ask(t.Context(), g, "k", fresh)
		third := ask(t.Context(), g, "k", fresh)
		any := ask(t.Context(), g, "k", keeps(3, &oldKept))
		first().mustBe(t, 1)
		for _, heard := range []func() answer{second, third, any} {
			heard().mustBe(t, 2)
		}
		mustEqual(t, "the first value was kept", oldKept, false)
		mustEqual(t, "the second value was kept", newKept, true)
	})
}

// hung is a base whose AfterFunc cannot be stopped before over is closed: a run
// under it is not over when it has given its callers the value.
type hung struct {
	context.Context
	over chan struct{}
}

func (h hung) Done() <-chan struct{}             { return h.over }
func (h hung) Err() error                        { return nil }
func (h hung) AfterFunc(func()) func() (ok bool) { return func() bool { <-h.over; return true } }

func TestANewLoadDoesNotJoinARunThatIsOnItsWayOut(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		base := hung{t.Context(), make(chan struct{})}
		var loads atomic.Int64
		v, _, err := g.Do(t.Context(), base, nil, "k", gives(1, &loads))
		answer{value: v, err: err}.mustBe(t, 1)
		call(impatient(t, time.Second), g, "k", gives(2, &loads)).mustBe(t, 2)
		close(base.over)
	})
}

func TestALoadRunsAlsoIfItIsOutOfDateBeforeItsGoroutineRuns(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for range 100 { // either goroutine may come first
			var began atomic.Int64
			over := make(chan struct{})
			job := load{do: func(context.Context, *flight.Call[int]) (int, error) {
				began.Add(1)
				<-over
				return 7, nil
			}}
			flight.StartTwo(g, t.Context(), "k", job, job)
			synctest.Wait()
			if n := began.Load(); n != 2 {
				t.Fatalf("%d loads ran, want 2", n)
			}
			close(over)
			synctest.Wait()
		}
	})
}

func TestAnInvalidationOfSeveralKeysIsOneStep(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		shards := flight.Unlocked(g)
		keys := strings.Split("a b c d e f g h a b", " ") // some of them twice
		var kept [8]bool
		var loads [8]func() answer
		for i := range loads {
			loads[i] = ask(t.Context(), g, keys[i], keeps(i, &kept[i]))
		}
		g.Invalidate(flight.Always, func() {
			if n := flight.Unlocked(g); n > shards-2 || n < shards-len(loads) {
				t.Errorf("%d of %d shards are free while %d keys are forgotten", n, shards, len(loads))
			}
		}, keys...)
		mustEqual(t, "shards with a free lock afterwards", flight.Unlocked(g), shards)
		for i := range loads {
			loads[i]().mustBe(t, i)
			mustEqual(t, keys[i]+" was kept", kept[i], false)
		}
	})
}

func TestKeepAndInvalidateAreOneStepEach(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		shards := flight.Unlocked(g)
		locked := func() { mustEqual(t, "shards with a free lock", flight.Unlocked(g), shards-1) }
		call(t.Context(), g, "k", load{do: func(_ context.Context, c *flight.Call[int]) (int, error) {
			mustEqual(t, "kept", c.Keep(locked), true)
			return 7, nil
		}}).mustBe(t, 7)
		g.Invalidate(flight.Always, locked, "k")
		mustEqual(t, "shards with a free lock afterwards", flight.Unlocked(g), shards)
	})
}
