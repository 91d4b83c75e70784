package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Add: what counts as a value, and what as none. Who adds at once is in
// add_race_test.go.

// adds fails unless an Add of v to key under ctx ends with want, and without an error.
func adds(t *testing.T, what string, ctx context.Context, key string, v int, want bool, opts ...memo.Option) {
	t.Helper()
	if added, err := memo.Add(ctx, key, v, opts...); added != want || err != nil {
		t.Errorf("%s: Add: %t, %v; want %t", what, added, err, want)
	}
}

// finds fails unless a Get of key under ctx finds v.
func finds(t *testing.T, what string, ctx context.Context, key string, v int) {
	t.Helper()
	if got, err := memo.Get[int](ctx, key); got != v || err != nil {
		t.Errorf("%s has %d, %v; want %d", what, got, err, v)
	}
}

func TestAddLeavesAValueThatIsThere(t *testing.T) {
	t.Parallel()
	for where, store := range map[string]func(t *testing.T, f *fleet, here, there context.Context){
		"L2":                  func(t *testing.T, f *fleet, here, _ context.Context) { f.db.do(t, here, "k") },
		"L3":                  func(t *testing.T, f *fleet, _, there context.Context) { f.db.do(t, there, "k") },
		"L3, with a tag":      func(t *testing.T, f *fleet, _, there context.Context) { f.db.tagged(t, there, "k", "tag") },
		"L3, another release": func(t *testing.T, f *fleet, _, there context.Context) { must(t, memo.Set(there, "k", "text")) },
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				here, _ := f.process(t)
				there, _ := f.process(t)
				request, end := here.Begin(context.Background())
				defer end()
				store(t, f, here.With(context.Background()), there.With(context.Background()))
				before := f.item(t, "t:v:k")
				adds(t, "there is a value", request, "k", 7, false)
				if after := f.item(t, "t:v:k"); after.CAS != before.CAS {
					t.Error("it was replaced in the shared tier")
				}
				time.Sleep(aPoll)
				if v, err := memo.Get[int](request, "k"); v == 7 {
					t.Errorf("the request reads what was not added: %v", err)
				}
			})
		})
	}
}

func TestAddTakesThePlaceOfWhatIsNoValue(t *testing.T) {
	t.Parallel()
	none := func(context.Context) (int, error) { return 0, memo.ErrNotFound }
	for what, prepare := range map[string]func(t *testing.T, f *fleet, ctx context.Context){
		"nothing": func(*testing.T, *fleet, context.Context) {},
		"a value past its time": func(t *testing.T, f *fleet, ctx context.Context) {
			f.db.do(t, ctx, "k", memo.TTL(time.Second), memo.Stale(time.Hour))
			time.Sleep(2 * time.Second)
		},
		"an expired value": func(t *testing.T, f *fleet, ctx context.Context) {
			f.db.do(t, ctx, "k", memo.StaleIfError(time.Hour))
			must(t, memo.Expire(ctx, "k"))
		},
		"a cached ErrNotFound": func(t *testing.T, f *fleet, ctx context.Context) {
			_, err := memo.Do(ctx, "k", none, memo.NegativeTTL(time.Hour))
			if !errors.Is(err, memo.ErrNotFound) {
				t.Error(err)
			}
		},
		"a value whose tag was invalidated": func(t *testing.T, f *fleet, ctx context.Context) {
			f.db.tagged(t, ctx, "k", "tag")
			must(t, memo.InvalidateTags(ctx, "tag"))
		},
	} {
		for _, where := range []string{"this process", "another process"} {
			t.Run(what+" of "+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					here, _ := f.process(t)
					there, _ := f.process(t)
					third, _ := f.process(t)
					from := here
					if where == "another process" {
						from = there
					}
					prepare(t, f, from.With(context.Background()))
					request, end := here.Begin(context.Background())
					defer end()
					adds(t, what, request, "k", 7, true)
					adds(t, "what was added", request, "k", 8, false)
					time.Sleep(aPoll)
					for name, ctx := range map[string]context.Context{"L1": request, "L2": here.With(context.Background()), "L3": third.With(context.Background()), "the other process": there.With(context.Background())} {
						finds(t, name, ctx, "k", 7)
					}
				})
			})
		}
	}
}

func TestG06_LoadInFlightDoesNotReplaceWhatIsAdded(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"this process", "another process"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			here, _ := f.process(t, slowPoll)
			loader := here
			if where == "another process" {
				loader, _ = f.process(t, slowPoll)
			}
			fn, begun, release := f.db.held("k")
			loaded := later(t, func() (int, error) { return memo.Do(loader.With(context.Background()), "k", fn) })
			<-begun
			synctest.Wait()
			begin := time.Now()
			adds(t, "a load of "+where, here.With(context.Background()), "k", 7, true)
			if took := time.Since(begin); took > 0 {
				t.Errorf("it waited %v for the load", took)
			}
			close(release)
			loaded()
			third, _ := f.process(t, slowPoll)
			for name, c := range map[string]*memo.Cache{"who added": here, "who loaded": loader, "L3": third} {
				finds(t, name, c.With(context.Background()), "k", 7)
			}
		})
	}
}

func TestG07_AddWithoutTheSharedTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		there, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "k")
		ctx := c.With(context.Background())
		remove := store.Inject(tiertest.Fault{Err: errDown})
		if added, err := memo.Add(ctx, "k", 7); !added || !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Add: %t, %v; want that this process's memory decides, and ErrDeferred", added, err)
		}
		adds(t, "what was added here", ctx, "k", 8, false)
		peeks(t, "L2", ctx, "k", 7)
		remove()
		time.Sleep(2 * time.Second)
		if v, err := memo.Get[int](there.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("the other process has %d, %v; want that it was told", v, err)
		}
	})
}

// The value was invalidated, and the shared tier has it still.
func TestAddWhereAnInvalidationWaits(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"key": func(c *memo.Cache) error { return c.Invalidate(context.Background(), "k") },
		"tag": func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "tag") },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			c, store := f.process(t)
			ctx := c.With(context.Background())
			f.db.tagged(t, ctx, "k", "tag")
			remove := store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete, tiertest.OpAdd, tiertest.OpCompareAndSwap}, Err: tier.ErrRefused})
			if err := invalidate(c); !errors.Is(err, memo.ErrDeferred) {
				t.Fatalf("%s: %v", name, err)
			}
			remove()
			adds(t, "an invalidated "+name, ctx, "k", 7, true)
		})
	}
}

func TestAddOfWhatTheSharedTierCannotHold(t *testing.T) {
	t.Parallel()
	type lossy struct {
		A int
		b int
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t)
		ctx := c.With(context.Background())
		for i, want := range []bool{true, false} {
			if added, err := memo.Add(ctx, "k", lossy{i, i}); added != want || err != nil {
				t.Errorf("Add number %d: %t, %v; want %t", i, added, err, want)
			}
		}
		if v, err := memo.Get[lossy](ctx, "k"); v != (lossy{0, 0}) || err != nil {
			t.Errorf("%+v, %v; want what was added", v, err)
		}
	})
}

func TestAddThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	var none context.Context
	for says, add := range map[string]func() (bool, error){
		"ctx is nil":     func() (bool, error) { return memo.Add(none, "k", 7) },
		"give it a name": func() (bool, error) { return memo.Add(ctx, "", 7) },
		"TTL of -1ns":    func() (bool, error) { return memo.Add(ctx, "k", 7, memo.TTL(-1)) },
	} {
		added, err := add()
		mistake(t, err, "Add", says)
		if added {
			t.Errorf("%s: it was added", says)
		}
	}
	if added, err := memo.Add(context.Background(), "k", 7); added || !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("without a cache: %t, %v", added, err)
	}
	must(t, c.Close(context.Background()))
	if added, err := memo.Add(ctx, "k", 7); added || !errors.Is(err, memo.ErrClosed) {
		t.Errorf("a closed cache: %t, %v", added, err)
	}
}
