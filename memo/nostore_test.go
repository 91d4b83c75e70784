package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// NoStore and SkipNil: what is returned to those who wait, and kept for nobody else.

// unstored are the ways to say it, and the value that is not stored.
var unstored = map[string]struct {
	value *int
	opts  []memo.Option
	amend []memo.Option
}{
	"NoStore":           {new(int), []memo.Option{memo.NoStore()}, nil},
	"NoStore, by Amend": {new(int), nil, []memo.Option{memo.NoStore()}},
	"SkipNil":           {nil, []memo.Option{memo.SkipNil()}, nil},
}

func TestWhatIsNotStoredIsTheRequestsAlone(t *testing.T) {
	t.Parallel()
	for name, c := range unstored {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, local, runs := newFleet(), lru.New(10), 0
				here, _ := f.process(t, slowPoll, inspected(local))
				there, _ := f.process(t, slowPoll)
				load := func(ctx context.Context) (*int, error) {
					memo.Amend(ctx, c.amend...)
					time.Sleep(100 * time.Millisecond)
					runs++
					return c.value, nil
				}
				begin := time.Now()
				for want, cache := range []*memo.Cache{here, here, there} {
					request, end := cache.Begin(context.Background())
					for range 3 {
						if v, err := memo.Do(request, "k", load, c.opts...); v != c.value || err != nil {
							t.Errorf("%v, %v, want what was loaded", v, err)
						}
						if runs != want+1 {
							t.Errorf("%d loads in %d requests", runs, want+1)
						}
					}
					end()
					f.stored(t, "k", local, false, false)
				}
				if took := time.Since(begin); took > 300*time.Millisecond {
					t.Errorf("three loads of 100ms took %v: somebody waited for a lease", took)
				}
			})
		})
	}
}

// As any other result it takes the place of what was there: nobody is served that from now
// on, in its Stale window neither.
func TestWhatIsNotStoredEndsWhatWasThere(t *testing.T) {
	t.Parallel()
	for name, c := range unstored {
		for _, verb := range []string{"Do", "Refresh", "a refresh behind the reader"} {
			t.Run(name+", "+verb, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f, local := newFleet(), lru.New(10)
					here, _ := f.process(t, inspected(local))
					ctx, old := here.With(context.Background()), new(int)
					keep := []memo.Option{memo.TTL(ttl), memo.StaleIfError(time.Hour)}
					if verb != "Do" {
						keep = append(keep, memo.Stale(time.Hour))
					}
					_, err := memo.Do(ctx, "k", func(context.Context) (*int, error) { return old, nil }, keep...)
					must(t, err)
					f.stored(t, "k", local, true, true)
					if verb != "Refresh" {
						time.Sleep(over)
					}
					do := memo.Do[*int]
					if verb == "Refresh" {
						do = memo.Refresh[*int]
					}
					_, err = do(ctx, "k", func(ctx context.Context) (*int, error) {
						memo.Amend(ctx, c.amend...)
						return c.value, nil
					}, c.opts...)
					must(t, err)
					synctest.Wait()
					f.stored(t, "k", local, false, false)
				})
			})
		}
	}
}

// Who knows beforehand that nobody else gets the value does not wait for others, and lets
// nobody wait.
func TestCallWithNoStoreWaitsForNoLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		fn, begun, release := f.db.held("k")
		loading := later(t, func() (int, error) { return memo.Do(there.With(context.Background()), "k", fn) })
		<-begun
		begin := time.Now()
		hit(t, 0)(f.db.do(t, here.With(context.Background()), "k", memo.NoStore()), nil)
		if took := time.Since(begin); took > 0 {
			t.Errorf("waited %v for another process's load", took)
		}
		close(release)
		loading()
		if v, err := memo.Get[int](there.With(context.Background()), "k"); v != 0 || err != nil {
			t.Errorf("the load beside it: %d, %v, want what it stored", v, err)
		}
		hit(t, 0)(f.db.do(t, here.With(context.Background()), "k", memo.NoStore()), nil) // looks, and finds that
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want 2", n)
		}
	})
}

func TestCallWithNoStoreLetsNobodyWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		fn, begun, release := f.db.held("k")
		loading := later(t, func() (int, error) { return memo.Do(here.With(context.Background()), "k", fn, memo.NoStore()) })
		<-begun
		begin := time.Now()
		f.db.do(t, there.With(context.Background()), "k")
		if took := time.Since(begin); took > 0 {
			t.Errorf("another process waited %v for what it does not get", took)
		}
		close(release)
		loading()
		if !f.item(t, "t:v:k").Found() {
			t.Error("what the other process stored is gone")
		}
	})
}

// 1. a value is past its time, and another process has the lock of its refresh
// 2. a loader, which takes nothing stale, asks for it with NoStore
func TestCallWithNoStoreWaitsForNoRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		stale := []memo.Option{memo.TTL(ttl), memo.Stale(time.Hour)}
		f.db.do(t, there.With(context.Background()), "k", stale...)
		time.Sleep(over)
		fn, begun, release := f.db.held("k")
		_, err := memo.Do(there.With(context.Background()), "k", fn, stale...)
		must(t, err)
		<-begun
		begin := time.Now()
		_, err = memo.Do(here.With(context.Background()), "whole", func(ctx context.Context) (int, error) {
			return f.db.do(t, ctx, "k", memo.NoStore()), nil
		})
		must(t, err)
		if took := time.Since(begin); took > 0 {
			t.Errorf("waited %v for another process's refresh", took)
		}
		close(release)
	})
}

func TestNegativeIsTheRequestsAloneWithNoStore(t *testing.T) {
	t.Parallel()
	for _, amended := range []bool{false, true} {
		aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
			r := &table{empty: true}
			request, end := c.Begin(context.Background())
			defer end()
			for _, ctx := range []context.Context{request, request, c.With(context.Background())} {
				opts := []memo.Option{memo.NegativeTTL(time.Hour)}
				if !amended {
					opts = append(opts, memo.NoStore())
				}
				absent[int](t)(memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
					if amended {
						memo.Amend(ctx, memo.NoStore())
					}
					return r.read(ctx)
				}, opts...))
			}
			r.ran(t, 2)
		})
	}
}

func TestSetOfWhatIsNotStoredInvalidates(t *testing.T) {
	t.Parallel()
	for name, c := range unstored {
		if c.amend != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, local := newFleet(), lru.New(10)
				here, _ := f.process(t, inspected(local))
				there, _ := f.process(t)
				request, end := here.Begin(context.Background())
				defer end()
				load := func(context.Context) (*int, error) { return new(int), nil }
				for _, ctx := range []context.Context{request, there.With(context.Background())} {
					_, err := memo.Do(ctx, "k", load)
					must(t, err)
				}
				if added, err := memo.Add(request, "k", c.value, c.opts...); added || err != nil {
					t.Errorf("Add: %t, %v", added, err)
				}
				if added, err := memo.Add(request, "new", c.value, c.opts...); added || err != nil {
					t.Errorf("Add of what is not there: %t, %v", added, err)
				}
				f.stored(t, "k", local, true, true)
				f.stored(t, "new", local, false, false)

				must(t, memo.Set(request, "k", c.value, c.opts...))
				f.stored(t, "k", local, false, false)
				if v, err := memo.Get[*int](request, "k"); v != c.value || err != nil {
					t.Errorf("the request gets %v, %v, want what it set", v, err)
				}
				time.Sleep(aPoll)
				if v, err := memo.Get[*int](there.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("another process gets %v, %v", v, err)
				}
			})
		})
	}
}

// skipped fails unless a nil of type V is loaded each time, and anything else is kept.
func skipped[V any](t *testing.T, none, some V) {
	t.Helper()
	t.Run(fmt.Sprintf("%T", some), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, local, runs := newFleet(), lru.New(10), 0
			c, _ := f.process(t, slowPoll, inspected(local))
			ctx := c.With(context.Background())
			for key, v := range map[string]V{"none": none, "some": some} {
				for range 2 {
					_, err := memo.Do(ctx, key, func(context.Context) (V, error) { runs++; return v, nil }, memo.SkipNil())
					must(t, err)
				}
			}
			if runs != 3 {
				t.Errorf("%d loads, want two of nil and one", runs)
			}
			if local.Peek("none") != nil || local.Peek("some") == nil {
				t.Error("L2 has a nil, or nothing else")
			}
			if f.item(t, "t:v:none").Found() {
				t.Error("the shared tier has the nil")
			}
		})
	})
}

func TestSkipNilKnowsNils(t *testing.T) {
	t.Parallel()
	skipped(t, nil, new(int))
	skipped(t, nil, map[string]int{})
	skipped(t, nil, []int{})
	skipped(t, nil, func() {})
	skipped(t, nil, make(chan int))
	skipped(t, nil, any(7))
	skipped(t, any([]int(nil)), any([]int{}))
	skipped[error](t, (*memo.TierError)(nil), errors.New("some"))
}

func TestSkipNilOfWhatIsNeverNil(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	ran := false
	for verb, call := range map[string]func() error{
		"Do": func() error {
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { ran = true; return 7, nil }, memo.SkipNil())
			return err
		},
		"Set": func() error { return memo.Set(ctx, "k", user{}, memo.SkipNil()) },
	} {
		var misuse *memo.UsageError
		if err := call(); !errors.As(err, &misuse) || misuse.Op != verb || misuse.Fix == "" {
			t.Errorf("%s: %v, want a *UsageError", verb, err)
		}
	}
	if ran {
		t.Error("the loader ran")
	}

	// For all types of a cache it means those that can be nil.
	general := newCache(t, memo.Config{}, memo.SkipNil())
	ctx = general.With(context.Background())
	runs := 0
	for range 2 {
		_, err := memo.Do(ctx, "number", func(context.Context) (int, error) { runs++; return 0, nil })
		must(t, err)
		_, err = memo.Do(ctx, "pointer", func(context.Context) (*int, error) { runs++; return nil, nil })
		must(t, err)
	}
	if runs != 3 {
		t.Errorf("%d loads, want one of the number and two of the nil", runs)
	}
	var misuse *memo.UsageError
	if _, err := memo.Do(ctx, "new", loadNumber, memo.SkipNil()); !errors.As(err, &misuse) {
		t.Errorf("by a call it is refused there, too: %v", err)
	}
}

// Against a real server: two runs, and neither a value nor a lease.
func TestSkippedNilLeavesNothingInMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	watch := dial(t, server)
	defer watch.Close()
	runs := 0
	for range 2 {
		c := newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)}))
		v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (*user, error) { runs++; return nil, nil }, memo.SkipNil())
		if v != nil || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	}
	items := make([]tier.Item, 1)
	must(t, watch.Nodes()[0].GetMulti(context.Background(), []string{"t:v:k"}, items))
	if items[0].Found() || runs != 2 {
		t.Errorf("%d runs, and memcached has %q", runs, items[0].Value)
	}
}
