package memo_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Which tiers have a value after a call with LocalOnly or SharedOnly.

// inspected gives a process a process tier that the test looks into.
func inspected(l *lru.Cache) func(*memo.Config) {
	return func(cfg *memo.Config) { cfg.Local = l }
}

// stored fails unless L2 and the shared tier have key or not, as said: a value, or a
// lease that was left behind.
func (f *fleet) stored(t *testing.T, key string, l *lru.Cache, inL2, inL3 bool) {
	t.Helper()
	if e := l.Peek(key); (e != nil) != inL2 {
		t.Errorf("L2 has %q: %t, want %t", key, e != nil, inL2)
	}
	if found := f.item(t, "t:v:"+key).Found(); found != inL3 {
		t.Errorf("the shared tier has %q: %t, want %t", key, found, inL3)
	}
}

// stores are the ways in which a value of the database gets into the tiers.
var stores = map[string]func(t *testing.T, db *database, ctx context.Context, opts ...memo.Option){
	"Do": func(t *testing.T, db *database, ctx context.Context, opts ...memo.Option) {
		db.do(t, ctx, "k", opts...)
	},
	"Refresh": func(t *testing.T, db *database, ctx context.Context, opts ...memo.Option) {
		_, err := db.refresh(ctx, "k", opts...)
		must(t, err)
	},
	"Set": func(t *testing.T, db *database, ctx context.Context, opts ...memo.Option) {
		must(t, memo.Set(ctx, "k", db.read("k"), opts...))
	},
	"Add": func(t *testing.T, db *database, ctx context.Context, opts ...memo.Option) {
		if added, err := memo.Add(ctx, "k", db.read("k"), opts...); !added || err != nil {
			t.Errorf("Add: %t, %v", added, err)
		}
	},
}

func TestWhichTiersKeepAValue(t *testing.T) {
	t.Parallel()
	for verb, store := range stores {
		for _, c := range []struct {
			name       string
			inNew      []memo.Option
			opts       []memo.Option
			inL2, inL3 bool
		}{
			{"as ever", nil, nil, true, true},
			{"LocalOnly", nil, []memo.Option{memo.LocalOnly()}, true, false},
			{"SharedOnly", nil, []memo.Option{memo.SharedOnly()}, false, true},
			{"LocalOnly for all", []memo.Option{memo.LocalOnly()}, nil, true, false},
			{"SharedOnly for all", []memo.Option{memo.SharedOnly()}, nil, false, true},
			{"the nearer one wins", []memo.Option{memo.LocalOnly()}, []memo.Option{memo.SharedOnly()}, false, true},
			{"the nearer one wins, the other way round", []memo.Option{memo.SharedOnly()}, []memo.Option{memo.LocalOnly()}, true, false},
			{"a nearer LocalTTL", []memo.Option{memo.SharedOnly()}, []memo.Option{memo.LocalTTL(time.Second)}, true, true},
			{"a nearer place than none", []memo.Option{memo.NoStore()}, []memo.Option{memo.LocalOnly()}, true, false},
		} {
			t.Run(verb+", "+c.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f, local := newFleet(), lru.New(10)
					own := tiertest.NewFaulty(f.store)
					here := newCache(t, memo.Config{Prefix: "t", Shared: own, Local: local}, c.inNew...)
					_, _ = memo.Get[int](here.With(context.Background()), "first") // the poller has been there
					there, _ := f.process(t)
					request, end := here.Begin(context.Background())
					defer end()
					f.db.write("k")
					store(t, f.db, request, c.opts...)
					f.stored(t, "k", local, c.inL2, c.inL3)
					if v, ok := memo.Peek[int](request, "k"); v != 1 || !ok {
						t.Errorf("the request has %d, %t", v, ok)
					}
					if v, err := memo.Get[int](there.With(context.Background()), "k"); (err == nil) != c.inL3 || err != nil && !errors.Is(err, memo.ErrMiss) {
						t.Errorf("another process gets %d, %v", v, err)
					}

					// Whoever invalidates need not know where it is.
					f.db.write("k")
					must(t, there.Invalidate(context.Background(), "k"))
					time.Sleep(aPoll)
					if v := f.db.do(t, here.With(context.Background()), "k", c.opts...); v != 2 {
						t.Errorf("version %d after an invalidation by another process, want 2", v)
					}
				})
			})
		}
	}
}

func TestTagsAndTreesReachWhatIsLocalOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		key := memo.Key("user", 7)
		for want, invalidate := range []func(context.Context) error{
			func(context.Context) error { return nil },
			func(ctx context.Context) error { return there.InvalidateTags(ctx, "users") },
			func(ctx context.Context) error { return there.InvalidateTree(ctx, memo.Key("user")) },
			there.InvalidateAll,
			func(ctx context.Context) error { return there.Expire(ctx, key) },
		} {
			must(t, invalidate(context.Background()))
			time.Sleep(aPoll)
			for range 2 {
				hit(t, want)(f.db.do(t, here.With(context.Background()), key, memo.LocalOnly(), memo.Tags("users")), nil)
			}
			if f.db.write(key); f.db.queries(key) != want+1 {
				t.Errorf("%d loads, want %d", f.db.queries(key), want+1)
			}
		}
	})
}

// Each process loads for itself: it does not ask the shared tier, and waits for nobody.
func TestLocalOnlyAsksTheSharedTierForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		f.db.do(t, there.With(context.Background()), "k")
		item, calls := f.item(t, "t:v:k"), wire.Calls("")
		f.db.write("k")
		hit(t, 1)(f.db.do(t, here.With(context.Background()), "k", memo.LocalOnly()), nil)
		if n := wire.Calls("") - calls; n != 0 {
			t.Errorf("%d calls of the shared tier", n)
		}
		if now := f.item(t, "t:v:k"); now.CAS != item.CAS {
			t.Error("a load changed what the others have")
		}
	})
}

// Get has no options, and those of New.
func TestGetOfWhatIsLocalOnlyAsksTheSharedTierForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "k")
		wire := tiertest.NewFaulty(f.store)
		here := newCache(t, slowly(memo.Config{Prefix: "t", Shared: wire}), memo.LocalOnly())
		ctx := here.With(context.Background())
		f.db.do(t, ctx, "first")
		calls := wire.Calls("")
		if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) || wire.Calls("") != calls {
			t.Errorf("%d, %v after %d calls of the shared tier", v, err, wire.Calls("")-calls)
		}
	})
}

// slowly is slowPoll.
func slowly(cfg memo.Config) memo.Config { slowPoll(&cfg); return cfg }

func TestSetOfLocalOnlyForgetsWhatTheOthersHave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		hit(t, 0)(f.db.do(t, there.With(context.Background()), "k"), nil)
		f.db.write("k")
		must(t, memo.Set(here.With(context.Background()), "k", 1, memo.LocalOnly()))
		if f.item(t, "t:v:k").Found() {
			t.Error("the shared tier has the old value")
		}
		time.Sleep(aPoll)
		for _, ctx := range readers(here, there) {
			hit(t, 1)(f.db.do(t, ctx, "k"), nil)
		}
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want 2: what was set is here", n)
		}
	})
}

// It says that there is nothing, and need not know what there was.
func TestSetOfLocalOnlyReadsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, wire := newFleet().process(t, slowPoll)
		calls := wire.Calls(tiertest.OpGetMulti)
		must(t, memo.Set(c.With(context.Background()), "k", 1, memo.LocalOnly()))
		if n := wire.Calls(tiertest.OpGetMulti) - calls; n != 0 {
			t.Errorf("%d reads", n)
		}
	})
}

func TestAddOfLocalOnlyLeavesWhatTheSharedTierHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		f.db.do(t, there.With(context.Background()), "k")
		item := f.item(t, "t:v:k")
		if added, err := memo.Add(here.With(context.Background()), "k", 7, memo.LocalOnly()); added || err != nil {
			t.Errorf("Add beside a value: %t, %v", added, err)
		}
		if now := f.item(t, "t:v:k"); now.CAS != item.CAS {
			t.Error("Add changed what is there")
		}
		for i, want := range []bool{true, false} {
			if added, err := memo.Add(here.With(context.Background()), "new", 7+i, memo.LocalOnly()); added != want || err != nil {
				t.Errorf("Add number %d: %t, %v", i, added, err)
			}
		}
		hit(t, 7)(memo.Get[int](here.With(context.Background()), "new"))
		if f.item(t, "t:v:new").Found() {
			t.Error("the shared tier has it")
		}
	})
}

// What the loader says by Amend is known when the lease is taken already. It is given
// back: another process that waits goes on when the loader ends, and not when it lapses.
func TestAmendedPlaceGivesTheLeaseBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		amend memo.Option
		opts  []memo.Option
		inL2  bool
	}{
		"LocalOnly":                   {memo.LocalOnly(), nil, true},
		"LocalOnly over SharedOnly":   {memo.LocalOnly(), []memo.Option{memo.SharedOnly()}, true},
		"NoStore":                     {memo.NoStore(), nil, false},
		"NoStore over LocalTTL, TTL":  {memo.NoStore(), []memo.Option{memo.LocalTTL(time.Second), memo.TTL(time.Hour)}, false},
		"NoStore, and tags beside it": {memo.NoStore(), []memo.Option{memo.Tags("a", "b")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, local := newFleet(), lru.New(10)
				here, _ := f.process(t, slowPoll, inspected(local))
				there, _ := f.process(t, slowPoll)
				load := func(ctx context.Context) (int, error) {
					memo.Amend(ctx, c.amend)
					time.Sleep(100 * time.Millisecond)
					return f.db.read("k"), nil
				}
				begin := time.Now()
				waits := []func() int{}
				for _, ctx := range append(readers(here, here), there.With(context.Background())) {
					waits = append(waits, later(t, func() (int, error) { return memo.Do(ctx, "k", load, c.opts...) }))
					synctest.Wait()
				}
				for _, wait := range waits {
					hit(t, 0)(wait(), nil)
				}
				if took := time.Since(begin); took > 260*time.Millisecond {
					t.Errorf("the other process had waited %v for two loads of 100ms", took)
				}
				if n := f.db.queries("k"); n != 2 {
					t.Errorf("%d loads, want one of each process: who waits for a load gets its value", n)
				}
				f.stored(t, "k", local, c.inL2, false)
			})
		})
	}
}

// A type that has no form in bytes is at home there.
func TestLocalOnlyIsForWhatHasNoForm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, log := newFleet(), &diary{}
		c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.StrictTypes, cfg.Logger = true, log.logger() })
		ctx := c.With(context.Background())
		type compiled struct{ re *regexp.Regexp }
		compile := func(context.Context) (*compiled, error) { return &compiled{regexp.MustCompile("a+")}, nil }
		first, err := memo.Do(ctx, "re", compile, memo.LocalOnly())
		must(t, err)
		again, err := memo.Do(ctx, "re", compile, memo.LocalOnly())
		if err != nil || again != first {
			t.Errorf("%v, %v, want the first one", again, err)
		}
		must(t, memo.Set(ctx, "re", &compiled{}, memo.LocalOnly()))
		synctest.Wait()
		if said := log.String(); said != "" {
			t.Errorf("the log says %s", said)
		}
		var misuse *memo.UsageError
		if _, err := memo.Do(ctx, "shared", compile); !errors.As(err, &misuse) {
			t.Errorf("without LocalOnly: %v, want a *UsageError", err)
		}
	})
}
