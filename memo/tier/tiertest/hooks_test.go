package tiertest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// hooks_test.go is Before and After: that they stop a call exactly where they
// say, which calls reach them, and that the Faulty can be used meanwhile.

type hook = func(ctx context.Context, op tiertest.Op, keys []string)

// gate makes a hook that says it was reached, then waits to be opened.
func gate() (h hook, reached, open chan struct{}) {
	reached, open = make(chan struct{}), make(chan struct{})
	return func(context.Context, tiertest.Op, []string) {
		close(reached)
		<-open
	}, reached, open
}

func TestBeforeStopsACallThatIsNotYetApplied(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		before, reached, open := gate()
		f.Inject(tiertest.Fault{Before: before, Times: 1})
		answered := make(chan uint64)
		go func() {
			sum, _ := incr(t.Context(), n)
			answered <- sum
		}()
		<-reached
		if sum, err := n.Incr(t.Context(), "k", 100); sum != 105 || err != nil { // overtakes it
			t.Errorf("got %d, %v", sum, err)
		}
		close(open)
		if sum := <-answered; sum != 106 {
			t.Errorf("the stopped call counted to %d", sum)
		}
	})
}

func TestAfterStopsACallThatIsAppliedAndNotAnswered(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		after, reached, open := gate()
		f.Inject(tiertest.Fault{After: after, Times: 1})
		answered := make(chan uint64)
		go func() {
			sum, _ := incr(t.Context(), n)
			answered <- sum
		}()
		<-reached
		synctest.Wait()
		select {
		case sum := <-answered:
			t.Errorf("answered %d while stopped", sum)
		default:
		}
		if sum, err := n.Incr(t.Context(), "k", 100); sum != 106 || err != nil {
			t.Errorf("got %d, %v", sum, err)
		}
		close(open)
		if sum := <-answered; sum != 6 {
			t.Errorf("the stopped call was answered %d, want what it counted then", sum)
		}
	})
}

func TestHooksAreToldTheCallAndTheOrder(t *testing.T) {
	t.Parallel()
	type value struct{}
	timeout := func(t *testing.T) (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithValue(t.Context(), value{}, "mine"), time.Minute)
	}
	for name, test := range map[string]struct {
		fault         tiertest.Fault
		before, after time.Duration // when each is called; -1: not at all
	}{
		"alone":               {tiertest.Fault{}, 0, 0},
		"with Delay":          {tiertest.Fault{Delay: time.Second}, time.Second, time.Second},
		"with too much Delay": {tiertest.Fault{Delay: time.Hour}, -1, -1},
		"with Err":            {tiertest.Fault{Err: errFault}, 0, -1},
		"with Hang":           {tiertest.Fault{Hang: true}, 0, -1},
		"with Hang and Lost":  {tiertest.Fault{Hang: true, Lost: errFault}, 0, 0},
		"with Lost":           {tiertest.Fault{Lost: errFault}, 0, 0},
		"with Lost and Late":  {tiertest.Fault{Lost: errFault, Late: time.Hour}, time.Hour, time.Hour},
	} {
		faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
			late := test.fault.Late > 0
			before, after := time.Duration(-1), time.Duration(-1)
			check := func(item string, when *time.Duration) hook {
				return func(ctx context.Context, op tiertest.Op, keys []string) {
					*when = since()
					holds(t, f, item)
					if op != tiertest.OpDelete || !slices.Equal(keys, []string{"none", "k"}) {
						t.Errorf("%s: told of %s %q", name, op, keys)
					}
					if _, ends := ctx.Deadline(); ctx.Value(value{}) != "mine" || ends == late {
						t.Errorf("%s: ctx has the value %v and an end: %t", name, ctx.Value(value{}), ends)
					}
				}
			}
			test.fault.Before, test.fault.After = check("5", &before), check("", &after)
			f.Inject(test.fault)
			ctx, cancel := timeout(t)
			defer cancel()
			_ = n.Delete(ctx, "none", "k")
			ok(t, f.WaitIdle(t.Context()))
			if before != test.before || after != test.after {
				t.Errorf("%s: Before at %v and After at %v, want %v and %v", name, before, after, test.before, test.after)
			}
		})
	}
}

func TestAHookMayUseTheFaulty(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		var remove func()
		remove = f.Inject(tiertest.Fault{
			Lost: errFault,
			Before: func(ctx context.Context, _ tiertest.Op, keys []string) {
				remove()
				if sum, err := incr(ctx, n); sum != 6 || err != nil || f.Calls(tiertest.OpIncr) != 2 || keys[0] != "k" {
					t.Errorf("a call within a call: %d, %v", sum, err)
				}
			},
		})
		if _, err := incr(t.Context(), n); err != errFault {
			t.Errorf("got %v, want %v", err, errFault)
		}
		holds(t, f, "7")
	})
}

func TestAHookThatPanicsLeavesNoCallInProgress(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Times: 1, Before: func(context.Context, tiertest.Op, []string) { panic(errFault) }})
		func() {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, errFault) {
					t.Errorf("recovered %v", err)
				}
			}()
			_, _ = incr(t.Context(), n)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ok(t, f.WaitIdle(ctx))
	})
}
