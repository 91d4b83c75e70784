package scope_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/internal/scope"
)

// within begins key as a part of parent and must lead.
func within(t *testing.T, table table, parent *call, key string) *call {
	t.Helper()
	_, c, lead := table.BeginWithin(parent, key)
	if !lead || c == nil {
		t.Fatalf("%s is not led", key)
	}
	return c
}

// waitWithin waits for key, which must be running, as a part of parent.
func waitWithin(t *testing.T, table table, parent *call, key string) <-chan error {
	t.Helper()
	_, c, lead := table.BeginWithin(parent, key)
	if lead {
		t.Fatalf("%s is not running", key)
	}
	got := make(chan error, 1)
	go func() {
		_, err, _ := c.WaitWithin(t.Context(), parent)
		got <- err
	}()
	synctest.Wait()
	return got
}

func waits(t *testing.T, who string, got <-chan error) {
	t.Helper()
	select {
	case err := <-got:
		t.Errorf("%s does not wait: %v", who, err)
	default:
	}
}

func circle(t *testing.T, who string, got <-chan error) {
	t.Helper()
	select {
	case err := <-got:
		if !errors.Is(err, scope.ErrCircle) {
			t.Errorf("%s: %v", who, err)
		}
	default:
		t.Errorf("%s waits for ever", who)
	}
}

func TestCircleThroughLeadersIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, table := open(t, 0)
		a := within(t, table, nil, "a")
		b := within(t, tableOf(s, "other"), a, "b") // of another owner: one circle may run through both
		c := within(t, table, b, "c")
		circle(t, "a within c", waitWithin(t, table, c, "a"))
		circle(t, "c within c", waitWithin(t, table, c, "c"))
		c.Fail(nil)
		b.Fail(nil)
		a.Fail(nil)
	})
}

func TestCircleThroughWaitersIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		a, b, c := within(t, table, nil, "a"), within(t, table, nil, "b"), within(t, table, nil, "c")
		// a has two goroutines, and it is the first that closes the circle.
		ab, ac := waitWithin(t, table, a, "b"), waitWithin(t, table, a, "c")
		waits(t, "a for b", ab)
		waits(t, "a for c", ac)
		circle(t, "a within b", waitWithin(t, table, b, "a"))
		// A poisoned call is still waited for.
		table.Forget("b")
		circle(t, "a within b", waitWithin(t, table, b, "a"))
		b.Fail(errors.New("boom"))
		if err := <-ab; err == nil || errors.Is(err, scope.ErrCircle) {
			t.Errorf("a gets %v of b", err)
		}
		c.Done(val(1))
		<-ac
		a.Done(val(1))
	})
}

func TestNoCircleWhereAWaitHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		a, b := within(t, table, nil, "a"), within(t, table, nil, "b")
		once, twice := waitWithin(t, table, a, "b"), waitWithin(t, table, a, "b")
		b.Fail(nil)
		<-once
		<-twice
		synctest.Wait()
		led := within(t, table, a, "led")
		led.Done(val(1))

		b = within(t, table, nil, "b")
		waits(t, "a within b", waitWithin(t, table, b, "a"))
		a.Done(val(1))
		b.Done(val(1))
	})
}

func TestNoCircleWhereAWaiterHasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		a, b := within(t, table, nil, "a"), within(t, table, nil, "b")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, joined, _ := table.BeginWithin(a, "b")
		if _, err, _ := joined.WaitWithin(ctx, a); err != context.Canceled {
			t.Errorf("it leaves with %v", err)
		}
		waits(t, "a within b", waitWithin(t, table, b, "a"))
		a.Done(val(1))
		b.Done(val(1))
	})
}

// One goroutine of a leaves while another still waits for the same call.
func TestCircleIsFoundWhenOneOfTwoHasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		a, b := within(t, table, nil, "a"), within(t, table, nil, "b")
		stays := waitWithin(t, table, a, "b")
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan struct{})
		_, call, _ := table.BeginWithin(a, "b")
		go func() {
			defer close(left)
			_, _, _ = call.WaitWithin(ctx, a)
		}()
		synctest.Wait()
		cancel()
		<-left
		circle(t, "a within b", waitWithin(t, table, b, "a"))
		b.Done(val(1))
		<-stays
		a.Done(val(1))
	})
}

// A computation that ended needs nothing, although a goroutine of it goes on.
func TestGoroutineLeftBehindClosesNoCircle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		a, b := within(t, table, nil, "a"), within(t, table, nil, "b")
		behind := waitWithin(t, table, a, "b")
		a.Fail(nil)
		a2 := within(t, table, nil, "a")
		waits(t, "a within b", waitWithin(t, table, b, "a"))
		late := within(t, table, a, "late") // the ended a asks for more
		waits(t, "late within b", waitWithin(t, table, b, "late"))
		waits(t, "b within the ended a", waitWithin(t, table, a, "b"))
		late.Done(val(1))
		a2.Done(val(1))
		b.Done(val(1))
		<-behind
	})
}

// b waits for a, a ends, and before b is awake a goroutine that a left behind
// asks for b, itself or by way of c.
func TestNoCircleThroughOneThatIsNotAwakeYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		a, b, c := within(t, table, nil, "a"), within(t, table, nil, "b"), within(t, table, nil, "c")
		scope.Need(b.Call, a.Call)
		a.Fail(nil)
		waits(t, "b within the ended a", waitWithin(t, table, a, "b"))
		waits(t, "c within the ended a", waitWithin(t, table, a, "c"))
		waits(t, "b within c", waitWithin(t, table, c, "b"))
		b.Done(val(1))
		c.Done(val(1))
	})
}

func TestCallOfAnotherScopeIsNoParent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, theirs := open(t, 0)
		_, ours := open(t, 0)
		foreign := within(t, theirs, nil, "k")
		c := within(t, ours, foreign, "k")
		waits(t, "the foreign k within ours", waitWithin(t, theirs, c, "k"))
		waits(t, "k within a foreign call", waitWithin(t, ours, foreign, "k"))
		c.Done(val(1))
		foreign.Done(val(1))
	})
}

// Diamond upon diamond: as many ways as 2 to the 60th, and no circle. The
// search passes by each call once, or this test never ends.
func TestSearchForCirclesIsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		var calls []*call
		for i := range 60 {
			calls = append(calls, within(t, table, nil, fmt.Sprint(i)))
		}
		for i, c := range calls[1:] {
			waits(t, "a side", waitWithin(t, table, c, fmt.Sprint(i)))
			waits(t, "the other", waitWithin(t, table, c, fmt.Sprint(i)))
		}
		last := within(t, table, nil, "last")
		waits(t, "last", waitWithin(t, table, last, "59"))
		circle(t, "0", waitWithin(t, table, calls[0], "last"))
		for _, c := range append(calls, last) {
			c.Done(val(1))
		}
	})
}
