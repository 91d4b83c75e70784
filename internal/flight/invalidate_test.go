package flight_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// invalidate_test.go is about loads that are out of date, and the next ones.

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
		g.Invalidate("k", flight.Always, func() { forgot = true })
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
				g.Invalidate("k", c.seq, nothing)
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

// crowd starts MaxRuns loads of k, each of them out of date. They return 7 when
// over is closed.
func crowd(t *testing.T, g *flight.Group[int], over chan struct{}) (heard []func() answer) {
	for range flight.MaxRuns {
		heard = append(heard, ask(t.Context(), g, "k", stubborn(over, 0, make(chan bool, 1))))
		g.Invalidate("k", flight.Always, nothing)
	}
	return heard
}

func TestALoadThatQueuesIsNeverOutOfDate(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, kept := make(chan struct{}), false
		old := crowd(t, g, over)
		queued := ask(t.Context(), g, "k", keeps(2, &kept))
		g.Invalidate("k", flight.Always, nothing)
		g.Claim("k").Release()
		refuses := keeps(3, &kept)
		refuses.join = func(*flight.Call[int]) bool { return false }
		second := ask(t.Context(), g, "k", refuses)
		mustEqual(t, "in flight", g.InFlight(), flight.MaxRuns)
		close(over)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
		queued().mustBe(t, 2)
		second().mustBe(t, 2)
		mustEqual(t, "kept", kept, true)
	})
}

func TestAStormOfInvalidationsRunsFewLoadsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads, ended atomic.Int64
		var heard []func() answer
		most := int64(0)
		job := load{do: func(context.Context, *flight.Call[int]) (int, error) {
			loads.Add(1)
			defer ended.Add(1)
			time.Sleep(100 * ms)
			return 7, nil
		}}
		for range 200 {
			heard = append(heard, ask(t.Context(), g, "k", job))
			g.Invalidate("k", flight.Always, nothing)
			most = max(most, loads.Load()-ended.Load())
			pass(3 * ms)
		}
		for _, h := range heard {
			h().mustBe(t, 7)
		}
		mustEqual(t, "most at once", most, flight.MaxRuns)
		if n := loads.Load(); n < 20 || n > 30 { // 600 ms, 4 at once, 100 ms each
			t.Errorf("%d loads, want about 24", n)
		}
	})
}

func TestALoadThatQueuesAndThatNobodyWaitsForNeverRuns(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over := make(chan struct{})
		old := crowd(t, g, over)
		var gone, loads atomic.Int64
		ask(impatient(t, 100*ms), g, "k", gives(8, &gone))().mustFail(t, context.DeadlineExceeded)
		stays := ask(t.Context(), g, "k", gives(9, &loads))
		pass(2 * time.Hour) // nothing of the one that left is due any more
		stays().mustFail(t, context.DeadlineExceeded)
		close(over)
		for _, heard := range old {
			heard().mustFail(t, context.DeadlineExceeded)
		}
		synctest.Wait()
		mustEqual(t, "loads", gone.Load()+loads.Load(), 0)
	})
}

func TestWhoLeavesALoadThatQueuesLeavesItToTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over := make(chan struct{})
		old := crowd(t, g, over)
		var loads atomic.Int64
		gone := ask(impatient(t, 100*ms), g, "k", gives(8, &loads))
		stays := ask(t.Context(), g, "k", gives(9, &loads))
		gone().mustFail(t, context.DeadlineExceeded)
		close(over)
		stays().mustBe(t, 8)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
	})
}

func TestALoadQueuesNoLongerThanItsTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over := make(chan struct{})
		old := crowd(t, g, over)
		var loads atomic.Int64
		brief := gives(8, &loads)
		brief.timeout = 10 * time.Second
		a := call(t.Context(), g, "k", brief)
		a.mustFail(t, context.DeadlineExceeded)
		mustEqual(t, "took", a.took, 10*time.Second)

		next := ask(t.Context(), g, "k", lasts(30*time.Second, 9, &loads))
		close(over)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
		next().mustBe(t, 9)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

func TestALoadThatHasQueuedHasItsWholeTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over := make(chan struct{})
		old := crowd(t, g, over)
		var loads atomic.Int64
		job := lasts(8*time.Second, 9, &loads)
		job.timeout = 10 * time.Second
		heard := ask(t.Context(), g, "k", job)
		pass(5 * time.Second)
		close(over)
		a := heard()
		a.mustBe(t, 9)
		mustEqual(t, "took", a.took, 13*time.Second)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
	})
}

// hung is a base whose AfterFunc cannot be stopped before over is closed: a run
// under it stays in singleflight after it gave its callers the value.
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
			var old, young atomic.Int64
			flight.StartTwo(g, t.Context(), "k", gives(1, &old), gives(2, &young))
			for flight.Slots(g) > 0 {
				runtime.Gosched()
			}
			mustEqual(t, "loads of the old", old.Load(), 1)
			mustEqual(t, "loads of the young", young.Load(), 1)
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
		g.Invalidate("k", flight.Always, locked)
		mustEqual(t, "shards with a free lock afterwards", flight.Unlocked(g), shards)
	})
}
