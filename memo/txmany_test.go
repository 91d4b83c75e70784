package memo_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
)

// Batches in a transaction: see tx_race_test.go for what single reads must not do.
func TestBatchesInATransactionReachNobodyElse(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		outer := opens(t, c)(context.Background())
		db.do(t, outer, "cached")
		ctx, tx := memo.BeginTx(outer)
		x := db.begin()
		for _, key := range []string{"cached", "a", "b"} {
			x.write(key)
		}
		calls := 0
		load := func(_ context.Context, missing []string) (map[string]int, error) {
			calls++
			values := map[string]int{}
			for _, key := range missing {
				if key != "absent" {
					values[key] = x.rows[key]
				}
			}
			return values, nil
		}
		all := []string{"cached", "a", "b", "absent"}
		is := func(when string, wantCached, wantCalls int) {
			t.Helper()
			got, err := memo.DoMany(ctx, all, load, memo.NegativeTTL(patience))
			if err != nil || len(got) != 3 || got["a"] != 1 || got["b"] != 1 || got["cached"] != wantCached || calls != wantCalls {
				t.Errorf("%s: %v, %v after %d calls", when, got, err, calls)
			}
		}
		is("before the first write", 0, 1)
		is("again", 0, 1)
		must(t, memo.Invalidate(ctx, "a"))
		is("after it", 1, 2) // a and cached; b is remembered
		is("and again", 1, 2)
		for _, key := range all[1:] {
			if v, err := memo.Get[int](outer, key); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("%s: %d, %v was stored", key, v, err)
			}
		}
		var self func(ctx context.Context, missing []string) (map[string]int, error)
		self = func(ctx context.Context, missing []string) (map[string]int, error) {
			return memo.DoMany(ctx, missing, self)
		}
		if _, err := memo.DoMany(ctx, []string{"x", "y"}, self); !errors.Is(err, memo.ErrRecursive) {
			t.Errorf("a loader that asks for its own keys: %v, want ErrRecursive", err)
		}
		tx.Discard()
	})
}

// Two goroutines of one transaction ask for sets that share keys: each key is loaded once.
func TestBatchesOfATransactionShareItsLoads(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(name string, load func(ctx context.Context, missing []string) (map[string]int, error)) *memo.Func[string, int]{
		"a loader of many": func(name string, load func(ctx context.Context, missing []string) (map[string]int, error)) *memo.Func[string, int] {
			return memo.NewBatchFunc(nil, name, load)
		},
		"a loader of one": func(name string, load func(ctx context.Context, missing []string) (map[string]int, error)) *memo.Func[string, int] {
			return memo.NewFunc(nil, name, func(ctx context.Context, key string) (int, error) {
				values, err := load(ctx, []string{key})
				return values[key], err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, memo.Config{})
				ctx, tx := memo.BeginTx(c.With(context.Background()))
				defer tx.Discard()
				var mu sync.Mutex
				runs, release := map[string]int{}, make(chan struct{})
				f := of("f", func(_ context.Context, missing []string) (map[string]int, error) {
					mu.Lock()
					values := map[string]int{}
					for _, key := range missing {
						runs[key]++
						values[key] = len(key)
					}
					mu.Unlock()
					<-release
					return values, nil
				})
				sets := [][]string{{"a", "bb", "ccc"}, {"ccc", "bb", "dddd"}, {"dddd", "a"}}
				var all sync.WaitGroup
				for _, set := range sets {
					all.Go(func() {
						values, err := f.DoMany(ctx, set)
						if err != nil || len(values) != len(set) {
							t.Errorf("%v: %v, %v", set, values, err)
						}
						for key, v := range values {
							if v != len(key) {
								t.Errorf("%s is %d", key, v)
							}
						}
					})
				}
				all.Go(func() { hit(t, 2)(f.Do(ctx, "bb")) })
				synctest.Wait()
				close(release)
				all.Wait()
				for key, n := range runs {
					if n != 1 {
						t.Errorf("%s was loaded %d times", key, n)
					}
				}
				if s := c.Snapshot().Total; s.Calls != 9 || s.Bypass != 4 || s.Joined+s.L1 != 5 {
					t.Errorf("counted %+v", s)
				}
			})
		})
	}
}

// Two batches of one transaction, each with a loader that asks for a key of the other: one of
// them is told, whichever key it is, and nobody waits for ever.
func TestBatchesOfATransactionThatNeedEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, asked := range [][2]string{{"a1", "b1"}, {"a2", "b2"}, {"a1", "b3"}, {"a3", "b3"}} {
			c := newCache(t, memo.Config{})
			ctx, tx := memo.BeginTx(c.With(context.Background()))
			var both sync.WaitGroup
			both.Add(2)
			errs := make(chan error, 2)
			load := func(other string) func(context.Context, []string) (map[string]int, error) {
				return func(ctx context.Context, missing []string) (map[string]int, error) {
					both.Done()
					both.Wait()
					_, err := memo.Do(ctx, other, loadNumber)
					return map[string]int{}, err
				}
			}
			for i, set := range [][]string{{"a1", "a2", "a3"}, {"b1", "b2", "b3"}} {
				go func() {
					_, err := memo.DoMany(ctx, set, load(asked[1-i]))
					errs <- err
				}()
			}
			if a, b := <-errs, <-errs; !errors.Is(a, memo.ErrRecursive) && !errors.Is(b, memo.ErrRecursive) {
				t.Errorf("%v: %v and %v, want an ErrRecursive", asked, a, b)
			}
			tx.Discard()
		}
	})
}

// A loader that does not return ends as it would without a cache; who waits for its keys is
// told, they are free, and every key is counted once.
func TestBatchOfATransactionThatPanics(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){
		"panic":  func() { panic(http.ErrAbortHandler) },
		"Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, keys := range [][]string{{"a", "b", "c"}, {"c"}} {
					c := newCache(t, memo.Config{})
					outer := c.With(context.Background())
					hit(t, 1<<30)(memo.Do(outer, "c", loadNumber))
					must(t, c.Invalidate(outer, "c"))
					ctx, tx := memo.BeginTx(outer)
					begun, release, ended := make(chan struct{}), make(chan struct{}), make(chan any, 1)
					go func() {
						defer func() { ended <- recover() }()
						_, _ = memo.DoMany(ctx, keys, func(context.Context, []string) (map[string]int, error) {
							close(begun)
							<-release
							end()
							return nil, nil
						}, memo.BatchSize(2))
					}()
					<-begun
					waiter := make(chan error, 1)
					go func() { _, err := memo.Do(ctx, keys[0], loadNumber); waiter <- err }()
					synctest.Wait()
					close(release)
					if p := <-ended; name == "panic" && p != http.ErrAbortHandler {
						t.Errorf("the leader panics with %v", p)
					}
					if err := <-waiter; !errors.As(err, new(*memo.PanicError)) {
						t.Errorf("who waits gets %v, want a *PanicError", err)
					}
					if s := c.Snapshot().Total; s.Bypass != uint64(len(keys)) || s.Calls != uint64(len(keys))+2 {
						t.Errorf("%q: counted %+v", keys, s)
					}
					for _, key := range keys {
						hit(t, 1<<30)(memo.Do(ctx, key, loadNumber)) // the keys are free
					}
					tx.Discard()
				}
			})
		})
	}
}

// What a forced load does not find any more is not remembered either.
func TestRowThatIsGoneIsGoneInItsTransaction(t *testing.T) {
	t.Parallel()
	gone := func(context.Context) (int, error) { return 0, memo.ErrNotFound }
	for name, read := range map[string]func(ctx context.Context) error{
		"Refresh":       func(ctx context.Context) error { _, err := memo.Refresh(ctx, "k", gone); return err },
		"Do with Fresh": func(ctx context.Context) error { _, err := memo.Do(memo.Fresh(ctx), "k", gone); return err },
		"DoMany with Fresh": func(ctx context.Context) error {
			values, err := memo.DoMany(memo.Fresh(ctx), []string{"k"}, func(context.Context, []string) (map[string]int, error) { return nil, nil })
			if len(values) == 0 && err == nil {
				return memo.ErrNotFound
			}
			return err
		},
	} {
		ctx, tx := memo.BeginTx(newCache(t, memo.Config{}).With(context.Background()))
		hit(t, 1<<30)(memo.Do(ctx, "k", loadNumber))
		if err := read(ctx); !errors.Is(err, memo.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
		if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("after a %s that found nothing: %d, %v", name, v, err)
		}
		tx.Discard()
	}
}

// What a batch has found when its ctx ended is its caller's own, and a loader that asks anew
// for its own keys is told.
func TestBatchOfATransactionThatIsCutShort(t *testing.T) {
	t.Parallel()
	ctx, tx := memo.BeginTx(newCache(t, memo.Config{}).With(context.Background()))
	defer tx.Discard()
	gone, leave := context.WithCancel(ctx)
	_, _ = memo.DoMany(gone, []string{"k"}, func(context.Context, []string) (map[string]int, error) {
		leave()
		return map[string]int{"k": 1}, nil
	})
	if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("%d, %v is remembered of a batch that was cut short", v, err)
	}
	depth := 0
	var self func(ctx context.Context, missing []string) (map[string]int, error)
	self = func(ctx context.Context, missing []string) (map[string]int, error) {
		if depth++; depth > 2 {
			return nil, nil
		}
		return memo.DoMany(memo.Fresh(ctx), missing, self)
	}
	if _, err := memo.DoMany(memo.Fresh(ctx), []string{"x", "y"}, self); !errors.Is(err, memo.ErrRecursive) {
		t.Errorf("under Fresh: %v, want ErrRecursive", err)
	}
}
