package flight_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

func TestDrainWaitsForEveryLoad(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		mustEqual(t, "draining an idle group", g.Drain(t.Context()), nil)
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

func TestDrainWaitsForALoadThatNobodyWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		ask(impatient(t, 100*ms), g, "k", k.load(400*ms, time.Second))()
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		mustEqual(t, "took", time.Since(begin), 400*ms)
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
		mustEqual(t, "error", g.Drain(ctx), why)
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
