package tiertest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// fault_test.go is what Delay, Hang, Err, Lost and Late do to a call: each
// alone, and in the combinations that the comment of Fault promises.

func TestDelayWaitsBeforeTheCall(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Delay: time.Second, Match: "k"})
		go func() {
			time.Sleep(time.Second - 1)
			holds(t, f, "5")
		}()
		if sum, err := incr(t.Context(), n); sum != 6 || err != nil || since() != time.Second {
			t.Errorf("got %d, %v after %v", sum, err, since())
		}
	})
}

func TestDelayObeysCtx(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := incr(ctx, n)
		if !errors.Is(err, context.DeadlineExceeded) || tier.IsAnswer(err) || since() != time.Second {
			t.Errorf("got %v after %v", err, since())
		}
		time.Sleep(2 * time.Hour)
		holds(t, f, "5")
	})
}

func TestHangAnswersWhenCtxEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault tiertest.Fault
		after string
	}{
		"alone":     {tiertest.Fault{Hang: true}, "5"},
		"with Err":  {tiertest.Fault{Hang: true, Err: errFault}, "5"},
		"with Lost": {tiertest.Fault{Hang: true, Lost: errFault}, "6"},
	} {
		faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
			remove := f.Inject(test.fault)
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Hour, func() { cancel(nil) })
			time.AfterFunc(time.Minute, remove) // too late for this call
			_, err := incr(ctx, n)
			if !errors.Is(err, context.Canceled) || tier.IsAnswer(err) || since() != time.Hour {
				t.Errorf("%s: got %v after %v", name, err, since())
			}
			holds(t, f, test.after)
		})
	}
}

func TestErrIsBeforeTheCallAndLostAfterIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault tiertest.Fault
		after string
	}{
		"Err":             {tiertest.Fault{Err: errFault}, "5"},
		"Lost":            {tiertest.Fault{Lost: errFault}, "6"},
		"both":            {tiertest.Fault{Err: errFault, Lost: errors.New("not this one")}, "5"},
		"Err with Late":   {tiertest.Fault{Err: errFault, Late: time.Second}, "5"},
		"all three":       {tiertest.Fault{Err: errFault, Lost: errors.New("not this one"), Late: time.Second}, "5"},
		"Late, but alone": {tiertest.Fault{Late: time.Second}, "6"},
	} {
		faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
			f.Inject(test.fault)
			sum, err := incr(t.Context(), n)
			if test.fault.Err == nil && test.fault.Lost == nil {
				if sum != 6 || err != nil {
					t.Errorf("%s: got %d, %v", name, sum, err)
				}
			} else if sum != 0 || err != errFault {
				t.Errorf("%s: got %d, %v, want 0, %v", name, sum, err, errFault)
			}
			if since() != 0 {
				t.Errorf("%s: took %v", name, since())
			}
			holds(t, f, test.after)
			time.Sleep(time.Minute)
			holds(t, f, test.after)
		})
	}
}

func TestLostHidesTheAnswerOfTheNode(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Lost: errFault})
		if err := n.Add(t.Context(), "k", nil, time.Minute); err != errFault {
			t.Errorf("got %v, want %v", err, errFault)
		}
	})
}

func TestLateAppliesTheCallAfterItsAnswer(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Delay: time.Second, Lost: errFault, Late: time.Minute, Times: 1})
		ctx, cancel := context.WithCancel(t.Context())
		if sum, err := incr(ctx, n); sum != 0 || err != errFault || since() != time.Second {
			t.Errorf("got %d, %v after %v", sum, err, since())
		}
		cancel() // the server does not hear of it
		time.Sleep(time.Minute - 1)
		holds(t, f, "5")
		ok(t, f.WaitIdle(t.Context()))
		holds(t, f, "6")
		if want := time.Minute + time.Second; since() != want {
			t.Errorf("WaitIdle returned after %v, want %v", since(), want)
		}
		if got := f.Calls(""); got != 2 {
			t.Errorf("%d calls were counted, want 2: a late one once", got)
		}
	})
}

// The client of a server that stopped times out; when the server goes on, it
// does what it was asked to.
func TestAStoppedServerAppliesWhatItsClientGaveUpOn(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Hang: true, Lost: errFault, Late: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := incr(ctx, n); !errors.Is(err, context.DeadlineExceeded) || since() != time.Second {
			t.Errorf("got %v after %v", err, since())
		}
		holds(t, f, "5")
		ok(t, f.WaitIdle(t.Context()))
		holds(t, f, "6")
	})
}

func TestALateCallKeepsNothingOfItsCaller(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Lost: errFault, Late: time.Minute})
		keys, items, value := []string{"k", "other"}, make([]tier.Item, 2), []byte("value")
		for _, call := range []func() error{
			func() error { return n.GetMulti(t.Context(), keys, items) },
			func() error { return n.Add(t.Context(), "new", value, tier.NoExpiry) },
			func() error { return n.Delete(t.Context(), keys...) },
		} {
			if err := call(); err != errFault {
				t.Errorf("got %v, want %v", err, errFault)
			}
			time.Sleep(time.Nanosecond) // so that they are applied in this order, too
		}
		value[0], keys[0], keys[1] = 'X', "new", "new"
		ok(t, f.WaitIdle(t.Context()))
		if got := get(t, f.Shared.Nodes()[0], "new"); string(got.Value) != "value" {
			t.Errorf("the late Add stored %q", got.Value)
		}
		if items[0].Found() {
			t.Errorf("the late GetMulti filled %v", items)
		}
		holds(t, f, "")
	})
}
