package memo_test

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Batches that meet each other, invalidations, other processes and the end of their
// callers, in virtual time.

// answers is what a call of DoMany returns, from a goroutine of its own.
type answers struct {
	values map[string]int
	err    error
	panic  any
}

func manyLater(call func() (map[string]int, error)) (wait func() answers) {
	out := make(chan answers, 1)
	go func() {
		var a answers
		defer func() {
			a.panic = recover()
			out <- a
		}()
		a.values, a.err = call()
	}()
	return func() answers { return <-out }
}

// lasting is a loader of many keys that takes d, and says what it was asked for.
func lasting(d time.Duration, calls *[][]string, v int) func(context.Context, []string) (map[string]int, error) {
	var mu sync.Mutex
	return func(ctx context.Context, missing []string) (map[string]int, error) {
		mu.Lock()
		*calls = append(*calls, slices.Clone(missing))
		mu.Unlock()
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		found := map[string]int{}
		for _, key := range missing {
			found[key] = v
		}
		return found, nil
	}
}

// tookAbout fails unless d has passed since begin, give or take what the tiers take.
func tookAbout(t *testing.T, begin time.Time, d time.Duration) {
	t.Helper()
	if took := time.Since(begin); took < d || took > d+d/2 {
		t.Errorf("took %v, want about %v", took, d)
	}
}

func withOrWithoutShared(t *testing.T, test func(t *testing.T, f *fleet, cfg func(*memo.Config))) {
	for name, change := range map[string]func(*memo.Config){
		"no shared tier": func(cfg *memo.Config) { cfg.Shared, cfg.Prefix = nil, "" },
		"a shared tier":  func(*memo.Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newFleet(), change) })
		})
	}
}

// Two batches that share keys, each in the other's order:
//
//  1. batch 1 leads the load of a, and batch 2 that of b
//  2. batch 1 joins the load of b, and batch 2 that of a
//  3. both load what they lead, and wait for the other's
func TestBatchesThatShareKeysDoNotWaitInACircle(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		for round := range 50 {
			a, b := memo.Key("a", round), memo.Key("b", round)
			begin := time.Now()
			var calls1, calls2 [][]string
			one := manyLater(func() (map[string]int, error) {
				return memo.DoMany(c.With(context.Background()), []string{a, b}, lasting(time.Second, &calls1, 1))
			})
			two := manyLater(func() (map[string]int, error) {
				return memo.DoMany(c.With(context.Background()), []string{b, a}, lasting(time.Second, &calls2, 1))
			})
			found(t, map[string]int{a: 1, b: 1})(one().values, nil)
			found(t, map[string]int{a: 1, b: 1})(two().values, nil)
			tookAbout(t, begin, time.Second)
			if loaded := slices.Concat(slices.Concat(calls1...), slices.Concat(calls2...)); len(loaded) != 2 {
				t.Fatalf("loaded %q, want each once", loaded)
			}
		}
	})
}

// A key that somebody else loads does not hold up the others, nor is it loaded twice.
func TestBatchJoinsALoadThatRuns(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		fn, begun, release := f.db.held("a")
		single := later(t, func() (int, error) { return memo.Do(ctx, "a", fn) })
		<-begun
		var calls [][]string
		both := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 7))
		})
		time.Sleep(2 * time.Second)
		hit(t, 7)(memo.Get[int](ctx, "b")) // it is there already
		close(release)
		if got := both(); !maps.Equal(got.values, map[string]int{"a": 0, "b": 7, "c": 7}) || got.err != nil {
			t.Errorf("got %v", got)
		}
		single()
		if len(calls) != 1 || !slices.Equal(calls[0], []string{"b", "c"}) {
			t.Errorf("loaded %q", calls)
		}
		if n := c.Snapshot().Total; n.Joined != 1 || n.Loads != 3 || n.Runs != 2 {
			t.Errorf("counted %+v", n)
		}
	})
}

// Elsewhere a batch that joined one load that failed and one that did not returned no
// error and no value for the first.
func TestR39_ErrorOfAJoinedLoadIsNotLost(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		fails := func(context.Context, []string) (map[string]int, error) {
			time.Sleep(time.Second)
			return nil, errQuery
		}
		for round := range 60 {
			bad, good := memo.Key("bad", round), memo.Key("good", round)
			var calls [][]string
			failing := manyLater(func() (map[string]int, error) { return memo.DoMany(ctx, []string{bad}, fails) })
			going := manyLater(func() (map[string]int, error) {
				return memo.DoMany(ctx, []string{good}, lasting(2*time.Second, &calls, 1))
			})
			synctest.Wait()
			begin := time.Now()
			values, err := memo.DoMany(ctx, []string{bad, good}, lasting(time.Hour, &calls, 2))
			tookAbout(t, begin, 2*time.Second)
			failed(t, err, errQuery, bad)
			if !maps.Equal(values, map[string]int{good: 1}) {
				t.Fatalf("got %v", values)
			}
			failed(t, failing().err, errQuery, bad)
			found(t, map[string]int{good: 1})(going().values, nil)
		}
	})
}

// An invalidation while the loader runs: its key is not kept, the others are.
func TestInvalidationDuringABatchConcernsItsKey(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		var calls [][]string
		old := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 1))
		})
		time.Sleep(time.Second / 2)
		must(t, memo.Invalidate(ctx, "b"))
		found(t, map[string]int{"a": 1, "b": 1, "c": 1})(old().values, nil) // who asked before
		found(t, map[string]int{"a": 1, "b": 2, "c": 1})(memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 2)))
		if want := [][]string{{"a", "b", "c"}, {"b"}}; !slices.EqualFunc(calls, want, slices.Equal) {
			t.Errorf("loaded %q, want %q", calls, want)
		}
	})
}

// The same from another process, which deletes one of the leases.
func TestInvalidationElsewhereDuringABatchConcernsItsKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		ctx := here.With(context.Background())
		var calls [][]string
		old := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 1))
		})
		time.Sleep(time.Second / 2)
		must(t, there.Invalidate(context.Background(), "b"))
		old()
		found(t, map[string]int{"a": 1, "b": 2, "c": 1})(memo.DoMany(there.With(context.Background()), []string{"a", "b", "c"}, lasting(time.Second, &calls, 2)))
		between()
		found(t, map[string]int{"a": 1, "b": 2, "c": 1})(memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 3)))
	})
}

// What another process loads is waited for, and the others are loaded meanwhile.
func TestBatchDoesNotHoldUpItsKeysForAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		var calls [][]string
		other := later(t, func() (int, error) {
			return memo.Do(there.With(context.Background()), "a", f.db.slow("a", 10*time.Second))
		})
		time.Sleep(time.Second)
		ctx := here.With(context.Background())
		batch := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 7))
		})
		time.Sleep(2 * time.Second)
		hit(t, 7)(memo.Get[int](ctx, "b"))
		if got := batch(); !maps.Equal(got.values, map[string]int{"a": 0, "b": 7, "c": 7}) || got.err != nil {
			t.Errorf("got %v", got)
		}
		other()
		if len(calls) != 1 {
			t.Errorf("loaded %q", calls)
		}
	})
}

// When its caller's time is up DoMany returns what is there.
func TestDoManyReturnsWithItsCtx(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		must(t, memo.Set(ctx, "a", 1))
		var calls [][]string
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		begin := time.Now()
		values, err := memo.DoMany(short, []string{"a", "b", "c"}, lasting(time.Hour, &calls, 2))
		tookAbout(t, begin, time.Second)
		failed(t, err, context.DeadlineExceeded, "b", "c")
		if !maps.Equal(values, map[string]int{"a": 1}) {
			t.Errorf("got %v", values)
		}
		time.Sleep(5 * time.Second) // the grace
		if n := c.Snapshot().Total; n.InFlight != 0 || n.RunErrors != 1 {
			t.Errorf("nobody waits, and the loader goes on: %+v", n)
		}
	})
}

// A loader goes on for those of its keys that somebody else waits for.
func TestBatchWhoseCallerLeavesGoesOnForOthers(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		var calls [][]string
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		left := manyLater(func() (map[string]int, error) {
			return memo.DoMany(short, []string{"a", "b"}, lasting(20*time.Second, &calls, 1))
		})
		synctest.Wait()
		stays := later(t, func() (int, error) { return memo.Do(ctx, "b", f.db.slow("b", 0)) })
		failed(t, left().err, context.DeadlineExceeded, "a", "b")
		if v := stays(); v != 1 {
			t.Errorf("who stayed got %d, want what the batch loaded", v)
		}
		if len(calls) != 1 {
			t.Errorf("loaded %q", calls)
		}
		if _, err := memo.Get[int](ctx, "a"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("a was kept after its load was given up: %v", err)
		}
	})
}

// LoadTimeout bounds each call of the loader, and not the wait for its turn.
func TestLoadTimeoutOfABatch(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		var calls [][]string
		keys := keysOf("k", 40)
		got, err := memo.DoMany(ctx, keys, lasting(3*time.Second, &calls, 1), memo.BatchSize(1), memo.LoadTimeout(4*time.Second))
		if err != nil || len(got) != 40 {
			t.Errorf("%d values, %v", len(got), err)
		}
		begin := time.Now()
		deaf := func(ctx context.Context, _ []string) (map[string]int, error) {
			if d, ok := ctx.Deadline(); !ok || !d.Equal(time.Now().Add(4*time.Second)) {
				t.Errorf("the loader's deadline is %v", d)
			}
			time.Sleep(time.Minute)
			return map[string]int{"x": 1}, nil
		}
		_, err = memo.DoMany(ctx, []string{"x", "y"}, deaf, memo.LoadTimeout(4*time.Second))
		failed(t, err, context.DeadlineExceeded, "x", "y")
		tookAbout(t, begin, 4*time.Second)
		time.Sleep(2 * time.Minute)
		if _, err := memo.Get[int](ctx, "x"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("what came after the time was kept: %v", err)
		}
	})
}

func TestPanicInALoaderOfMany(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		fails := func(context.Context, []string) (map[string]int, error) {
			time.Sleep(time.Second)
			panic("the loader's own")
		}
		leads := manyLater(func() (map[string]int, error) { return memo.DoMany(ctx, []string{"a", "b"}, fails) })
		synctest.Wait()
		joins := manyLater(func() (map[string]int, error) { return memo.DoMany(ctx, []string{"b"}, fails) })
		if got := leads(); got.panic != "the loader's own" {
			t.Errorf("who led got %v", got)
		}
		got := joins()
		p := (*memo.PanicError)(nil)
		if !errors.As(got.err, &p) || p.Value != "the loader's own" || len(p.Stack) == 0 || got.panic != nil {
			t.Errorf("who joined got %v", got)
		}
		if n := c.Snapshot().Total; n.RunPanics != 1 || n.Runs != 1 || n.InFlight != 0 {
			t.Errorf("counted %+v", n)
		}
		var calls [][]string
		begin := time.Now()
		found(t, map[string]int{"a": 1, "b": 1})(memo.DoMany(ctx, []string{"a", "b"}, lasting(time.Second, &calls, 1)))
		tookAbout(t, begin, time.Second) // nothing is left behind
	})
}

func TestGoexitInALoaderOfMany(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		_, err := memo.DoMany(ctx, []string{"a", "b", "c"}, func(context.Context, []string) (map[string]int, error) { runtime.Goexit(); return nil, nil }, memo.BatchSize(2))
		p := (*memo.PanicError)(nil)
		if !errors.As(err, &p) || p.Value != nil {
			t.Errorf("got %v", err)
		}
		var calls [][]string
		found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a"}, lasting(time.Second, &calls, 1)))
	})
}

// A loader that asks for one of its own keys, however it does.
func TestR13_BatchThatAsksForItselfIsToldAtOnce(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		for name, ask := range map[string]func(ctx context.Context) error{
			"by Do": func(ctx context.Context) error {
				_, err := memo.Do(ctx, "c", func(context.Context) (int, error) { return 0, nil })
				return err
			},
			"by DoMany": func(ctx context.Context) error {
				var calls [][]string
				values, err := memo.DoMany(ctx, []string{"x", "b"}, lasting(0, &calls, 5))
				failed(t, err, memo.ErrRecursive, "b")
				if values["x"] != 5 {
					t.Errorf("got %v", values)
				}
				return err
			},
			"by way of another load": func(ctx context.Context) error {
				_, err := memo.Do(ctx, "y", func(ctx context.Context) (int, error) {
					return memo.Do(ctx, "a", func(context.Context) (int, error) { return 0, nil })
				})
				return err
			},
		} {
			begin := time.Now()
			var inner error
			var once sync.Once
			keys := []string{"a", "b", "c"}
			values, err := memo.DoMany(ctx, keys, func(ctx context.Context, missing []string) (map[string]int, error) {
				once.Do(func() { inner = ask(ctx) })
				time.Sleep(time.Second)
				return map[string]int{"a": 1, "b": 2, "c": 3}, nil
			}, memo.BatchSize(2)) // the two calls of the loader are one batch
			if !errors.Is(inner, memo.ErrRecursive) {
				t.Errorf("%s: %v, want ErrRecursive", name, inner)
			}
			if err != nil || len(values) != 3 {
				t.Errorf("%s: got %v, %v", name, values, err)
			}
			tookAbout(t, begin, time.Second)
			must(t, memo.Invalidate(ctx, "a", "b", "c", "x", "y"))
		}
	})
}

// Two batches whose loaders ask for each other's keys:
//
//  1. batch 1 loads a1 and b1, batch 2 loads a2 and b2
//  2. the loader of 1 asks for b2, and waits for batch 2
//  3. the loader of 2 asks for b1, and would wait for batch 1
func TestBatchesThatAskForEachOthersKeys(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		inner := make(chan error, 2)
		asking := func(after time.Duration, other string) func(context.Context, []string) (map[string]int, error) {
			return func(ctx context.Context, missing []string) (map[string]int, error) {
				time.Sleep(after)
				_, err := memo.Do(ctx, other, func(context.Context) (int, error) { return 0, nil })
				inner <- err
				return map[string]int{missing[0]: 1, missing[1]: 1}, nil
			}
		}
		begin := time.Now()
		one := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a1", "b1"}, asking(time.Second, "b2"))
		})
		two := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a2", "b2"}, asking(2*time.Second, "b1"))
		})
		found(t, map[string]int{"a1": 1, "b1": 1})(one().values, nil)
		found(t, map[string]int{"a2": 1, "b2": 1})(two().values, nil)
		if first, second := <-inner, <-inner; !errors.Is(first, memo.ErrRecursive) || second != nil {
			t.Errorf("the loaders got %v and %v", first, second)
		}
		tookAbout(t, begin, 2*time.Second)
	})
}

// Close waits for a loader of many keys like for any other.
func TestCloseWaitsForABatch(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		var calls [][]string
		batch := manyLater(func() (map[string]int, error) {
			return memo.DoMany(c.With(context.Background()), []string{"a", "b"}, lasting(5*time.Second, &calls, 1))
		})
		synctest.Wait()
		begin := time.Now()
		must(t, c.Close(context.Background()))
		tookAbout(t, begin, 5*time.Second)
		found(t, map[string]int{"a": 1, "b": 1})(batch().values, nil)
	})
}

// A loader that nobody waits for is ended, and takes its time: Close waits for it too.
func TestCloseWaitsForABatchThatWasGivenUp(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		short, cancel := context.WithTimeout(c.With(context.Background()), time.Second)
		defer cancel()
		ended := false
		_, err := memo.DoMany(short, []string{"a", "b"}, func(ctx context.Context, _ []string) (map[string]int, error) {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			ended = true
			return nil, ctx.Err()
		})
		failed(t, err, context.DeadlineExceeded, "a", "b")
		time.Sleep(3 * time.Second) // beyond the grace
		must(t, c.Close(context.Background()))
		if !ended {
			t.Error("Close has returned, and the loader runs")
		}
	})
}

// One of the servers is away: what it holds is loaded with the rest, in one call.
func TestBatchWithAServerThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c")
		here, _ := f.process(t)
		between()
		ctx := here.With(context.Background())
		keys := keysOf("k", 60)
		for _, key := range keys[:30] {
			must(t, memo.Set(ctx, key, 1))
		}
		between()
		there, wire := f.process(t)
		between()
		wire.Inject(tiertest.Fault{Node: "b", Hang: true})
		var calls [][]string
		got, err := memo.DoMany(there.With(context.Background()), keys, lasting(time.Second, &calls, 2))
		if err != nil || len(got) != 60 || len(calls) != 1 {
			t.Errorf("%d values, %v, by %d calls of the loader", len(got), err, len(calls))
		}
	})
}

// Values past their time are refreshed behind their readers, in one call.
func TestBatchIsRefreshedBehindItsReaders(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		keys := keysOf("k", 20)
		var calls [][]string
		read := func(v int) map[string]int {
			got, err := memo.DoMany(ctx, keys, lasting(time.Second, &calls, v), memo.TTL(time.Minute), memo.Stale(time.Hour))
			must(t, err)
			return got
		}
		read(1)
		time.Sleep(2 * time.Minute)
		begin := time.Now()
		if got := read(2); got[keys[0]] != 1 || !time.Now().Equal(begin) {
			t.Errorf("waited for %v, and got %v", time.Since(begin), got)
		}
		time.Sleep(5 * time.Second)
		if got := read(3); got[keys[0]] != 2 || got[keys[19]] != 2 {
			t.Errorf("got %v", got)
		}
		if len(calls) != 2 || len(calls[1]) != 20 {
			t.Errorf("loaded %q", calls)
		}
		if n := c.Snapshot().Total; n.Refreshes != 1 || n.Runs != 2 || n.Stale != 20 {
			t.Errorf("counted %+v", n)
		}
	})
}

// Two batches of one request that share keys wait for each other in L1:
//
//  1. batch 1 leads a in the request's memory, and batch 2 leads b
//  2. batch 1 waits for the other's b, and batch 2 for the other's a
//  3. the loaders would run when those are there
func TestBatchesOfOneRequestDoNotWaitInACircle(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		for range 50 {
			ctx, end := c.Begin(context.Background())
			begin := time.Now()
			var calls [][]string
			load := lasting(time.Second, &calls, 1)
			one := manyLater(func() (map[string]int, error) { return memo.DoMany(ctx, []string{"a", "b"}, load) })
			two := manyLater(func() (map[string]int, error) { return memo.DoMany(ctx, []string{"b", "a"}, load) })
			found(t, map[string]int{"a": 1, "b": 1})(one().values, nil)
			found(t, map[string]int{"a": 1, "b": 1})(two().values, nil)
			tookAbout(t, begin, time.Second)
			if loaded := slices.Concat(calls...); len(loaded) != 2 {
				t.Fatalf("loaded %q, want each once", loaded)
			}
			end()
			must(t, c.InvalidateAll(context.Background()))
		}
	})
}

// A key of which as many loads run as may, because it is invalidated again and again,
// queues; the others do not wait for its turn.
func TestBatchDoesNotHoldUpItsKeysForOneThatQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(context.Background())
		var others []func() int
		for range 4 {
			others = append(others, later(t, func() (int, error) {
				return memo.Do(ctx, "busy", func(context.Context) (int, error) { time.Sleep(10 * time.Second); return 0, nil })
			}))
			synctest.Wait()
			must(t, memo.Invalidate(ctx, "busy"))
		}
		var calls [][]string
		batch := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a", "busy", "b"}, lasting(time.Second, &calls, 1))
		})
		time.Sleep(2 * time.Second)
		hit(t, 1)(memo.Get[int](ctx, "a"))
		found(t, map[string]int{"a": 1, "b": 1, "busy": 1})(batch().values, nil)
		for _, wait := range others {
			wait()
		}
	})
}

// One look asks for the markers of all, then for the counter, then for the values: what
// stands in a place has to be there after the counter was read.
func TestLookOfABatchIsInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t)
		between()
		var asked []string
		remove := wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:", Times: 1,
			Before: func(_ context.Context, _ tiertest.Op, keys []string) { asked = slices.Clone(keys) }})
		defer remove()
		var calls [][]string
		_, err := memo.DoMany(c.With(context.Background()), []string{"user:1", "user:2", "post:1"}, lasting(0, &calls, 1), memo.Tags("tag"))
		must(t, err)
		kinds := map[string]int{}
		order := ""
		for _, key := range asked {
			kind := "m"
			switch {
			case key == "t:seq":
				kind = "s"
			case strings.HasPrefix(key, "t:v:"):
				kind = "v"
			}
			kinds[key]++
			order += kind
		}
		if order != "mmmsvvv" || len(kinds) != len(asked) {
			t.Errorf("asked for %q", asked)
		}
	})
}

// A panic of a user's tier on the way down, on one of the batch's goroutines, is the
// caller's panic, and holds up nobody.
func TestPanicOfALocalInABatch(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		panics := false
		var mu sync.Mutex
		v := visitor{func(place string) {
			mu.Lock()
			defer mu.Unlock()
			if panics && place == "Local.Get" {
				panics = false
				panic("the tier's own")
			}
		}}
		c, _ := f.process(t, cfg, func(cfg *memo.Config) { cfg.Local = visitedLocal{lru.New(100), v} })
		ctx := c.With(context.Background())
		var calls [][]string
		mu.Lock()
		panics = true
		mu.Unlock()
		batch := manyLater(func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 1))
		})
		if got := batch(); got.panic != "the tier's own" {
			t.Errorf("got %v", got)
		}
		found(t, map[string]int{"a": 1, "b": 1, "c": 1})(memo.DoMany(ctx, []string{"a", "b", "c"}, lasting(time.Second, &calls, 1)))
	})
}

// Unless is asked for each key: those for which it is true touch no tier.
func TestDoManyUnless(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		rows := newRowset("a", "secret", "b")
		unless := memo.UnlessFunc(func(_ context.Context, key string) bool { return key == "secret" })
		for range 2 {
			found(t, map[string]int{"a": 1, "secret": 2, "b": 3})(memo.DoMany(ctx, []string{"a", "secret", "b"}, rows.find, unless))
		}
		rows.asked(t, []string{"a", "b"}, []string{"secret"}, []string{"secret"})
		if n := c.Snapshot().Total; n.Bypass != 2 || n.Runs != 1 {
			t.Errorf("counted %+v", n)
		}
	})
}
