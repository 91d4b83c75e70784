package reqcache_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/reqcache"
)

// A result is what Do returned.
type result struct {
	v   int
	err error
}

// do runs Do in the background, up to where it waits.
func do(ctx context.Context, key string, fn func(context.Context) (int, error)) <-chan result {
	got := make(chan result, 1)
	go func() {
		v, err := reqcache.Do(ctx, key, fn)
		got <- result{v, err}
	}()
	synctest.Wait()
	return got
}

// after returns v, or err, when the fake clock has moved on.
func after(v int, err error) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		time.Sleep(time.Second)
		return v, err
	}
}

func never(t *testing.T) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		t.Error("computed twice")
		return -1, nil
	}
}

func TestGoroutinesOfARequestShareOneRun(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, want := range []result{{1, nil}, {0, boom}} {
		synctest.Test(t, func(t *testing.T) {
			ctx := begin(t)
			all := []<-chan result{do(ctx, "k", after(want.v, want.err))}
			for range 5 {
				all = append(all, do(ctx, "k", never(t)))
			}
			for i, got := range all {
				if got := <-got; got != want {
					t.Errorf("caller %d gets %v, want %v", i, got, want)
				}
			}
		})
	}
}

func TestWaiterOfAnotherTypeGetsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, runs := begin(t), 0
		leader := do(ctx, "k", after(1, nil))
		_, err := reqcache.Do(ctx, "k", returns("one", &runs))
		var wrong *reqcache.TypeError
		if !errors.As(err, &wrong) || runs != 0 {
			t.Errorf("the waiter gets %v after %d runs", err, runs)
		}
		<-leader
	})
}

func TestWaiterObeysItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := begin(t)
		gone := errors.New("the client has gone")
		leaving, cancel := context.WithCancelCause(ctx)
		leader := do(ctx, "k", after(1, nil))
		leaves, stays := do(leaving, "k", never(t)), do(ctx, "k", never(t))
		cancel(gone)
		if got := <-leaves; !errors.Is(got.err, gone) || !errors.Is(got.err, context.Canceled) {
			t.Errorf("who leaves gets %v, want the error and the cause of its ctx", got)
		}
		if got := <-stays; got != (result{1, nil}) {
			t.Errorf("who stays gets %v", got)
		}
		<-leader
	})
}

// deaf is a context whose end one does not hear of, but for asking.
type deaf struct{ context.Context }

func (deaf) Done() <-chan struct{} { return nil }

func TestWaiterWhoseContextHasEndedMeanwhileDoesNotCompute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the client has gone")
		leaving, cancel := context.WithCancelCause(begin(t))
		leader := do(leaving, "k", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		waits := do(deaf{leaving}, "k", never(t))
		cancel(gone)
		<-leader
		if got := <-waits; !errors.Is(got.err, gone) || !errors.Is(got.err, context.Canceled) {
			t.Errorf("who waited gets %v, want the error and the cause of its ctx", got)
		}
	})
}

// The one who computes leaves. Its error is its own, in whatever words a driver
// says it; one of those who wait computes, and those whose ctx has ended as well
// do not.
func TestLeaderThatLeavesIsReplaced(t *testing.T) {
	t.Parallel()
	for _, said := range []error{context.Canceled, errors.New("driver: query interrupted")} {
		synctest.Test(t, func(t *testing.T) {
			ctx := begin(t)
			gone := errors.New("the client has gone")
			leaving, cancel := context.WithCancelCause(ctx)
			leader := do(leaving, "k", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				time.Sleep(time.Second) // the waiter that shares its ctx has left, or has to
				return 0, said
			})
			same := do(leaving, "k", never(t))
			runs := 0
			a, b := do(ctx, "k", returns(1, &runs)), do(ctx, "k", returns(1, &runs))
			cancel(gone)
			if got := <-leader; got.err != said {
				t.Errorf("the leader gets %v", got)
			}
			if got := <-same; !errors.Is(got.err, gone) || !errors.Is(got.err, context.Canceled) {
				t.Errorf("who shares its ctx gets %v, want the error and the cause of its ctx", got)
			}
			for _, got := range []<-chan result{a, b} {
				if got := <-got; got != (result{1, nil}) {
					t.Errorf("who waits gets %v", got)
				}
			}
			if runs != 1 {
				t.Errorf("%d runs", runs)
			}
		})
	}
}

// The waiter is told to try again at the very moment its own ctx ends.
func TestWaiterThatEndsWithTheLeaderDoesNotCompute(t *testing.T) {
	t.Parallel()
	for range 50 { // which of the two it sees first is chance
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(begin(t))
			goOn := make(chan struct{})
			leader := do(ctx, "k", func(ctx context.Context) (int, error) {
				<-goOn
				cancel()
				return 0, ctx.Err()
			})
			waiter := do(ctx, "k", never(t))
			close(goOn)
			if got := <-waiter; got.err != context.Canceled {
				t.Errorf("the waiter gets %v", got)
			}
			<-leader
		})
	}
}

func TestForgetWhileComputing(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(context.Context){
		"Forget":     func(ctx context.Context) { reqcache.Forget(ctx, "k") },
		"ForgetFunc": func(ctx context.Context) { reqcache.ForgetFunc(ctx, func(string) bool { return true }) },
		"Reset":      reqcache.Reset,
		"Put":        func(ctx context.Context) { reqcache.Put(ctx, "k", 2) },
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx := begin(t)
			before, waiter := do(ctx, "k", after(1, nil)), do(ctx, "k", never(t))
			forget(ctx)
			if got := <-do(ctx, "k", after(2, nil)); got.v != 2 {
				t.Errorf("%s: who asks afterwards gets %d", name, got.v)
			}
			if a, b := <-before, <-waiter; a.v != 1 || b.v != 1 {
				t.Errorf("%s: those who asked before get %d and %d", name, a.v, b.v)
			}
			if got := <-do(ctx, "k", never(t)); got.v != 2 {
				t.Errorf("%s: later %d is kept", name, got.v)
			}
		})
	}
}

func TestPanicGoesOnAndOthersGetAnError(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"boom", http.ErrAbortHandler} {
		synctest.Test(t, func(t *testing.T) {
			ctx := begin(t)
			recovered := make(chan any, 1)
			go func() {
				defer func() { recovered <- recover() }()
				_, _ = reqcache.Do(ctx, "k", func(context.Context) (int, error) {
					time.Sleep(time.Second)
					panicHere(value)
					return 0, nil
				})
			}()
			synctest.Wait()
			waiter := do(ctx, "k", never(t))
			if got := <-recovered; got != value {
				t.Errorf("the leader panics with %v, want %v", got, value)
			}
			var p *reqcache.PanicError
			if got := <-waiter; !errors.As(got.err, &p) {
				t.Fatalf("the waiter gets %v", got)
			}
			if p.Value != value || !strings.Contains(string(p.Stack), "panicHere") {
				t.Errorf("the waiter gets %v from\n%s", p.Value, p.Stack)
			}
			if err, ok := value.(error); ok && !errors.Is(p, err) {
				t.Errorf("%v is not %v", p, err)
			}
			if got := <-do(ctx, "k", after(1, nil)); got != (result{1, nil}) {
				t.Errorf("then the key gives %v", got)
			}
		})
	}
}

func panicHere(value any) { panic(value) }

func TestGoexitFreesTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := begin(t)
		var leader sync.WaitGroup
		leader.Go(func() {
			_, _ = reqcache.Do(ctx, "k", func(context.Context) (int, error) {
				time.Sleep(time.Second)
				runtime.Goexit()
				return 0, nil
			})
			t.Error("Do returned after Goexit")
		})
		synctest.Wait()
		waiter := do(ctx, "k", never(t))
		leader.Wait()
		var p *reqcache.PanicError
		if got := <-waiter; !errors.As(got.err, &p) || p.Value != nil {
			t.Errorf("the waiter gets %v", got)
		}
		if got := <-do(ctx, "k", after(1, nil)); got != (result{1, nil}) {
			t.Errorf("then the key gives %v", got)
		}
	})
}

// asks makes an fn that asks for keys, one inside the other, the last computed.
func asks(keys ...string) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if len(keys) == 0 {
			return 1, nil
		}
		return reqcache.Do(ctx, keys[0], asks(keys[1:]...))
	}
}

func TestAskingForTheOwnKeyIsAnError(t *testing.T) {
	t.Parallel()
	ended, end := reqcache.Begin(t.Context())
	end()
	for name, ctx := range map[string]context.Context{"open": begin(t), "none": t.Context(), "ended": ended} {
		for _, keys := range [][]string{{"a", "a"}, {"a", "b", "a"}, {"a", "b", "c", "b"}} {
			_, err := asks(keys...)(ctx)
			if !errors.Is(err, reqcache.ErrRecursive) {
				t.Errorf("scope %s: %v gives %v", name, keys, err)
			}
		}
		if v, err := asks("a", "b", "c")(ctx); v != 1 || err != nil {
			t.Errorf("scope %s: afterwards the keys give %v, %v", name, v, err)
		}
	}
}

// Forget frees the key while it is computed, but not for its own fn.
func TestForgettingTheOwnKeyDoesNotHideRecursion(t *testing.T) {
	t.Parallel()
	var fn func(ctx context.Context) (int, error)
	depth := 0
	fn = func(ctx context.Context) (int, error) {
		if depth++; depth > 1 {
			return 0, errors.New("it runs again")
		}
		reqcache.Forget(ctx, "k")
		return reqcache.Do(ctx, "k", fn)
	}
	if _, err := reqcache.Do(begin(t), "k", fn); !errors.Is(err, reqcache.ErrRecursive) {
		t.Errorf("Do gives %v", err)
	}
}

// A goroutine that fn left behind may ask for its key: fn has ended.
func TestGoroutineLeftBehindMayAskForTheKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := begin(t)
		var inner context.Context
		<-do(ctx, "k", func(ctx context.Context) (int, error) {
			inner = ctx
			return 1, nil
		})
		reqcache.Forget(ctx, "k")
		if got := <-do(inner, "k", after(2, nil)); got != (result{2, nil}) {
			t.Errorf("it gets %v", got)
		}
	})
}

// Two goroutines ask for what the other computes: one gets an error, in place
// of both waiting for ever.
func TestTwoThatWaitForEachOtherDoNotHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := begin(t)
		meets := func(other string) func(context.Context) (int, error) {
			return func(ctx context.Context) (int, error) {
				time.Sleep(time.Second)
				// Asked on a goroutine of fn, and behind another key.
				got := make(chan result)
				go func() {
					v, err := reqcache.Do(ctx, "between "+other, asks(other))
					got <- result{v, err}
				}()
				r := <-got
				return r.v, r.err
			}
		}
		a, b := do(ctx, "a", meets("b")), do(ctx, "b", meets("a"))
		if got := <-a; !errors.Is(got.err, reqcache.ErrRecursive) {
			t.Errorf("a gives %v", got)
		}
		if got := <-b; !errors.Is(got.err, reqcache.ErrRecursive) {
			t.Errorf("b gives %v", got)
		}
	})
}
