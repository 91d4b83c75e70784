package flight_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// queue_test.go is about the load that waits until fewer of its key run.

// crowd starts MaxRuns loads of k, each of them out of date. They return 7 when
// over is closed.
func crowd(t *testing.T, g *flight.Group[int], over chan struct{}) (heard []func() answer) {
	for range flight.MaxRuns {
		heard = append(heard, ask(t.Context(), g, "k", stubborn(over, 0, make(chan bool, 1))))
		g.Invalidate(flight.Always, nothing, "k")
	}
	return heard
}

func TestALoadThatQueuesIsNeverOutOfDate(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, kept := make(chan struct{}), false
		old := crowd(t, g, over)
		queued := ask(t.Context(), g, "k", keeps(2, &kept))
		g.Invalidate(flight.Always, nothing, "k")
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
			g.Invalidate(flight.Always, nothing, "k")
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
