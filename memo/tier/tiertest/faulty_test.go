package tiertest_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// faulty_test.go is what a Faulty does whatever the fault: it passes calls on,
// counts them, finds the fault that hits, and waits. What each fault then does
// is in fault_test.go and hooks_test.go.

var errFault = errors.New("injected")

// faulty is a bubble with one Node, which holds "k" with the value "5", behind
// a Faulty. In it, since says how much fake time has passed.
func faulty(t *testing.T, run func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := tiertest.NewFaulty(tiertest.NewMemory())
		n, start := f.Nodes()[0], time.Now()
		ok(t, n.Add(t.Context(), "k", []byte("5"), tier.NoExpiry))
		run(t, f, n, func() time.Duration { return time.Since(start) })
		ok(t, f.WaitIdle(t.Context()))
	})
}

// incr is a call whose answer and effect are both easy to see.
func incr(ctx context.Context, n tier.Node) (uint64, error) { return n.Incr(ctx, "k", 1) }

// holds checks the item below the faults.
func holds(t *testing.T, f *tiertest.Faulty, want string) {
	t.Helper()
	if got := get(t, f.Shared.Nodes()[0], "k"); string(got.Value) != want {
		t.Errorf("the item is %q, want %q", got.Value, want)
	}
}

func TestFaultyPassesEveryMethodOn(t *testing.T) {
	t.Parallel()
	for name, inject := range map[string]func(f *tiertest.Faulty){
		"no fault":       func(f *tiertest.Faulty) {},
		"the zero fault": func(f *tiertest.Faulty) { f.Inject(tiertest.Fault{}) },
	} {
		faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
			inject(f)
			ctx := t.Context()
			if err := n.Add(ctx, "k", nil, time.Second); err != tier.ErrExists {
				t.Errorf("%s: Add: %v", name, err)
			}
			ok(t, n.Add(ctx, "new", []byte("value"), time.Second))
			item := get(t, n, "new")
			if string(item.Value) != "value" {
				t.Errorf("%s: Add stored %q", name, item.Value)
			}
			ok(t, n.Touch(ctx, "new", time.Hour))
			time.Sleep(time.Minute)
			ok(t, n.CompareAndSwap(ctx, "new", item.CAS, []byte("swapped"), time.Hour))
			time.Sleep(time.Minute)
			if item = get(t, n, "new"); string(item.Value) != "swapped" {
				t.Errorf("%s: CompareAndSwap stored %q", name, item.Value)
			}
			if err := n.CompareAndDelete(ctx, "new", item.CAS+1); err != tier.ErrConflict {
				t.Errorf("%s: CompareAndDelete: %v", name, err)
			}
			ok(t, n.CompareAndDelete(ctx, "new", item.CAS))
			if sum, err := n.Incr(ctx, "k", 10); sum != 15 || err != nil {
				t.Errorf("%s: Incr: %d, %v", name, sum, err)
			}
			ok(t, n.Delete(ctx, "new", "k"))
			if get(t, n, "k").Found() {
				t.Errorf("%s: Delete kept the item", name)
			}
			ok(t, n.Ping(ctx))
			if n.Name() != "memory" {
				t.Errorf("%s: Name: %q", name, n.Name())
			}
		})
	}
}

func TestCallsAreCountedByMethod(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		f.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Err: errFault})
		for _, call := range methods {
			_ = call(t.Context(), n, "k")
		}
		_ = n.Ping(t.Context())
		for op, want := range map[tiertest.Op]int{
			tiertest.OpAdd: 2, tiertest.OpGetMulti: 1, tiertest.OpCompareAndSwap: 1, tiertest.OpCompareAndDelete: 1,
			tiertest.OpIncr: 1, tiertest.OpTouch: 1, tiertest.OpDelete: 1, tiertest.OpPing: 1, "": 9, "other": 0,
		} {
			if got := f.Calls(op); got != want {
				t.Errorf("Calls(%q) = %d, want %d", op, got, want)
			}
		}
	})
}

func TestFaultsPickTheirCalls(t *testing.T) {
	t.Parallel()
	ops := []tiertest.Op{tiertest.OpIncr, tiertest.OpGetMulti, tiertest.OpPing}
	for name, test := range map[string]struct {
		fault                        tiertest.Fault
		incr, getMulti, ping, onNext bool // which calls it hits; onNext: a Ping of the Node "next"
	}{
		"all":           {tiertest.Fault{}, true, true, true, true},
		"Node":          {tiertest.Fault{Node: "memory"}, true, true, true, false},
		"other Node":    {tiertest.Fault{Node: "mem"}, false, false, false, false},
		"Ops":           {tiertest.Fault{Ops: ops[:1]}, true, false, false, false},
		"several Ops":   {tiertest.Fault{Ops: ops[1:]}, false, true, true, true},
		"Match":         {tiertest.Fault{Match: "k"}, true, true, false, false},
		"Match any key": {tiertest.Fault{Match: "the"}, false, true, false, false},
		"Match none":    {tiertest.Fault{Match: "none"}, false, false, false, false},
		"Match and Ops": {tiertest.Fault{Match: "k", Ops: ops[1:]}, false, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := tiertest.NewFaulty(tiertest.NewMemory("memory", "next"))
			n, next := f.Nodes()[0], f.Nodes()[1]
			add(t, n, "k", "5", time.Minute)
			test.fault.Err = errFault
			f.Inject(test.fault)

			_, err := incr(t.Context(), n)
			for call, got := range map[string]struct {
				err error
				hit bool
			}{
				"Incr":             {err, test.incr},
				"GetMulti":         {methods["GetMulti"](t.Context(), n, "k"), test.getMulti},
				"Ping":             {n.Ping(t.Context()), test.ping},
				"Ping of the next": {next.Ping(t.Context()), test.onNext},
			} {
				if hit := got.err == errFault; hit != got.hit || !hit && got.err != nil {
					t.Errorf("%s: got %v, want a hit: %t", call, got.err, got.hit)
				}
			}
		})
	}
}

func TestTheFirstFaultThatMatchesHits(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		first, second, third := errors.New("first"), errors.New("second"), errors.New("third")
		f.Inject(tiertest.Fault{Match: "none", Err: errFault})
		f.Inject(tiertest.Fault{Err: first, Times: 2})
		removeSecond := f.Inject(tiertest.Fault{Err: second})
		removeThird := f.Inject(tiertest.Fault{Err: third})
		expect := func(want error) {
			t.Helper()
			if err := n.Ping(t.Context()); err != want {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		expect(first)
		expect(first)
		expect(second)
		expect(second)
		removeSecond()
		removeSecond()
		expect(third)
		removeThird()
		expect(nil)
	})
}

func TestWaitIdle(t *testing.T) {
	t.Parallel()
	faulty(t, func(t *testing.T, f *tiertest.Faulty, n tier.Node, since func() time.Duration) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		ok(t, f.WaitIdle(ended)) // nothing to wait for

		f.Inject(tiertest.Fault{Delay: time.Minute, Times: 1})
		go func() { _ = n.Ping(t.Context()) }()
		synctest.Wait()
		if err := f.WaitIdle(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		ok(t, n.Ping(t.Context())) // ends first, and is not the last
		for range 2 {
			go func() {
				if err := f.WaitIdle(t.Context()); err != nil || since() != time.Minute {
					t.Errorf("got %v after %v", err, since())
				}
			}()
		}
		ok(t, f.WaitIdle(t.Context()))
		if since() != time.Minute {
			t.Errorf("returned after %v", since())
		}
	})
}

func TestNodesAreEqualWhenWhatTheyWrapIs(t *testing.T) {
	t.Parallel()
	f := tiertest.NewFaulty(tiertest.NewMemory("a", "b"))
	if f.Nodes()[0] != f.Nodes()[0] {
		t.Error("one Node is not equal to itself")
	}
	if f.Nodes()[0] == f.Nodes()[1] {
		t.Error("two Nodes are equal")
	}
	for i, n := range f.Nodes() {
		if got, want := n.Name(), f.Shared.Nodes()[i].Name(); got != want {
			t.Errorf("member %d is called %s, in the wrapped Shared %s", i, got, want)
		}
	}
}

// One member fails, and the others are as they were.
func TestAFaultOfOneNode(t *testing.T) {
	t.Parallel()
	f := tiertest.NewFaulty(tiertest.NewMemory("a", "b", "c").List("a", "b", "c"))
	remove := f.Inject(tiertest.Fault{Node: "b", Err: errFault})
	for _, n := range f.Nodes() {
		for method, call := range methods {
			if failed := call(t.Context(), n, "k") == errFault; failed != (n.Name() == "b") {
				t.Errorf("%s on %s: failed is %v", method, n.Name(), failed)
			}
		}
	}
	remove()
	ok(t, f.Nodes()[1].Ping(t.Context()))
	for node, want := range map[string]int{"a": len(methods), "b": len(methods) + 1, "": 3*len(methods) + 1, "none": 0} {
		if got := f.CallsOf(node, ""); got != want {
			t.Errorf("%d calls of %q, want %d", got, node, want)
		}
	}
	if a, all := f.CallsOf("a", tiertest.OpAdd), f.Calls(tiertest.OpAdd); a != 1 || all != 3 {
		t.Errorf("Add was called %d times on a, and %d times", a, all)
	}
}

type closer struct {
	tier.Shared
	err error
}

func (c closer) Close() error { return c.err }

func TestCloseIsPassedOn(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory()
	for want, s := range map[error]tier.Shared{nil: m, errFault: closer{m, errFault}} {
		var f io.Closer = tiertest.NewFaulty(s)
		if err := f.Close(); err != want {
			t.Errorf("Close: got %v, want %v", err, want)
		}
	}
	l := m.List("memory")
	n := l.Nodes()[0]
	ok(t, tiertest.NewFaulty(l).Nodes()[0].(io.Closer).Close())
	if n.Ping(t.Context()) == nil {
		t.Error("the Close of a Node was not passed on")
	}
	ok(t, tiertest.NewFaulty(m).Nodes()[0].(io.Closer).Close()) // which cannot be closed
	ok(t, m.Nodes()[0].Ping(t.Context()))
}
