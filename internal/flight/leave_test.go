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

// leave_test.go is about callers who do not wait for the end.

const ms = time.Millisecond

// impatient is a ctx that ends after d.
func impatient(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// keeping is a load that takes d, notes the time at which its ctx ended, and
// keeps 7 if it may.
type keeping struct {
	loads atomic.Int64
	ended time.Time
	kept  bool
}

func (k *keeping) load(d, grace time.Duration) load {
	return load{grace: grace, do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
		k.loads.Add(1)
		select {
		case <-time.After(d):
			k.kept = c.Keep(func() {})
			return 7, nil
		case <-ctx.Done():
			k.ended = time.Now()
			k.kept = c.Keep(func() {})
			return 0, context.Cause(ctx)
		}
	}}
}

func TestLeaderLeavesAndTheOthersGetTheValue(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		job := lasts(400*ms, 7, &loads)
		leader := ask(impatient(t, 100*ms), g, "k", job)
		follower := ask(t.Context(), g, "k", job)
		gone := leader()
		gone.mustFail(t, context.DeadlineExceeded)
		mustEqual(t, "the leader left after", gone.took, 100*ms)
		pass(2 * time.Second)
		follower().mustBe(t, 7)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

func TestFollowerReturnsAtItsOwnDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		job := lasts(400*ms, 7, &loads)
		leader := ask(t.Context(), g, "k", job)
		why := errors.New("the client hung up")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*ms, why)
		defer cancel()
		follower := ask(ctx, g, "k", job)()
		follower.mustFail(t, why)
		mustEqual(t, "the follower left after", follower.took, 20*ms)
		leader().mustBe(t, 7)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}

func TestDeadCallerLoadsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		call(ctx, g, "k", gives(7, &loads)).mustFail(t, context.Canceled)
		synctest.Wait()
		mustEqual(t, "loads", loads.Load(), 0)
	})
}

// late is a ctx that ends, for who looks, when the load has ended.
type late struct {
	context.Context
	wait func()
	dead bool
}

func (l *late) Done() <-chan struct{} {
	l.wait()
	l.dead = true
	over := make(chan struct{})
	close(over)
	return over
}

func (l *late) Err() error {
	if l.dead {
		return context.Canceled
	}
	return nil
}

func TestAValueIsWorthMoreThanADeadCtx(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for range 100 { // select picks one of the two at random
			var loads atomic.Int64
			call(&late{Context: t.Context(), wait: synctest.Wait}, g, "k", gives(7, &loads)).mustBe(t, 7)
		}
	})
}

func TestALoadThatNobodyWaitsForGoesOnForTheGrace(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var k keeping
		ask(impatient(t, 100*ms), g, "k", k.load(400*ms, time.Second))().mustFail(t, context.DeadlineExceeded)
		pass(300 * ms)
		mustEqual(t, "kept", k.kept, true)
		mustEqual(t, "in flight", g.InFlight(), 0)
	})
}

func TestALoadThatNobodyWaitsForIsCancelledAfterTheGrace(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var k keeping
		ask(impatient(t, 100*ms), g, "k", k.load(400*ms, 200*ms))().mustFail(t, context.DeadlineExceeded)
		pass(time.Second)
		mustEqual(t, "cancelled after", k.ended.Sub(begin), 300*ms)
		mustEqual(t, "kept", k.kept, false)
	})
}

func TestALaterCallerDoesNotInheritTheCancellation(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		slow := load{grace: 200 * ms, do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			<-ctx.Done()
			time.Sleep(100 * ms) // it takes its time to roll back
			return 0, ctx.Err()
		}}
		ask(impatient(t, 100*ms), g, "k", slow)()
		pass(250 * ms)
		mustEqual(t, "the cancelled load still runs: in flight", g.InFlight(), 1)
		var loads atomic.Int64
		a := call(t.Context(), g, "k", gives(7, &loads))
		a.mustBe(t, 7)
		mustEqual(t, "led", a.led, true)
		pass(time.Second)
	})
}

func TestACallerWhoComesInTheGraceKeepsTheLoad(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var k keeping
		ask(impatient(t, 100*ms), g, "k", k.load(400*ms, 200*ms))()
		pass(100 * ms)
		ask(t.Context(), g, "k", k.load(400*ms, 200*ms))().mustBe(t, 7)
		mustEqual(t, "loads", k.loads.Load(), 1)
		mustEqual(t, "kept", k.kept, true)
	})
}

func TestEachLastLeaveStartsAWholeGrace(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var k keeping
		ask(impatient(t, 100*ms), g, "k", k.load(400*ms, 200*ms))()
		pass(100 * ms)
		ask(impatient(t, 50*ms), g, "k", k.load(400*ms, 200*ms))() // leaves after 250 ms
		pass(time.Second)
		mustEqual(t, "kept", k.kept, true)
	})
}

func TestImpatientCallersDoNotKeepTheKeyEmpty(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var k keeping
		for range 10 {
			if k.kept {
				break
			}
			ask(impatient(t, 100*ms), g, "k", k.load(950*ms, time.Second))()
		}
		mustEqual(t, "loads", k.loads.Load(), 1)
		mustEqual(t, "kept", k.kept, true)
	})
}

func TestALoadThatIsOutOfDateHasNoGrace(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var before, after keeping
		gone := ask(impatient(t, 100*ms), g, "before", before.load(time.Minute, time.Second))
		g.Invalidate(flight.Always, func() {}, "before")
		gone()
		pass(0)
		mustEqual(t, "invalidated before the last left: cancelled after", before.ended.Sub(begin), 100*ms)

		begin = time.Now()
		ask(impatient(t, 100*ms), g, "after", after.load(time.Minute, time.Second))()
		pass(100 * ms)
		g.Invalidate(flight.Always, func() {}, "after")
		pass(0)
		mustEqual(t, "invalidated after the last left: cancelled after", after.ended.Sub(begin), 200*ms)
	})
}

func TestWhoLeavesALoadThatIsOutOfDateLeavesItToTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var k keeping
		gone := ask(impatient(t, 100*ms), g, "k", k.load(400*ms, time.Second))
		stays := ask(t.Context(), g, "k", k.load(400*ms, time.Second))
		g.Invalidate(flight.Always, nothing, "k")
		gone().mustFail(t, context.DeadlineExceeded)
		stays().mustBe(t, 7)
	})
}

func TestAGraceThatEndsWithTheLoad(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for range 500 { // the timer or the load may be first
			var k, next keeping
			ask(impatient(t, 100*ms), g, "k", k.load(300*ms, 200*ms))()
			time.Sleep(200 * ms)
			g.Invalidate(flight.Always, nothing, "k")
			call(t.Context(), g, "k", next.load(0, 200*ms)).mustBe(t, 7)
			mustEqual(t, "the next load was kept", next.kept, true)
			synctest.Wait()
		}
	})
}
