package flight_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

func TestDrainWaitsForEveryLoad(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var loads atomic.Int64
		brief := ask(t.Context(), g, "brief", lasts(100*ms, 1, &loads))
		long := ask(t.Context(), g, "long", lasts(time.Second, 2, &loads))
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		mustEqual(t, "took", time.Since(begin), time.Second)
		brief().mustBe(t, 1)
		long().mustBe(t, 2)
	})
}

func TestDrainOfAnIdleGroupReturnsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		mustEqual(t, "error", g.Drain(t.Context()), nil)
	})
}

func TestNoLoadBeginsOnceDrainWasCalled(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads, late atomic.Int64
		running := ask(t.Context(), g, "k", lasts(time.Second, 7, &loads))
		drained := make(chan error, 1)
		go func() { drained <- g.Drain(t.Context()) }()
		synctest.Wait()
		call(t.Context(), g, "other", gives(8, &late)).mustFail(t, flight.ErrClosed)
		refuses := gives(9, &late)
		refuses.join = func(*flight.Call[int]) bool { return false }
		call(t.Context(), g, "k", refuses).mustFail(t, flight.ErrClosed)
		call(t.Context(), g, "k", gives(9, &late)).mustBe(t, 7) // it joins
		running().mustBe(t, 7)
		mustEqual(t, "error", <-drained, nil)
		call(t.Context(), g, "k", gives(8, &late)).mustFail(t, flight.ErrClosed)
		mustEqual(t, "loads that came late", late.Load(), 0)
	})
}

// starting is a load that calls begins when it is about to start.
type starting struct {
	load
	begins func()
}

func (s starting) Timeout() time.Duration {
	s.begins()
	return s.load.Timeout()
}

func TestDrainWaitsForALoadThatIsAboutToStart(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		var drained atomic.Bool
		v, _, err := g.Do(t.Context(), t.Context(), nil, "k", starting{lasts(time.Second, 7, &loads), func() {
			go func() {
				_ = g.Drain(t.Context())
				drained.Store(true)
			}()
			for range 1000 { // Drain comes to wait for a lock, which synctest.Wait does not see
				runtime.Gosched()
			}
			mustEqual(t, "drained before the load has started", drained.Load(), false)
		}})
		answer{value: v, err: err}.mustBe(t, 7)
	})
}

func TestDrainWaitsForALoadThatNobodyWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		ask(impatient(t, 100*ms), g, "k", k.load(400*ms, time.Second))()
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		mustEqual(t, "took", time.Since(begin), 400*ms)
	})
}

func TestNoLoadBeginsAfterDrain(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		mustEqual(t, "draining an idle group", g.Drain(t.Context()), nil)
		var loads atomic.Int64
		ask(t.Context(), g, "k", gives(1, &loads))().mustFail(t, flight.ErrClosed)
		mustEqual(t, "loads", loads.Load(), 0)
	})
}

func TestDrainEndsWithItsCtxAndTheLoadsWithIt(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		why := errors.New("closing")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 200*ms, why)
		defer cancel()
		over, kept, queued := make(chan struct{}), false, atomic.Int64{}
		heeds := ask(t.Context(), g, "heeds", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			<-ctx.Done()
			kept = c.Keep(nothing)
			return 0, context.Cause(ctx)
		}})
		old := crowd(t, g, over)
		waits := ask(t.Context(), g, "k", gives(8, &queued))
		begin := time.Now()
		err := g.Drain(ctx)
		mustEqual(t, "it is ctx's cause", errors.Is(err, why), true)
		mustEqual(t, "it is ctx's error", errors.Is(err, context.DeadlineExceeded), true)
		mustEqual(t, "took", time.Since(begin), 200*ms)
		heeds().mustFail(t, why)
		waits().mustFail(t, why)
		close(over)
		for _, heard := range old {
			heard().mustBe(t, 7)
		}
		mustEqual(t, "kept", kept, false)
		mustEqual(t, "loads that queued and ran", queued.Load(), 0)
	})
}
