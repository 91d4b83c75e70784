package reqcache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin opens a scope for the length of the test.
func begin(t *testing.T) context.Context {
	t.Helper()
	ctx, end := reqcache.Begin(t.Context())
	t.Cleanup(end)
	return ctx
}

// returns makes an fn that returns v and counts its runs.
func returns[T any](v T, runs *int) func(context.Context) (T, error) {
	return func(context.Context) (T, error) {
		*runs++
		return v, nil
	}
}

// gives fails unless Do of key gives want without an error.
func gives[T comparable](t *testing.T, ctx context.Context, key string, fn func(context.Context) (T, error), want T) {
	t.Helper()
	if got, err := reqcache.Do(ctx, key, fn); got != want || err != nil {
		t.Errorf("Do(%q) gives %v, %v, want %v", key, got, err, want)
	}
}

func TestAKeyIsComputedOnce(t *testing.T) {
	t.Parallel()
	ctx := begin(t)
	for i := range 30 { // past the size at which the memory changes its form
		key, runs := strconv.Itoa(i), 0
		for range 3 {
			gives(t, ctx, key, returns(i, &runs), i)
		}
		if runs != 1 {
			t.Errorf("key %s was computed %d times", key, runs)
		}
	}
	if got := reqcache.From(ctx).Len(); got != 30 {
		t.Errorf("Len is %d, want 30", got)
	}
}

func TestNilAndZeroAreValues(t *testing.T) {
	t.Parallel()
	ctx := begin(t)
	runs := 0
	for range 2 {
		gives(t, ctx, "nil interface", returns[any](nil, &runs), nil)
		gives(t, ctx, "nil error", returns[error](nil, &runs), nil)
		gives(t, ctx, "typed nil", returns[*int](nil, &runs), nil)
		gives(t, ctx, "zero", returns(0, &runs), 0)
		gives(t, ctx, "empty", returns(struct{}{}, &runs), struct{}{})
	}
	if runs != 5 {
		t.Errorf("%d runs for 5 keys", runs)
	}
	if _, ok := reqcache.Peek[any](ctx, "nil interface"); !ok {
		t.Error("Peek does not find a nil")
	}
}

func TestAnErrorIsNotKept(t *testing.T) {
	t.Parallel()
	ctx, boom, runs := begin(t), errors.New("boom"), 0
	v, err := reqcache.Do(ctx, "k", func(context.Context) (int, error) { return 7, boom })
	if v != 7 || err != boom {
		t.Errorf("Do gives %v, %v, want what fn returned", v, err)
	}
	gives(t, ctx, "k", returns(1, &runs), 1)
}

func TestAnotherTypeIsAnError(t *testing.T) {
	t.Parallel()
	ctx, runs := begin(t), 0
	gives(t, ctx, "k", returns(1, &runs), 1)
	_, err := reqcache.Do(ctx, "k", returns("one", &runs))
	var wrong *reqcache.TypeError
	if !errors.As(err, &wrong) {
		t.Fatalf("Do gives %v", err)
	}
	for key, want := range map[string]string{
		"user:7":   `reqcache: a key of "user" holds int, not string; give the two their own keys`,
		"0a1b2c3d": `reqcache: a key holds int, not string; give the two their own keys`, // a session's token, say
	} {
		wrong.Key = key
		if got := err.Error(); got != want {
			t.Errorf("the error says %s, want %s", got, want)
		}
	}
	if v, ok := reqcache.Peek[string](ctx, "k"); ok || v != "" {
		t.Errorf("Peek gives %q, %v", v, ok)
	}
	reqcache.Put(ctx, "k", "one")
	gives(t, ctx, "k", returns("two", &runs), "one")
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

func TestMistakesAreErrors(t *testing.T) {
	t.Parallel()
	var none context.Context
	for _, ctx := range []context.Context{t.Context(), begin(t)} {
		runs := 0
		_, noCtx := reqcache.Do(none, "k", returns(1, &runs))
		_, noKey := reqcache.Do(ctx, "", returns(1, &runs))
		_, noFunc := reqcache.Do[int](ctx, "k", nil)
		reqcache.Put(ctx, "kept", 1)
		_, noFuncOnHit := reqcache.Do[int](ctx, "kept", nil)
		for _, err := range []error{noCtx, noKey, noFunc, noFuncOnHit} {
			if !errors.Is(err, reqcache.ErrUsage) {
				t.Errorf("a mistake gives %v", err)
			}
		}
		if runs != 0 {
			t.Error("fn ran")
		}
		reqcache.Put(ctx, "", 1)
		reqcache.ForgetFunc(ctx, nil)
		if _, ok := reqcache.Peek[int](ctx, ""); ok {
			t.Error("an empty key was kept")
		}
	}
}

// A session has no key to go by: what one user may see must not reach another.
func TestKeysThatAreRefusedAreNobodys(t *testing.T) {
	t.Parallel()
	type Session struct{ user string }
	root, alice := Session{"root"}, Session{"alice"}
	rights := func(s Session) string { return memo.Key("rights", s) }
	if rights(root) != rights(alice) {
		t.Fatalf("%s and %s have keys of their own, so the test shows nothing", root.user, alice.user)
	}
	for name, ctx := range map[string]context.Context{"a request": begin(t), "none": t.Context()} {
		runs := 0
		for _, s := range []Session{root, alice} {
			v, err := reqcache.Do(ctx, rights(s), returns(s.user, &runs))
			if !errors.Is(err, reqcache.ErrUsage) || v != "" || runs != 0 {
				t.Errorf("%s: Do gives %q, %v after %d runs, want ErrUsage", name, v, err, runs)
				continue
			}
			for _, part := range []string{`the key of "rights" is none`, "part 2 (reqcache_test.Session) has the unexported field user"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: %v does not say %q", name, err, part)
				}
			}
		}
		reqcache.Put(ctx, rights(root), "all")
		if v, ok := reqcache.Peek[string](ctx, rights(alice)); ok {
			t.Errorf("%s: alice has root's rights: %q", name, v)
		}
		if n := reqcache.From(ctx).Len(); n != 0 {
			t.Errorf("%s: %d keys are kept", name, n)
		}
		reqcache.Forget(ctx, rights(root))
	}
}

func TestRecursionNamesTheKindOfItsKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"user:0a1b2c3d": `reqcache: a function asked for the key that it is computing: one of "user"`,
		"0a1b2c3d":      "reqcache: a function asked for the key that it is computing",
	} {
		_, err := reqcache.Do(begin(t), key, func(ctx context.Context) (int, error) {
			return reqcache.Do(ctx, key, func(context.Context) (int, error) { return 1, nil })
		})
		if !errors.Is(err, reqcache.ErrRecursive) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// hidden is how the context of a load says that it has no request.
type hidden struct{ context.Context }

func (h hidden) Value(key any) any {
	if _, ok := key.(scope.Key); ok {
		return (*scope.Scope)(nil)
	}
	return h.Context.Value(key)
}

func TestWithoutAScopeFnIsCalled(t *testing.T) {
	t.Parallel()
	for _, ctx := range []context.Context{t.Context(), hidden{begin(t)}} {
		runs := 0
		gives(t, ctx, "k", returns(1, &runs), 1)
		reqcache.Put(ctx, "k", 2)
		reqcache.Forget(ctx, "k")
		reqcache.ForgetFunc(ctx, func(string) bool { return true })
		reqcache.Reset(ctx)
		gives(t, ctx, "k", returns(1, &runs), 1)
		if _, ok := reqcache.Peek[int](ctx, "k"); ok || runs != 2 {
			t.Errorf("something was kept: %v, %d runs", ok, runs)
		}
		if s := reqcache.From(ctx); s != nil || s.Len() != 0 {
			t.Errorf("a scope out of nowhere, with %d keys", s.Len())
		}
	}
}

func TestNestedBeginJoins(t *testing.T) {
	t.Parallel()
	outer, endOuter := reqcache.Begin(t.Context())
	inner, endInner := reqcache.Begin(context.WithoutCancel(outer))
	reqcache.Put(inner, "k", 1)
	endInner()
	endInner()
	if v, ok := reqcache.Peek[int](outer, "k"); !ok || v != 1 {
		t.Error("the inner end closed the scope, or the scopes are two")
	}
	endOuter()
	endOuter()
	if reqcache.From(inner) != nil {
		t.Error("the outer end did not close the scope")
	}

	again, end := reqcache.Begin(inner) // the old one has ended: a new one
	defer end()
	reqcache.Put(again, "k", 2)
	if v, _ := reqcache.Peek[int](again, "k"); v != 2 || reqcache.From(outer) != nil {
		t.Error("no new scope in the ctx of one that has ended")
	}
}

func TestBeginOfNilContext(t *testing.T) {
	t.Parallel()
	var none context.Context
	ctx, end := reqcache.Begin(none)
	defer end()
	reqcache.Put(ctx, "k", 1)
	if _, ok := reqcache.Peek[int](ctx, "k"); !ok || ctx.Err() != nil {
		t.Error("the ctx is not usable")
	}
	if reqcache.From(none) != nil {
		t.Error("a nil ctx has a scope")
	}
}

// The keys of a cache in the same request are out of reach, except for Reset.
func TestKeysOfACacheAreApart(t *testing.T) {
	t.Parallel()
	ctx, runs := begin(t), 0
	cache := scope.FromContext(ctx).Table(new(scope.Owner))
	cache.Put(&scope.Item{Key: "k", Value: new(string)})
	gives(t, ctx, "k", returns(1, &runs), 1)
	reqcache.Forget(ctx, "k")
	reqcache.ForgetFunc(ctx, func(string) bool { return true })
	if cache.Get("k") == nil {
		t.Error("a key of the cache was forgotten")
	}
	reqcache.Reset(ctx)
	if cache.Get("k") != nil {
		t.Error("Reset left a key of the cache: the handler does not see the present")
	}
}

func TestGoroutineOutlivesRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := reqcache.Begin(t.Context())
		runs, goOn, done := 0, make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			v, err := reqcache.Do(ctx, "running", func(ctx context.Context) (int, error) {
				<-goOn
				return reqcache.Do(ctx, "inner", returns(1, &runs))
			})
			if v != 1 || err != nil {
				t.Errorf("the Do that was running gives %v, %v", v, err)
			}
			gives(t, ctx, "late", returns(2, &runs), 2)
			gives(t, ctx, "late", returns(2, &runs), 2)
			reqcache.Put(ctx, "put", 3)
		}()
		synctest.Wait()
		end()
		close(goOn)
		<-done
		for _, key := range []string{"running", "inner", "late", "put"} {
			if v, ok := reqcache.Peek[int](ctx, key); ok {
				t.Errorf("%q was kept after the end: %d", key, v)
			}
		}
		if runs != 3 {
			t.Errorf("%d runs, want one for each call", runs)
		}
	})
}

func TestBound(t *testing.T) {
	t.Parallel()
	ctx, runs := begin(t), 0
	for i := range 10_001 {
		gives(t, ctx, strconv.Itoa(i), returns(i, &runs), i)
	}
	if got := reqcache.From(ctx).Len(); got != 10_000 {
		t.Errorf("Len is %d, want 10000", got)
	}
	gives(t, ctx, "0", returns(-1, &runs), 0)
	gives(t, ctx, "10000", returns(-1, &runs), -1)
	reqcache.Forget(ctx, "0")
	gives(t, ctx, "10000", returns(1, &runs), 1)
	gives(t, ctx, "10000", returns(2, &runs), 1)
}

// large is too large to share its place in memory with anything else.
type large [64]byte

// freed reports whether nothing refers to what w points to. One collection
// would be enough if no other were in progress.
func freed(w weak.Pointer[large]) bool {
	for range 20 {
		if runtime.GC(); w.Value() == nil {
			return true
		}
	}
	return false
}

// Whatever a goroutine that was left behind holds, the ctx of the request or
// the one that an fn was given, it does not hold the values.
func TestFreedAfterEnd(t *testing.T) {
	t.Parallel()
	ctx, end := reqcache.Begin(t.Context())
	var kept []weak.Pointer[large]
	var inFn []context.Context
	for i := range 20 {
		_, err := reqcache.Do(ctx, strconv.Itoa(i), func(ctx context.Context) (*large, error) {
			v := new(large)
			kept = append(kept, weak.Make(v))
			return reqcache.Do(ctx, fmt.Sprint("inner", i), func(ctx context.Context) (*large, error) {
				inFn = append(inFn, ctx)
				return v, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	end()
	for i, w := range kept {
		if !freed(w) {
			t.Errorf("value %d is still reachable", i)
		}
	}
	runtime.KeepAlive(ctx)
	runtime.KeepAlive(inFn)
}

func TestForgottenKeysAreComputedAgain(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(context.Context){
		"Forget":     func(ctx context.Context) { reqcache.Forget(ctx, "absent", "a", "b") },
		"ForgetFunc": func(ctx context.Context) { reqcache.ForgetFunc(ctx, func(key string) bool { return key < "c" }) },
		"Reset":      reqcache.Reset,
	} {
		ctx, runs := begin(t), 0
		for _, key := range []string{"a", "b", "c"} {
			gives(t, ctx, key, returns(1, &runs), 1)
		}
		forget(ctx)
		gives(t, ctx, "a", returns(2, &runs), 2)
		gives(t, ctx, "b", returns(2, &runs), 2)
		if _, ok := reqcache.Peek[int](ctx, "c"); ok == (name == "Reset") {
			t.Errorf("%s: the key c is kept: %v", name, ok)
		}
	}
}

func TestPrintedContextShowsNothing(t *testing.T) {
	t.Parallel()
	ctx := begin(t)
	_, err := reqcache.Do(ctx, "k", func(inner context.Context) (int, error) {
		reqcache.Put(inner, "secret", "hunter2")
		if got := fmt.Sprint(ctx, inner); got != "reqcache.Begin reqcache.Do" {
			t.Errorf("printed, the contexts show %s", got)
		}
		return 1, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestHitsAllocateNothing(t *testing.T) {
	ctx, end := reqcache.Begin(t.Context())
	defer end()
	reqcache.Put(ctx, "user number 1", 42)
	prefix := []byte("user number ")
	expect := func(v int, err error) {
		if v != 42 || err != nil {
			t.Error("not the value that was kept")
		}
	}
	for name, call := range map[string]func(){
		"Do":                     func() { expect(reqcache.Do(ctx, "user number 1", answer)) },
		"Do, key built for it":   func() { expect(reqcache.Do(ctx, string(prefix)+"1", answer)) },
		"Peek":                   func() { reqcache.Peek[int](ctx, "user number 1") },
		"Peek, key built for it": func() { reqcache.Peek[int](ctx, string(prefix)+"1") },
		"Peek of nothing":        func() { reqcache.Peek[int](ctx, string(prefix)+"2") },
		"Begin in an open scope": func() { reqcache.Begin(ctx) },
		"Do, fn that captures": func() {
			n := len(prefix)
			expect(reqcache.Do(ctx, "user number 1", func(context.Context) (int, error) { return n, nil }))
		},
	} {
		if n := testing.AllocsPerRun(100, call); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// All verbs at once on a few keys; the value says its key.
func TestHammer(t *testing.T) {
	t.Parallel()
	for range 10 {
		ctx, end := reqcache.Begin(t.Context())
		var all sync.WaitGroup
		var running [12]atomic.Int32
		for g := range 8 {
			all.Go(func() {
				for i := range 300 {
					k := (i*5 + g) % len(running)
					key := strconv.Itoa(k)
					v, err := reqcache.Do(ctx, key, func(ctx context.Context) (string, error) {
						if k == 0 {
							return key, nil
						}
						_, err := reqcache.Do(ctx, strconv.Itoa(k-1), func(context.Context) (string, error) { return strconv.Itoa(k - 1), nil })
						return key, err
					})
					if v != key || err != nil {
						t.Errorf("%s gives %s, %v", key, v, err)
					}
					switch i % 17 {
					case 0:
						reqcache.Forget(ctx, key)
					case 3:
						reqcache.Put(ctx, key, key)
					case 7:
						reqcache.ForgetFunc(ctx, func(k string) bool { return k < key })
					case 11:
						if v, ok := reqcache.Peek[string](ctx, key); ok && v != key {
							t.Errorf("%s holds %s", key, v)
						}
					}
					if g == 0 && i == 250 {
						end()
					}
				}
			})
		}
		all.Wait()
		if reqcache.From(ctx) != nil {
			t.Error("open after the end")
		}
	}
}
