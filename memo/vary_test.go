package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Vary: a smaller cache inside the cache, for every verb, in every tier and process.

// shop is a table that every tenant has a part of; noTenant is who names none.
type shop struct{ db *database }

const noTenant = ""

func of(ctx context.Context, tenant string) context.Context {
	if tenant == noTenant {
		return ctx
	}
	return memo.Vary(ctx, "tenant", tenant)
}

// read is a read of key by tenant, whose loader reads the tenant's row.
func (s shop) read(t *testing.T, ctx context.Context, tenant, key string, opts ...memo.Option) int {
	t.Helper()
	v, err := memo.Do(of(ctx, tenant), key, s.loader(tenant, key), opts...)
	if err != nil {
		t.Fatalf("%q reads %q: %v", tenant, key, err)
	}
	return v
}

func (s shop) loader(tenant, key string) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return s.db.read(tenant + "/" + key), nil }
}

func (s shop) loads(tenant, key string) int { return s.db.queries(tenant + "/" + key) }

// newShop gives each tenant's row a number of its own.
func newShop(db *database, key string) shop {
	for i, tenant := range []string{noTenant, "a", "b"} {
		for range 100 * (i + 1) {
			db.write(tenant + "/" + key)
		}
	}
	return shop{db}
}

func TestG12_VariedKeysAreOthersInEveryTier(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"user:7", "user", "~user:7", "~tenant=a:user:7"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				s := newShop(db, key)
				one, two := open(), open()
				for _, c := range []*memo.Cache{one, one, two} {
					request, end := c.Begin(context.Background())
					for _, ctx := range []context.Context{request, request, c.With(context.Background())} {
						for i, tenant := range []string{noTenant, "a", "b"} {
							want := 100 * (i + 1)
							if v := s.read(t, ctx, tenant, key); v != want {
								t.Errorf("%q reads %d, want %d", tenant, v, want)
							}
							hit(t, want)(memo.Get[int](of(ctx, tenant), key))
							if v, ok := memo.Peek[int](of(ctx, tenant), key); !ok || v != want {
								t.Errorf("%q peeks %d, %v, want %d", tenant, v, ok, want)
							}
						}
					}
					end()
				}
				for _, tenant := range []string{noTenant, "a", "b"} {
					if n := s.loads(tenant, key); n != 1 {
						t.Errorf("%d loads for %q, want 1", n, tenant)
					}
				}
			})
		})
	}
}

// A key that somebody writes by hand is not what a varied one is kept under: not for who
// varies nothing, and not for who is another tenant.
func TestG12_HandmadeKeyReachesNoTenant(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		s := newShop(db, "user:7")
		c := open()
		request, end := c.Begin(context.Background())
		defer end()
		both := []context.Context{request, c.With(context.Background())}
		for _, ctx := range both {
			s.read(t, ctx, "a", "user:7")
			s.read(t, memo.Vary(ctx, "lang", "de"), "a", "user:7")
		}
		for _, key := range []string{"~tenant=a:user:7", "~~tenant=a:user:7", "tenant=a:user:7", "~lang=de:~tenant=a:user:7", "~tenant=a:~lang=de:user:7"} {
			for _, ctx := range both {
				for _, under := range []context.Context{ctx, of(ctx, "b")} {
					if _, err := memo.Get[int](under, key); !errors.Is(err, memo.ErrMiss) {
						t.Errorf("Get(%q): %v, want a miss", key, err)
					}
					if v, ok := memo.Peek[int](under, key); ok {
						t.Errorf("Peek(%q) finds %d", key, v)
					}
					if _, err := memo.Do(under, key, func(context.Context) (int, error) { return 0, errDown }); !errors.Is(err, errDown) {
						t.Errorf("Do(%q): %v, want the loader's error", key, err)
					}
					must(t, memo.Invalidate(under, key))
					must(t, memo.InvalidateTree(under, key))
				}
			}
		}
		must(t, memo.InvalidateTree(c.With(context.Background()), "~tenant=a"))
		for _, ctx := range both {
			if v := s.read(t, ctx, "a", "user:7"); v != 200 || s.loads("a", "user:7") != 2 { // one under lang
				t.Errorf("version %d after %d loads: a handmade key was a tenant's", v, s.loads("a", "user:7"))
			}
		}
	})
}

// variedWrites forget what key and tag stand for, or expire it, or give it the version v.
var variedWrites = map[string]func(ctx context.Context, s shop, tenant string, v int) error{
	"Invalidate":     func(ctx context.Context, _ shop, _ string, _ int) error { return memo.Invalidate(ctx, "user:7") },
	"InvalidateTags": func(ctx context.Context, _ shop, _ string, _ int) error { return memo.InvalidateTags(ctx, "tag") },
	"InvalidateTags of Amend": func(ctx context.Context, _ shop, _ string, _ int) error {
		return memo.InvalidateTags(ctx, "amended")
	},
	"InvalidateTags of New": func(ctx context.Context, _ shop, _ string, _ int) error {
		return memo.InvalidateTags(ctx, "all")
	},
	"InvalidateTree": func(ctx context.Context, _ shop, _ string, _ int) error { return memo.InvalidateTree(ctx, "user") },
	"InvalidateAll":  func(ctx context.Context, _ shop, _ string, _ int) error { return memo.InvalidateAll(ctx) },
	"Expire":         func(ctx context.Context, _ shop, _ string, _ int) error { return memo.Expire(ctx, "user:7") },
	"Set":            func(ctx context.Context, _ shop, _ string, v int) error { return memo.Set(ctx, "user:7", v) },
	"Refresh": func(ctx context.Context, s shop, tenant string, v int) error {
		got, err := memo.Refresh(ctx, "user:7", s.loader(tenant, "user:7"))
		if got != v {
			return fmt.Errorf("Refresh returned %d, want %d", got, v)
		}
		return err
	},
	"Bypass and Set": func(ctx context.Context, _ shop, _ string, v int) error {
		return memo.Set(memo.Bypass(ctx), "user:7", v)
	},
	"Unless and Set": func(ctx context.Context, _ shop, _ string, v int) error {
		return memo.Set(ctx, "user:7", v, memo.Unless(func(context.Context) bool { return true }))
	},
	"InvalidateTags of TagsFrom": func(ctx context.Context, _ shop, _ string, _ int) error {
		return memo.InvalidateTags(ctx, "made")
	},
	"the cache's Invalidate": func(ctx context.Context, _ shop, _ string, _ int) error {
		return memo.From(ctx).Invalidate(ctx, "user:7")
	},
	"the cache's InvalidateAll": func(ctx context.Context, _ shop, _ string, _ int) error { return memo.From(ctx).InvalidateAll(ctx) },
}

// What one does is about its own, in this process and in another one, and in the request
// that does it; only InvalidateAll by who has no tenant is about everybody.
func TestWritesUnderVaryConcernItAlone(t *testing.T) {
	t.Parallel()
	all := []string{noTenant, "a", "b"}
	for verb, write := range variedWrites {
		for _, writer := range all {
			t.Run(verb+" by "+writer, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					s := newShop(f.db, "user:7")
					open := func() *memo.Cache {
						own := newCache(t, memo.Config{Prefix: "t", Shared: f.store}, memo.Tags("all"))
						_, _ = memo.Get[int](own.With(context.Background()), "first")
						return own
					}
					here, there := open(), open()
					request, end := here.Begin(context.Background())
					defer end()
					contexts := []context.Context{here.With(context.Background()), there.With(context.Background()), request}
					read := func(ctx context.Context, tenant string) int {
						v, err := memo.Do(of(ctx, tenant), "user:7", func(ctx context.Context) (int, error) {
							memo.Amend(ctx, memo.Tags("amended"))
							return f.db.read(tenant + "/user:7"), nil
						}, memo.Tags("tag"), memo.TagsFrom(func(int) []string { return []string{"made"} }))
						must(t, err)
						return v
					}
					for _, ctx := range contexts {
						for _, tenant := range all {
							read(ctx, tenant)
						}
					}
					for _, tenant := range all {
						f.db.write(tenant + "/user:7")
					}
					next := map[string]int{noTenant: 101, "a": 201, "b": 301}
					must(t, write(of(request, writer), s, writer, next[writer]))
					time.Sleep(aPoll)
					everybody := writer == noTenant && (verb == "InvalidateAll" || verb == "the cache's InvalidateAll")
					for i, ctx := range contexts {
						for _, tenant := range all {
							want := next[tenant]
							if tenant != writer && !everybody {
								want--
							}
							if v := read(ctx, tenant); v != want {
								t.Errorf("%q reads version %d in context %d, want %d", tenant, v, i, want)
							}
						}
					}
				})
			})
		}
	}
}

func TestAddUnderVaryFindsItsOwn(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, _ *database) {
		ctx := open().With(context.Background())
		for i, tenant := range []string{noTenant, "a", "b"} {
			for try, want := range []bool{true, false} {
				if added, err := memo.Add(of(ctx, tenant), "k", i); added != want || err != nil {
					t.Errorf("try %d of %q: %v, %v", try, tenant, added, err)
				}
			}
		}
		for i, tenant := range []string{noTenant, "a", "b"} {
			hit(t, i)(memo.Get[int](of(ctx, tenant), "k"))
		}
	})
}

func TestVaryNests(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, _ *database) {
		ctx := open().With(context.Background())
		outer := of(ctx, "a")
		places := map[string]context.Context{
			"none": ctx, "a": outer, "b": of(ctx, "b"),
			"a, de": memo.Vary(outer, "lang", "de"), "a, fr": memo.Vary(outer, "lang", "fr"), "de, a": of(memo.Vary(ctx, "lang", "de"), "a"), "a, a": of(outer, "a"),
		}
		store := func() {
			for name, ctx := range places {
				must(t, memo.Set(ctx, "user:7", name))
			}
		}
		left := func(what string, gone ...string) {
			t.Helper()
			for name, ctx := range places {
				v, err := memo.Get[string](ctx, "user:7")
				has := err == nil && v == name
				for _, g := range gone {
					if g == name {
						has = errors.Is(err, memo.ErrMiss)
					}
				}
				if !has {
					t.Errorf("after %s: %s has %q, %v", what, name, v, err)
				}
			}
		}
		store()
		left("nothing")
		must(t, memo.InvalidateTree(outer, "user"))
		left("InvalidateTree in a", "a")
		store()
		must(t, memo.InvalidateAll(places["a, de"]))
		left("InvalidateAll in a, de", "a, de")
		store()
		must(t, memo.InvalidateAll(outer))
		left("InvalidateAll in a", "a", "a, de", "a, fr", "a, a")
		store()
		must(t, memo.InvalidateAll(ctx))
		left("InvalidateAll", "none", "a", "b", "a, de", "a, fr", "de, a", "a, a")
	})
}

// Deeper than there are markers: what has none of its own has that of what stands above.
func TestVariedTreesAtAnyDepth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		parts := []any{"a", "b", "c", "d", "e", "f"}
		for varies := range 6 {
			at := func(c *memo.Cache) context.Context {
				ctx := c.With(context.Background())
				for i := range varies {
					ctx = memo.Vary(ctx, "level", i)
				}
				return ctx
			}
			for depth := 1; depth <= len(parts); depth++ {
				key := memo.Key(parts...)
				before := f.db.do(t, at(here), key)
				f.db.do(t, at(there), key)
				f.db.write(key)
				must(t, memo.InvalidateTree(at(here), memo.Key(parts[:depth]...)))
				time.Sleep(aPoll)
				for _, c := range []*memo.Cache{here, there} {
					if v := f.db.do(t, at(c), key); v != before+1 {
						t.Errorf("%d times varied, depth %d: version %d, want %d", varies, depth, v, before+1)
					}
				}
			}
		}
	})
}

// InvalidateAll of a tenant and a load of it:
//
//  1. a load of the tenant reads v0 from the database
//  2. a writer commits v1, and clears the tenant
//  3. the load ends: v0 must be kept for nobody, here or there
//
// A load of somebody else, which was there too, is kept.
func TestLoadThatATenantsEndOvertookIsStoredNowhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		ctx := here.With(context.Background())
		mine, begun, release := f.db.held("a/user:7")
		loading := later(t, func() (int, error) { return memo.Do(of(ctx, "a"), "user:7", mine) })
		<-begun
		others, begun, releaseOthers := f.db.held("b/user:7")
		loadingOthers := later(t, func() (int, error) { return memo.Do(of(ctx, "b"), "user:7", others) })
		<-begun
		synctest.Wait() // the markers are there
		for _, tenant := range []string{"a", "b"} {
			f.db.write(tenant + "/user:7")
		}
		must(t, memo.InvalidateAll(of(ctx, "a")))
		close(release)
		close(releaseOthers)
		if v := loading() + loadingOthers(); v != 0 {
			t.Errorf("the loads returned the versions %d, want those that they read", v)
		}
		time.Sleep(aPoll)
		s := shop{f.db}
		for name, c := range map[string]*memo.Cache{"here": here, "there": there} {
			for tenant, want := range map[string]int{"a": 1, "b": 0} {
				if v := s.read(t, c.With(context.Background()), tenant, "user:7"); v != want {
					t.Errorf("%s, tenant %s reads version %d, want %d", name, tenant, v, want)
				}
			}
		}
	})
}

// A tenant is cleared while the shared tier is away: until it hears of that, nothing of
// the tenant is read from it, and everybody else's is.
func TestTenantIsClearedInAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		s := newShop(f.db, "user:7")
		here, wire := f.process(t, withoutL2)
		there, _ := f.process(t)
		for _, tenant := range []string{"a", "b"} {
			s.read(t, there.With(context.Background()), tenant, "user:7")
			f.db.write(tenant + "/user:7")
		}
		ctx := here.With(context.Background())
		back := wire.Inject(tiertest.Fault{Match: ":n:", Ops: []tiertest.Op{tiertest.OpAdd, tiertest.OpCompareAndSwap}, Err: errDown})
		if err := memo.InvalidateAll(of(ctx, "a")); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("InvalidateAll: %v, want ErrDeferred", err)
		}
		if v := s.read(t, ctx, "a", "user:7"); v != 201 {
			t.Errorf("tenant a reads version %d, want 201: it was cleared", v)
		}
		back()
		time.Sleep(10 * time.Second)
		for tenant, want := range map[string]int{"a": 201, "b": 300} {
			if v := s.read(t, there.With(context.Background()), tenant, "user:7"); v != want {
				t.Errorf("there tenant %s reads version %d, want %d", tenant, v, want)
			}
		}
		if n := s.loads("b", "user:7"); n != 1 {
			t.Errorf("tenant b was loaded %d times, want once", n)
		}
	})
}
