package scope_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/internal/scope"
)

// A result is what Wait returned.
type result struct {
	v     any
	err   error
	retry bool
}

// wait begins key, which must be running, and waits for it in the background.
func wait(t *testing.T, ctx context.Context, table table, key string) <-chan result {
	t.Helper()
	v, c, lead := table.Begin(key)
	if v != nil || c == nil || lead {
		t.Fatalf("Begin of a running key says %v, %v, %v", v, c, lead)
	}
	got := make(chan result, 1)
	go func() {
		v, err, retry := c.Wait(ctx)
		got <- result{v, err, retry}
	}()
	return got
}

func TestOneLeadsAndTheOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		_, c, lead := table.Begin("k")
		if !lead {
			t.Fatal("the first does not lead")
		}
		a, b := wait(t, t.Context(), table, "k"), wait(t, t.Context(), table, "k")
		synctest.Wait()
		if len(a)+len(b) != 0 {
			t.Error("somebody did not wait")
		}
		v := val(1)
		if got := c.Done(v); got != v {
			t.Error("Done does not return what is kept")
		}
		want := result{v: v}
		if got := <-a; got != want {
			t.Errorf("a waiter got %v", got)
		}
		if got := <-b; got != want {
			t.Errorf("another waiter got %v", got)
		}
		if got, _, _ := table.Begin("k"); got != v {
			t.Error("Begin does not find what is kept")
		}
	})
}

func TestACallEndsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		_, c, _ := table.Begin("k")
		waiter := wait(t, t.Context(), table, "k")
		v := val(1)
		c.Done(v)
		c.Fail(errors.New("too late"))
		c.Done(val(2))
		if got := <-waiter; got != (result{v: v}) {
			t.Errorf("the waiter gets %v", got)
		}
		holds(t, table, "k", 1)
	})
}

func TestFailGoesToTheWaitersAndFreesTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		for _, test := range []struct {
			err  error
			want result
		}{{boom, result{err: boom}}, {nil, result{retry: true}}} {
			_, table := open(t, 0)
			_, c, _ := table.Begin("k")
			waiter := wait(t, t.Context(), table, "k")
			c.Fail(test.err)
			if got := <-waiter; got != test.want {
				t.Errorf("Fail(%v): the waiter got %v, want %v", test.err, got, test.want)
			}
			if _, again, lead := table.Begin("k"); !lead || again == nil {
				t.Errorf("Fail(%v): the key is not free", test.err)
			}
		}
	})
}

func TestWaiterObeysItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		_, c, _ := table.Begin("k")
		gone := errors.New("the client has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		leaves, stays := wait(t, ctx, table, "k"), wait(t, t.Context(), table, "k")
		cancel(gone)
		if got := <-leaves; !errors.Is(got.err, gone) || !errors.Is(got.err, context.Canceled) {
			t.Errorf("who leaves gets %v, want the error and the cause of its ctx", got)
		}
		synctest.Wait()
		if len(stays) != 0 {
			t.Error("who stays did not wait")
		}
		v := val(1)
		c.Done(v)
		if got := <-stays; got != (result{v: v}) {
			t.Errorf("who stays gets %v", got)
		}
	})
}

// Whoever forgets must not see a value of before again: not the one that is
// kept, and not the one on its way.
func TestForgetWhileComputing(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*scope.Scope, table){
		"Forget":      func(_ *scope.Scope, t table) { t.Forget("k") },
		"ForgetFunc":  func(_ *scope.Scope, t table) { t.ForgetFunc(func(key string) bool { return key == "k" }) },
		"Reset":       func(_ *scope.Scope, t table) { t.Reset() },
		"Scope.Reset": func(s *scope.Scope, _ table) { s.Reset() },
	} {
		synctest.Test(t, func(t *testing.T) {
			s, table := open(t, 0)
			_, before, _ := table.Begin("k")
			waiter := wait(t, t.Context(), table, "k")
			forget(s, table)
			_, after, lead := table.Begin("k")
			if !lead || after == nil || after == before {
				t.Errorf("%s: who asks afterwards joins the computation of before", name)
			}
			v := val(1)
			if got := before.Done(v); got != v {
				t.Errorf("%s: the leader of before does not get its value back", name)
			}
			if got := <-waiter; got != (result{v: v}) {
				t.Errorf("%s: the waiter of before gets %v", name, got)
			}
			holds(t, table, "k", -1)
			after.Done(val(2))
			holds(t, table, "k", 2)
		})
	}
}

func TestPutWhileComputingWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		_, c, _ := table.Begin("k")
		waiter := wait(t, t.Context(), table, "k")
		table.Put("k", val(2))
		v := val(1)
		c.Done(v)
		if got := <-waiter; got != (result{v: v}) {
			t.Errorf("the waiter gets %v", got)
		}
		holds(t, table, "k", 2)
		table.Forget("k")
		holds(t, table, "k", -1)
	})
}

func TestAddWhileComputingIsTheSnapshotOfAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, table := open(t, 0)
		_, c, _ := table.Begin("k")
		waiter := wait(t, t.Context(), table, "k")
		first := val(1)
		table.Add("k", first)
		if got := c.Done(val(2)); got != first {
			t.Error("the leader goes on with another value than the request has read")
		}
		if got := <-waiter; got != (result{v: first}) {
			t.Errorf("the waiter gets %v", got)
		}
	})
}

func TestAddSinceKeepsNothingReadBeforeAForget(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(table){
		"Forget":     func(t table) { t.Forget("k") },
		"ForgetFunc": func(t table) { t.ForgetFunc(func(string) bool { return true }) },
		"Reset":      func(t table) { t.Reset() },
	} {
		_, table := open(t, 0)
		epoch := table.Epoch()
		forget(table)
		v := val(1)
		if got := table.AddSince(epoch, "k", v); got != v {
			t.Errorf("%s: AddSince does not return its own value", name)
		}
		holds(t, table, "k", -1)
		table.AddSince(table.Epoch(), "k", v)
		holds(t, table, "k", 1)
	}
}

func TestForgetFuncSeesEveryKey(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 4, 40} {
		s, table := open(t, 0)
		_, running, _ := table.Begin("running")
		for i := range n {
			table.Add(fmt.Sprint(i), val(i))
		}
		table.Add("forgotten", val(0))
		table.Forget("forgotten")
		seen := map[string]int{}
		table.ForgetFunc(func(key string) bool {
			seen[key]++
			return len(key) == 1
		})
		if len(seen) != n+1 || seen["running"] != 1 {
			t.Errorf("%d keys and a running one: saw %v", n, seen)
		}
		if got, want := s.Len(), max(0, n-10); got != want {
			t.Errorf("%d keys are left, want %d", got, want)
		}
		running.Done(val(1))
		holds(t, table, "running", 1)
	}
}

func TestForgetFuncHoldsNoLockWhileItAsks(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	table.Add("a", val(1))
	table.ForgetFunc(func(key string) bool {
		table.Add("b", val(2))
		return key == "a"
	})
	holds(t, table, "a", -1)
	holds(t, table, "b", 2)

	func() {
		defer func() { _ = recover() }()
		table.ForgetFunc(func(string) bool { panic("boom") })
	}()
	table.Put("b", val(3)) // hangs if the panic left the lock held
	holds(t, table, "b", 3)
}

func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 8, 50} {
		_, table := open(t, 0)
		calls := map[string]*call{}
		running := func(when string) {
			t.Helper()
			for key, c := range calls {
				if _, got, lead := table.Begin(key); got.of() != c.of() || lead {
					t.Fatalf("%s, %s of %d is not joined", when, key, len(calls))
				}
			}
			seen := 0
			table.ForgetFunc(func(key string) bool {
				if seen++; calls[key] == nil {
					t.Errorf("%s, %s is seen, which is not running", when, key)
				}
				return false
			})
			if seen != len(calls) {
				t.Errorf("%s, %d of %d calls are seen", when, seen, len(calls))
			}
		}
		begin := func() {
			for i := range n {
				key := fmt.Sprint(i)
				_, calls[key], _ = table.Begin(key)
				running("beginning")
			}
		}
		begin()
		for key, c := range calls {
			delete(calls, key)
			c.Fail(nil)
			running("ending")
		}
		begin()
		table.Reset()
		for key, before := range calls {
			if _, c, lead := table.Begin(key); !lead || c == before {
				t.Errorf("%s of %d is joined after Reset", key, n)
			}
		}
	}
}

// Goroutines do what they like; each value says its key, and in the end the
// books must balance.
func TestHammer(t *testing.T) {
	t.Parallel()
	s, table := open(t, 24)
	type value struct{ key string }
	var leaders [32]atomic.Int32
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 3000 {
				k := (i*7 + g*13) % len(leaders)
				key := fmt.Sprint("key", k)
				check := func(v any) {
					if v != nil && v.(*value).key != key {
						t.Errorf("%s holds the value of %s", key, v.(*value).key)
					}
				}
				check(table.Get(key))
				switch (i + g) % 11 {
				case 0:
					table.Forget(key)
				case 1:
					table.Put(key, &value{key})
				case 2:
					check(table.AddSince(table.Epoch(), key, &value{key}))
				case 3:
					if i%50 == 0 {
						table.ForgetFunc(func(k string) bool { return k < key })
					}
				case 4:
					if i%200 == 0 {
						s.Reset()
					}
				default:
					v, c, lead := table.Begin(key)
					check(v)
					switch {
					case lead && i%5 == 0:
						c.Fail(errors.New("boom"))
					case lead:
						check(c.Done(&value{key}))
					case c != nil:
						v, _, _ := c.Wait(t.Context())
						check(v)
					}
				}
			}
		})
	}
	all.Wait()
	s.Reset()
	if got := room(s); got != 24 {
		t.Errorf("in the end there is room for %d, want 24", got)
	}
	s.Close()
}
