package features_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// django-memoize, M-26 to M-34: what is kept, what fails, one request.

func TestM26_WithoutItsMarkerNothingOldIsServedAndTheNextCallIsKept(t *testing.T) {
	t.Parallel()
	store, a, b := two(t)
	var runs counter
	k := memo.Key("f", 1)
	runs.do(t, a, k, memo.Tags("tag"))
	markers := slices.DeleteFunc(store.Keys(), func(wire string) bool {
		return !strings.HasPrefix(wire, "t:t:") && !strings.HasPrefix(wire, "t:r:")
	})
	if len(markers) != 2 {
		t.Fatalf("markers of the tag and of the function: %q", store.Keys())
	}
	store.Evict(markers...)
	same(t, "in another process, without the markers", runs.do(t, b, k, memo.Tags("tag")), 2)
	_, c := bound(t, memo.Config{Shared: store})
	same(t, "in a third process, with those of the new call", runs.do(t, c, k, memo.Tags("tag")), 2)
	same(t, "runs", runs.runs(k), 2)
}

// once reads key in two processes, twice in each, and fails unless all got want, which eq
// compares, and the loader ran once: in each process if values of T stay there.
func once[T any](t *testing.T, key string, want T, eq func(a, b T) bool) {
	t.Helper()
	_, a, b := two(t)
	runs := 0
	for _, ctx := range []context.Context{a, a, b, b} {
		got, err := memo.Do(ctx, key, func(context.Context) (T, error) {
			runs++
			return want, nil
		})
		if err != nil || !eq(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", key, got, err, want)
		}
		if got, ok := memo.Peek[T](ctx, key); !ok || !eq(got, want) {
			t.Errorf("%s: Peek: %#v, %t", key, got, ok)
		}
		if got, err := memo.Get[T](ctx, key); err != nil || !eq(got, want) {
			t.Errorf("%s: Get: %#v, %v", key, got, err)
		}
	}
	if codec.Check(codec.JSON{}, reflect.TypeFor[T]()) != nil {
		same(t, "runs of "+key, runs, 2)
		return
	}
	same(t, "runs of "+key, runs, 1)
}

func equal[T comparable](a, b T) bool { return a == b }

// touchy is a value that must not be compared: == of two of them panics.
type touchy struct{ V any }

func TestM27_NilZeroAndEmptyAreValues(t *testing.T) {
	t.Parallel()
	type row struct{ ID int }
	once(t, "nil pointer", (*row)(nil), equal)
	once(t, "empty text", "", equal)
	once(t, "zero", 0, equal)
	once(t, "false", false, equal)
	once(t, "zero struct", row{}, equal)
	alike := func(a, b []int) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }
	once(t, "nil slice", nil, alike)
	once(t, "empty slice", []int{}, alike)
	// An interface stays in the process (docs/values.md), and == of these two would panic: presence is no comparison.
	once(t, "value that panics when compared", touchy{V: []int{1}}, func(a, b touchy) bool { return len(a.V.([]int)) == len(b.V.([]int)) })
	once(t, "nil any", any(nil), func(a, b any) bool { return a == nil && b == nil })

	// test_17: after its deletion it is a miss, and is found again after the next call.
	_, ctx := bound(t, memo.Config{})
	k := memo.Key("f", 1)
	must(t, memo.Set(ctx, k, (*row)(nil)))
	must(t, memo.Invalidate(ctx, k))
	if _, err := memo.Get[*row](ctx, k); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("a nil that was invalidated: %v", err)
	}
}

func TestM28_ErrorsAreNotKeptAndWhatIsNotThereIsIfAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		broken := errors.New("broken")
		runs := 0
		fail := func(err error) func(context.Context) (int, error) {
			return func(context.Context) (int, error) {
				runs++
				return 0, err
			}
		}
		for want := 1; want <= 2; want++ {
			if _, err := memo.Do(a, "k", fail(broken), memo.NegativeTTL(time.Minute)); !errors.Is(err, broken) || runs != want {
				t.Errorf("call %d: %v after %d runs", want, err, runs)
			}
		}
		if v, err := memo.Do(a, "k", func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
			t.Errorf("after the errors: %d, %v", v, err)
		}

		runs = 0
		for _, ctx := range []context.Context{a, a, b} {
			if _, err := memo.Do(ctx, "none", fail(memo.ErrNotFound), memo.NegativeTTL(time.Minute)); !errors.Is(err, memo.ErrNotFound) || runs != 1 {
				t.Errorf("what is not there: %v after %d runs, want 1", err, runs)
			}
		}
		time.Sleep(time.Minute + time.Second)
		if _, err := memo.Do(a, "none", fail(memo.ErrNotFound)); !errors.Is(err, memo.ErrNotFound) || runs != 2 {
			t.Errorf("after its time: %v after %d runs, want 2", err, runs)
		}
		if _, err := memo.Do(a, "none", fail(memo.ErrNotFound)); !errors.Is(err, memo.ErrNotFound) || runs != 3 {
			t.Errorf("without the option: %v after %d runs, want 3", err, runs)
		}
	})
}

func TestM29_AMemcachedThatIsKilledFailsNoCallAndIsUsedAgain(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	cfg := on(t, server)
	cfg.StaleBound, cfg.ReadTimeout, cfg.WriteTimeout = 0, 0, 0 // as delivered: how long a new server waits before it is used goes by them
	c, ctx := bound(t, cfg)
	cfg.Shared = dial(t, server.Addr())
	_, other := bound(t, cfg)
	shared := func(key string) bool { // loaded once by both
		db.do(t, ctx, key)
		db.do(t, other, key)
		return db.reads(t, key) == 1
	}
	eventually := func(when string) {
		t.Helper()
		for i, begin := 0, time.Now(); !shared(memo.Key(when, i)); i++ {
			if time.Since(begin) > patience {
				t.Fatalf("%s the server is not used: %+v", when, c.Snapshot().Nodes)
			}
		}
	}
	eventually("before")
	must(t, server.Kill())
	for i := 0; c.Snapshot().Nodes[0].Up; i++ {
		db.do(t, ctx, memo.Key("meanwhile", i)) // fails the test on an error
	}
	if n := c.Snapshot().Nodes[0].Errors; n == 0 {
		t.Error("no error is counted")
	}
	must(t, server.Restart())
	eventually("after")
}

func TestM29_ASilentServerCostsNoMoreThanTheReadTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewFaulty(tiertest.NewMemory())
		c, ctx := bound(t, memo.Config{Shared: store, ReadTimeout: 100 * time.Millisecond})
		var runs counter
		runs.do(t, ctx, "k")
		defer store.Inject(tiertest.Fault{Hang: true})()
		begin := time.Now()
		same(t, "the value", runs.do(t, ctx, "new"), 1)
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("a call took %v, want the ReadTimeout at most", took)
		}
		time.Sleep(2 * time.Second) // a poll has failed: the server counts as down
		begin = time.Now()
		runs.do(t, ctx, "newer")
		same(t, "what a call costs while it is down", time.Since(begin), 0)
		if n := c.Snapshot().Nodes[0]; n.Up || n.Errors == 0 {
			t.Errorf("up %t after %d errors", n.Up, n.Errors)
		}
	})
}

var errBackend = errors.New("backend")

func TestM29_WhereReadsFailTheFunctionRunsEachTimeAProcessHasNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // test_21
		store := tiertest.NewFaulty(tiertest.NewMemory())
		_, a := bound(t, memo.Config{Shared: store})
		_, b := bound(t, memo.Config{Shared: store})
		var runs counter
		same(t, "before", runs.do(t, a, "k"), 1)
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Err: errBackend})
		same(t, "in another process, whose reads fail", runs.do(t, b, "k"), 2)
	})
}

func TestM30_WhereWritesFailTheValueIsReturnedAndKeptInTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // test_22
		store := tiertest.NewFaulty(tiertest.NewMemory())
		c, ctx := bound(t, memo.Config{Shared: store})
		var runs counter
		runs.do(t, ctx, "first")
		writes := []tiertest.Op{tiertest.OpAdd, tiertest.OpCompareAndSwap, tiertest.OpIncr, tiertest.OpTouch}
		defer store.Inject(tiertest.Fault{Ops: writes, Err: errBackend})()
		request, end := c.Begin(ctx)
		defer end()
		for range 2 {
			same(t, "in a request", runs.do(t, request, "k"), 1)
			same(t, "in the process", runs.do(t, ctx, "k"), 1)
		}
		if v, ok := memo.Peek[int](ctx, "k"); v != 1 || !ok {
			t.Errorf("Peek: %d, %t", v, ok)
		}
		if c.Snapshot().Nodes[0].Errors == 0 {
			t.Error("no error is counted")
		}
	})
}

func TestM31_AnInvalidationThatCannotBeDeliveredSaysSoAndHoldsHere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // test_24 and test_26, where the old value stays
		store := tiertest.NewFaulty(tiertest.NewMemory())
		c, ctx := bound(t, memo.Config{Shared: store})
		_, other := bound(t, memo.Config{Shared: store})
		var runs counter
		one, two := memo.Key("f", 1), memo.Key("f", 2)
		for _, k := range []string{one, two} {
			runs.do(t, ctx, k)
			runs.do(t, other, k)
		}
		heal := store.Inject(tiertest.Fault{Err: errBackend})
		for what, err := range map[string]error{"a key": memo.Invalidate(ctx, one), "all of a function": memo.InvalidateTree(ctx, memo.Key("f"))} {
			if !errors.Is(err, memo.ErrDeferred) {
				t.Errorf("%s: %v, want ErrDeferred", what, err)
			}
		}
		same(t, "here, at once", runs.do(t, ctx, one), 2)
		same(t, "here, by the function", runs.do(t, ctx, two), 2)
		same(t, "waiting", c.Snapshot().Nodes[0].Pending > 0, true)
		heal()
		time.Sleep(5 * time.Second) // it is delivered, and the other process has heard of it
		same(t, "waiting after the server is back", c.Snapshot().Nodes[0].Pending, 0)
		for _, k := range []string{one, two} {
			if v := runs.do(t, other, k); v < 2 {
				t.Errorf("the other process has run %d of %s yet", v, k)
			}
		}
	})
}

func TestM33_AFailureIsLoggedOnceWithItsTierAndCountedEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := tiertest.NewFaulty(tiertest.NewMemory("10.0.0.1:11211")), &journal{}
		c, ctx := bound(t, memo.Config{Name: "shop", Shared: store, Logger: log.logger()})
		var runs counter
		runs.do(t, ctx, memo.Key("user", "secret@example.com"))
		heal := store.Inject(tiertest.Fault{Err: errBackend})
		calls := store.Calls("")
		time.Sleep(time.Second)
		for range 100 {
			runs.do(t, ctx, memo.Key("user", "secret@example.com"), memo.TTL(time.Millisecond))
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		if said := log.with("does not answer", "cache=shop", "tier=10.0.0.1:11211", "backend"); len(said) != 1 {
			t.Errorf("the log says\n%s\nwant one line of the failure, with the tier", log)
		}
		if n, failed := c.Snapshot().Nodes[0].Errors, store.Calls("")-calls; n != uint64(failed) || failed == 0 {
			t.Errorf("%d errors counted, want one for each of %d calls that failed", n, failed)
		}
		heal()
		time.Sleep(5 * time.Second)
		if said := log.with("answers again", "tier=10.0.0.1:11211"); len(said) != 1 {
			t.Errorf("the log says\n%s\nwant one line that it is over", log)
		}
		if said := log.with("secret"); len(said) != 0 {
			t.Errorf("the log shows a key: %q", said)
		}
	})
}

func TestM34_InOneRequestTheFunctionRunsOnce(t *testing.T) {
	t.Parallel()
	store, local := tiertest.NewMemory(), lru.New(100)
	c := newCache(t, memo.Config{Shared: store, Local: local})
	var runs counter
	handler := nethttp.Middleware(c)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		want := runs.runs("k") + 1
		for i := range 100 {
			same(t, "in a request", runs.do(t, r.Context(), "k"), want)
			if i == 50 { // the request remembers for itself
				store.Flush()
				local.Clear()
			}
		}
	}))
	serve := func() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	serve()
	same(t, "runs after one request", runs.runs("k"), 1)
	serve() // with the other tiers wiped
	same(t, "runs after two", runs.runs("k"), 2)
}
