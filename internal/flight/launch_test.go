package flight_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// launch_test.go is about loads that nobody waits for from the start.

func launch(t *testing.T, g *flight.Group[int], key string, l load) {
	g.Launch(t.Context(), key, new(flight.Call[int]), l)
}

func TestALaunchReturnsAtOnceAndItsLoadEndsByItself(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		mustEqual(t, "flies before", g.Current("k") != nil, false)
		launch(t, g, "k", k.load(time.Minute, 200*ms)) // far beyond the grace
		mustEqual(t, "Launch took", time.Since(begin), 0)
		mustEqual(t, "flies", g.Current("k") != nil, true)
		mustEqual(t, "another key flies", g.Current("other") != nil, false)
		pass(time.Minute)
		mustEqual(t, "kept", k.kept, true)
		mustEqual(t, "flies after", g.Current("k") != nil, false)
		mustEqual(t, "in flight", g.InFlight(), 0)
	})
}

func TestALaunchStartsOneGoroutineAndNoneWhereALoadRuns(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		before := runtime.NumGoroutine()
		for range 1000 {
			launch(t, g, "k", lasts(time.Second, 7, &loads))
		}
		if more := runtime.NumGoroutine() - before; more > 500 { // those of other tests are counted too
			t.Errorf("%d goroutines for 1000 launches", more)
		}
		pass(time.Minute)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

func TestALaunchLeavesARunningLoadAlone(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads, late atomic.Int64
		running := ask(t.Context(), g, "k", lasts(time.Second, 7, &loads))
		refuses := gives(8, &late)
		refuses.join = func(*flight.Call[int]) bool { return false } // nobody asks: it does not join
		launch(t, g, "k", refuses)
		running().mustBe(t, 7)
		pass(0)
		mustEqual(t, "loads that were launched", late.Load(), 0)
	})
}

func TestCallersJoinALaunchAndGetItsValue(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		launch(t, g, "k", lasts(time.Second, 7, &loads))
		a := call(t.Context(), g, "k", gives(8, &loads))
		a.mustBe(t, 7)
		mustEqual(t, "led", a.led, false)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

func TestCallersWhoLeaveALaunchDoNotEndIt(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var k keeping
		launch(t, g, "k", k.load(time.Minute, 200*ms))
		for range 3 {
			ask(impatient(t, 100*ms), g, "k", k.load(time.Minute, 200*ms))().mustFail(t, context.DeadlineExceeded)
			pass(time.Second) // beyond the grace
		}
		mustEqual(t, "flies", g.Current("k") != nil, true)
		pass(time.Minute)
		mustEqual(t, "kept", k.kept, true)
		mustEqual(t, "loads", k.loads.Load(), 1)
	})
}

func TestALaunchThatIsOutOfDateEndsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		launch(t, g, "k", k.load(time.Minute, time.Second))
		pass(100 * ms)
		g.Invalidate(flight.Always, nothing, "k")
		mustEqual(t, "flies", g.Current("k") != nil, false)
		pass(0)
		mustEqual(t, "cancelled after", k.ended.Sub(begin), 100*ms)
		mustEqual(t, "kept", k.kept, false)
	})
}

func TestALaunchThatIsOutOfDateGoesOnForWhoWaits(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k, left keeping
		launch(t, g, "k", k.load(time.Second, time.Second))
		stays := ask(t.Context(), g, "k", k.load(time.Second, time.Second))
		g.Invalidate(flight.Always, nothing, "k")
		stays().mustBe(t, 7)
		mustEqual(t, "kept", k.kept, false)

		launch(t, g, "left", left.load(time.Minute, time.Second))
		gone := ask(impatient(t, 100*ms), g, "left", left.load(time.Minute, time.Second))
		g.Invalidate(flight.Always, nothing, "left")
		gone().mustFail(t, context.DeadlineExceeded)
		pass(0)
		mustEqual(t, "cancelled when the last one left, after", left.ended.Sub(begin), time.Second+100*ms)
	})
}

func TestALaunchIsBoundedByItsTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		l := k.load(time.Hour, time.Second)
		l.timeout = time.Minute
		launch(t, g, "k", l)
		pass(time.Minute)
		mustEqual(t, "cancelled after", k.ended.Sub(begin), time.Minute)
		mustEqual(t, "kept", k.kept, false)
	})
}

func TestAPanicInALaunchHarmsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		for _, ends := range []func(){func() { panic("boom") }, runtime.Goexit} {
			launch(t, g, "k", load{do: func(context.Context, *flight.Call[int]) (int, error) { ends(); return 0, nil }})
			pass(0)
			mustEqual(t, "flies", g.Current("k") != nil, false)
		}
		call(t.Context(), g, "k", gives(7, &loads)).mustBe(t, 7)
	})
}

func TestNothingIsLaunchedAfterDrainWhichWaitsForWhatWas(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var loads, late atomic.Int64
		launch(t, g, "k", lasts(time.Second, 7, &loads))
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		mustEqual(t, "drained after", time.Since(begin), time.Second)
		launch(t, g, "k", gives(8, &late))
		pass(0)
		mustEqual(t, "loads that were launched late", late.Load(), 0)
	})
}

func TestDrainCancelsALaunchWhenItsCtxEnds(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		launch(t, g, "k", k.load(time.Hour, time.Second))
		if err := g.Drain(impatient(t, 100*ms)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		pass(0)
		mustEqual(t, "cancelled after", k.ended.Sub(begin), 100*ms)
	})
}

func TestALaunchDoesNotQueue(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, late := make(chan struct{}), atomic.Int64{}
		old := crowd(t, g, over)
		launch(t, g, "k", gives(8, &late))
		mustEqual(t, "flies", g.Current("k") != nil, false)
		mustEqual(t, "in flight", g.InFlight(), flight.MaxRuns)
		close(over)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
		pass(0)
		mustEqual(t, "loads that were launched", late.Load(), 0)
	})
}
