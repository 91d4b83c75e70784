package flight_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// claim_test.go is about writes, and reads that are no loads.

// waiting is a load that keeps 1 in tier, if it may, when over is closed.
func waiting(over chan struct{}, tier *int) load {
	return load{do: func(_ context.Context, c *flight.Call[int]) (int, error) {
		<-over
		c.Keep(func() { *tier = 1 })
		return 1, nil
	}}
}

func TestALoadInFlightLosesToAWrite(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, tier := make(chan struct{}), 0
		heard := ask(t.Context(), g, "k", waiting(over, &tier))
		w := g.Claim("k")
		mustEqual(t, "the write was kept", w.Keep(func() { tier = 2 }), true)
		w.Release()
		close(over)
		heard().mustBe(t, 1)
		mustEqual(t, "tier", tier, 2)
	})
}

func TestALoadInFlightLosesToAWriteThatHasNotYetKept(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, tier := make(chan struct{}), 0
		heard := ask(t.Context(), g, "k", waiting(over, &tier))
		w := g.Claim("k")
		close(over)
		heard().mustBe(t, 1)
		mustEqual(t, "tier", tier, 0)
		w.Release()
	})
}

func TestALoadThatBeganDuringAWriteLosesToIt(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, tier := make(chan struct{}), 0
		w := g.Claim("k")
		before := ask(t.Context(), g, "k", waiting(over, &tier))
		r := g.Watch("k")
		mustEqual(t, "the write was kept", w.Keep(func() { tier = 2 }), true)
		mustEqual(t, "the read was kept", r.Keep(func() { tier = 3 }), false)
		mustEqual(t, "the write was kept again", w.Keep(func() { tier = 2 }), true)
		after := ask(t.Context(), g, "k", waiting(over, &tier))
		w.Release()
		r.Release()
		mustEqual(t, "loads in flight", g.InFlight(), 2)
		tier = 4
		close(over)
		before().mustBe(t, 1)
		after().mustBe(t, 1)
		mustEqual(t, "tier, from the load that began after the write", tier, 1)
	})
}

func TestAnInvalidationDuringAWriteWins(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for name, c := range map[string]struct {
			stamp      uint64
			invalidate func()
			kept       bool
		}{
			"of the key":               {0, func() { g.Invalidate(flight.Always, nothing, "k") }, false},
			"and an earlier one":       {5, func() { g.Invalidate(6, nothing, "k"); g.Invalidate(5, nothing, "k") }, false},
			"of all keys":              {0, func() { g.InvalidateAll(flight.Always, nothing) }, false},
			"of another key":           {0, func() { g.Invalidate(flight.Always, nothing, "other") }, true},
			"later than its stamp":     {5, func() { g.Invalidate(6, nothing, "k") }, false},
			"not later than its stamp": {5, func() { g.Invalidate(5, nothing, "k") }, true},
		} {
			w := g.Claim("k")
			w.Stamp(c.stamp)
			c.invalidate()
			mustEqual(t, "kept after an invalidation "+name, w.Keep(nothing), c.kept)
			w.Release()
		}
	})
}

func TestOfTwoWritesTheLaterOneWins(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for _, laterFirst := range []bool{true, false} {
			tier := 0
			earlier, later := g.Claim("k"), g.Claim("k")
			if laterFirst {
				mustEqual(t, "the later was kept", later.Keep(func() { tier = 2 }), true)
			}
			mustEqual(t, "the earlier was kept", earlier.Keep(func() { tier = 1 }), false)
			if !laterFirst {
				mustEqual(t, "the later was kept", later.Keep(func() { tier = 2 }), true)
			}
			later.Release()
			earlier.Release()
			mustEqual(t, "tier", tier, 2)
		}
	})
}

func TestAWatchDisturbsNobody(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, tier := make(chan struct{}), 0
		leader := ask(t.Context(), g, "k", waiting(over, &tier))
		w, r := g.Claim("other"), g.Watch("k")
		other := g.Watch("other")
		mustEqual(t, "the read was kept", r.Keep(nothing), true)
		mustEqual(t, "the write beside a read was kept", w.Keep(nothing), true)
		joined := ask(t.Context(), g, "k", waiting(over, &tier))
		close(over)
		mustEqual(t, "led", leader().led, true)
		mustEqual(t, "led", joined().led, false)
		mustEqual(t, "tier", tier, 1)
		for _, c := range []*flight.Call[int]{w, r, other} {
			c.Release()
		}
	})
}

func TestAWatchLosesToWhatCameAfterIt(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		r := g.Watch("k")
		g.Invalidate(flight.Always, nothing, "k")
		mustEqual(t, "kept after an invalidation", r.Keep(nothing), false)
		r.Release()
		r = g.Watch("k")
		g.Claim("k").Release()
		mustEqual(t, "kept after a write", r.Keep(nothing), false)
		r.Release()
	})
}

func TestNothingIsKeptAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		w, r := g.Claim("k"), g.Watch("r")
		w.Release()
		r.Release()
		mustEqual(t, "kept after the end of a write", w.Keep(nothing), false)
		mustEqual(t, "kept after the end of a read", r.Keep(nothing), false)

		goOn, kept := make(chan struct{}), make(chan bool)
		call(t.Context(), g, "k", load{do: func(_ context.Context, c *flight.Call[int]) (int, error) {
			go func() {
				<-goOn
				kept <- c.Keep(nothing)
			}()
			return 7, nil
		}}).mustBe(t, 7)
		g.Invalidate(flight.Always, nothing, "k")
		close(goOn)
		mustEqual(t, "kept by what a load left behind", <-kept, false)
		synctest.Wait()
	})
}
