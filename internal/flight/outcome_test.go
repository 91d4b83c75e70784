package flight_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// outcome_test.go is about loads that do not end well.

//go:noinline
func explode(context.Context, *flight.Call[int]) (int, error) {
	time.Sleep(100 * ms)
	panic("boom")
}

//go:noinline
func vanish(context.Context, *flight.Call[int]) (int, error) {
	time.Sleep(100 * ms)
	runtime.Goexit()
	return 7, nil
}

func TestAPanicComesToEveryCaller(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		p := mustPanic(t, g, explode, "flight_test.explode")
		mustEqual(t, "value", p.Value, any("boom"))
		mustEqual(t, "text", p.Error(), "flight: a load panicked: boom")
	})
}

func TestAGoexitComesToEveryCaller(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		p := mustPanic(t, g, vanish, "flight_test.vanish")
		mustEqual(t, "value", p.Value, nil)
		mustEqual(t, "text", p.Error(), "flight: a load called runtime.Goexit")
	})
}

// mustPanic has three callers of a load that dies, and a fourth right after it.
func mustPanic(t *testing.T, g *flight.Group[int], do func(context.Context, *flight.Call[int]) (int, error), where string) (p *flight.Panic) {
	t.Helper()
	var callers []func() answer
	for range 3 {
		callers = append(callers, ask(t.Context(), g, "k", load{do: do}))
	}
	for _, heard := range callers {
		a := heard()
		if !errors.As(a.err, &p) {
			t.Fatalf("got %d, %v; want a *flight.Panic", a.value, a.err)
		}
		if !bytes.Contains(p.Stack, []byte(where)) {
			t.Errorf("the stack does not name %s:\n%s", where, p.Stack)
		}
	}
	var loads atomic.Int64
	next := call(t.Context(), g, "k", gives(7, &loads))
	next.mustBe(t, 7)
	mustEqual(t, "the next caller took", next.took, 0)
	return p
}

func TestAnErrorIsSharedAndNotKept(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		down := errors.New("db down")
		var loads atomic.Int64
		failing := load{do: func(context.Context, *flight.Call[int]) (int, error) {
			loads.Add(1)
			time.Sleep(100 * ms)
			return 0, down
		}}
		first, second := ask(t.Context(), g, "k", failing), ask(t.Context(), g, "k", failing)
		mustEqual(t, "first", first().err, down)
		mustEqual(t, "second", second().err, down)
		mustEqual(t, "loads", loads.Load(), 1)
		call(t.Context(), g, "k", gives(7, &loads)).mustBe(t, 7)
	})
}

// stubborn is a load that does not heed its ctx: it returns 7 when over is
// closed, and reports whether it could keep it.
func stubborn(over chan struct{}, timeout time.Duration, kept chan<- bool) load {
	return load{timeout: timeout, do: func(_ context.Context, c *flight.Call[int]) (int, error) {
		<-over
		kept <- c.Keep(func() {})
		return 7, nil
	}}
}

func TestALoadThatIgnoresItsTimeoutLosesTheKey(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		over, kept := make(chan struct{}), make(chan bool, 1)
		first := ask(t.Context(), g, "k", stubborn(over, 30*time.Second, kept))
		second := ask(t.Context(), g, "k", stubborn(over, 30*time.Second, kept))
		for _, heard := range []func() answer{first, second} {
			a := heard()
			a.mustFail(t, context.DeadlineExceeded)
			mustEqual(t, "took", a.took, 30*time.Second)
		}
		mustEqual(t, "in flight", g.InFlight(), 1)
		var loads atomic.Int64
		call(t.Context(), g, "k", gives(8, &loads)).mustBe(t, 8)
		close(over)
		mustEqual(t, "the late value was kept", <-kept, false)
	})
}

func TestTheCtxOfALoadEndsWithItsTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		a := call(t.Context(), g, "k", load{timeout: time.Second, do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			<-ctx.Done()
			mustEqual(t, "ended after", time.Since(begin), time.Second)
			if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
				t.Errorf("the cause is %v, want a context.DeadlineExceeded", cause)
			}
			return 0, ctx.Err()
		}})
		a.mustFail(t, context.DeadlineExceeded)
		mustEqual(t, "text", a.err.Error(), "memo: a load took longer than its limit of 1s")
	})
}

func TestExtendTakesThePlaceOfTheTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		extended := func(by, runs time.Duration) answer {
			return call(t.Context(), g, "k", load{timeout: time.Second, do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
				time.Sleep(500 * ms)
				c.Extend(by)
				select {
				case <-time.After(runs):
				case <-ctx.Done():
				}
				return 7, ctx.Err()
			}})
		}
		extended(5*time.Second, 4*time.Second).mustBe(t, 7)
		short := extended(100*ms, 4*time.Second)
		short.mustFail(t, context.DeadlineExceeded)
		mustEqual(t, "took", short.took, 600*ms)
	})
}

func TestNothingOfALoadOutlivesIt(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var c *flight.Call[int]
		var its context.Context
		job := load{do: func(ctx context.Context, call *flight.Call[int]) (int, error) {
			c, its = call, ctx
			time.Sleep(400 * ms)
			return 7, nil
		}}
		ask(impatient(t, 100*ms), g, "k", job)() // starts a grace
		call(t.Context(), g, "k", job).mustBe(t, 7)
		synctest.Wait()
		mustEqual(t, "its ctx", its.Err(), context.Canceled)
		mustEqual(t, "a timer is armed", flight.Armed(c), false)
		c.Extend(time.Hour)
		mustEqual(t, "a timer is armed after Extend", flight.Armed(c), false)
	})
}
