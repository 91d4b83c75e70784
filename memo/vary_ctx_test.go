package memo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Where a Vary goes with a ctx, and what becomes of one that is of no use.

func TestLoadersReadAsTheirCallersVary(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		s := newShop(db, "part")
		ctx := open().With(context.Background())
		whole := func(tenant string) (int, error) {
			return memo.Do(of(ctx, tenant), "whole", func(ctx context.Context) (int, error) {
				return memo.Do(ctx, "part", s.loader(tenant, "part"))
			})
		}
		for _, tenant := range []string{"a", noTenant, "b", "a"} {
			want := map[string]int{noTenant: 100, "a": 200, "b": 300}[tenant]
			hit(t, want)(whole(tenant))
			hit(t, want)(memo.Get[int](of(ctx, tenant), "part"))
		}
		for _, tenant := range []string{noTenant, "a", "b"} {
			if n := s.loads(tenant, "part"); n != 1 {
				t.Errorf("%d loads of the part of %q", n, tenant)
			}
		}
	})
}

// A tenant's loader may ask for the same key of another tenant: it is another key, and
// no circle.
func TestLoaderAsksForItsKeyOfAnotherTenant(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	hit(t, 2)(memo.Do(of(ctx, "a"), "k", func(ctx context.Context) (int, error) {
		v, err := memo.Do(of(ctx, "base"), "k", func(context.Context) (int, error) { return 1, nil })
		return v + 1, err
	}))
	if _, err := memo.Do(of(ctx, "b"), "k", func(ctx context.Context) (int, error) {
		return memo.Do(ctx, "k", func(context.Context) (int, error) { return 1, nil })
	}); !errors.Is(err, memo.ErrRecursive) {
		t.Errorf("its own key: %v, want ErrRecursive", err)
	}
}

// A value that is made of several tenants' is nobody's, and has the tags of all of them.
func TestAmendUnderVaryNamesThatTenantsTags(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, _ *database) {
		ctx := open().With(context.Background())
		runs := 0
		report := func() {
			t.Helper()
			_, err := memo.Do(ctx, "report", func(ctx context.Context) (int, error) {
				runs++
				for _, tenant := range []string{"a", "b"} {
					memo.Amend(of(ctx, tenant), memo.Tags("orders"))
				}
				return runs, nil
			}, memo.TagsFrom(func(int) []string { return []string{"made"} }))
			must(t, err)
		}
		for i, next := range []struct {
			under context.Context
			tag   string
			runs  int
		}{{ctx, "orders", 1}, {of(ctx, "c"), "orders", 1}, {of(ctx, "a"), "orders", 2}, {of(ctx, "a"), "others", 2}, {of(ctx, "b"), "orders", 3}, {of(ctx, "b"), "made", 3}, {ctx, "made", 4}} {
			report()
			must(t, memo.InvalidateTags(next.under, next.tag))
			if report(); runs != next.runs {
				t.Errorf("%d: %d runs, want %d", i, runs, next.runs)
			}
		}
	})
}

// A refresh that nobody waits for is its reader's tenant's.
func TestRefreshBehindTheReaderVariesAsHeDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := of(c.With(context.Background()), "a")
		must(t, memo.Set(ctx, "part", 1))
		must(t, memo.Set(c.With(context.Background()), "part", -1))
		whole := func() (int, error) {
			return memo.Do(ctx, "whole", func(ctx context.Context) (int, error) { return memo.Get[int](ctx, "part") }, memo.TTL(time.Second), memo.Stale(time.Hour))
		}
		hit(t, 1)(whole())
		must(t, memo.Set(ctx, "part", 2))
		time.Sleep(2 * time.Second)
		hit(t, 1)(whole())
		synctest.Wait()
		hit(t, 2)(whole())
	})
}

func TestVaryHoldsWhereverTheCacheComesFrom(t *testing.T) {
	t.Parallel()
	c, other := newCache(t, memo.Config{}), newCache(t, memo.Config{})
	plain := context.Background()
	store := func(ctx context.Context, v int) {
		t.Helper()
		must(t, memo.Set(ctx, "k", v))
	}
	store(of(c.With(plain), "a"), 1)
	store(c.With(plain), 2)
	store(of(other.With(plain), "a"), 3)
	early := of(plain, "a")
	begun, end := c.Begin(early)
	defer end()
	again, endAgain := c.Begin(begun)
	defer endAgain()
	joined, endJoined := other.Begin(begun)
	defer endJoined()
	type key struct{}
	var none context.Context
	for name, w := range map[string]struct {
		ctx  context.Context
		want int
	}{
		"With":                  {c.With(early), 1},
		"Begin":                 {begun, 1},
		"Begin again":           {again, 1},
		"another cache joins":   {joined, 3},
		"another cache":         {other.With(c.With(early)), 3},
		"and back":              {c.With(other.With(c.With(early))), 1},
		"values and deadlines":  {context.WithValue(context.WithoutCancel(begun), key{}, 1), 1},
		"Bypass of nothing":     {c.With(memo.Fresh(early)), 1},
		"Fresh before":          {c.With(of(memo.Fresh(plain), "a")), 1},
		"a nil ctx":             {c.With(of(none, "a")), 1},
		"the ctx it stands on":  {c.With(plain), 2},
		"a request without one": {func() context.Context { ctx, _ := c.Begin(plain); return ctx }(), 2},
	} {
		if v, err := memo.Get[int](w.ctx, "k"); v != w.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", name, v, err, w.want)
		}
	}
	must(t, c.InvalidateAll(early)) // a method, on a ctx without a cache
	if _, err := memo.Get[int](of(c.With(plain), "a"), "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after InvalidateAll before the cache is bound: %v", err)
	}
	hit(t, 2)(memo.Get[int](c.With(plain), "k"))
	hit(t, 3)(memo.Get[int](joined, "k"))
}

// What LoadContext lets through of a caller is not what the load is for.
func TestLoadContextDoesNotChangeWhatALoadVariesBy(t *testing.T) {
	t.Parallel()
	var let context.Context
	c := newCache(t, memo.Config{LoadContext: func(context.Context) context.Context { return let }})
	ctx := c.With(context.Background())
	part := func(ctx context.Context) (int, error) { return memo.Get[int](ctx, "part") }
	must(t, memo.Set(ctx, "part", 1))
	must(t, memo.Set(of(ctx, "a"), "part", 2))
	let = of(ctx, "a")
	hit(t, 1)(memo.Do(ctx, "whole", part))
	let = ctx
	hit(t, 2)(memo.Do(of(ctx, "a"), "whole", part))
}

func TestVaryGoesWithFreshAndBypass(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		s := newShop(db, "k")
		ctx := open().With(context.Background())
		for tenant, want := range map[string]int{noTenant: 100, "a": 200} {
			s.read(t, ctx, tenant, "k")
			for _, under := range []context.Context{memo.Fresh(ctx), ctx} {
				if v := s.read(t, under, tenant, "k"); v != want || s.loads(tenant, "k") != 1 {
					t.Errorf("Fresh: %q reads %d after %d loads", tenant, v, s.loads(tenant, "k"))
				}
			}
			if v := s.read(t, memo.Bypass(ctx), tenant, "k"); v != want || s.loads(tenant, "k") != 2 {
				t.Errorf("Bypass: %q reads %d after %d loads", tenant, v, s.loads(tenant, "k"))
			}
			if _, err := memo.Get[int](memo.Bypass(of(ctx, tenant)), "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("Bypass: Get: %v", err)
			}
			if _, ok := memo.Peek[int](memo.Fresh(of(ctx, tenant)), "k"); ok {
				t.Error("Fresh: Peek finds something")
			}
		}
	})
}

// A tenant of which nothing is known is served nothing, whatever the call.
func TestVaryByWhatMakesNoKeyIsAMistakeOfEachCall(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	bound, end := c.Begin(context.Background())
	defer end()
	must(t, memo.Set(bound, "k", 1))
	id := 7
	for what, vary := range map[string]func(ctx context.Context) context.Context{
		`"tenant": (*int) is a pointer`: func(ctx context.Context) context.Context { return memo.Vary(ctx, "tenant", &id) },
		`"inner": (*int) is a pointer`:  func(ctx context.Context) context.Context { return memo.Vary(of(ctx, "a"), "inner", &id) },
		`"outer": (*int) is a pointer`:  func(ctx context.Context) context.Context { return of(memo.Vary(ctx, "outer", &id), "a") },
		"adds 66007 bytes to each key": func(ctx context.Context) context.Context {
			return memo.Vary(ctx, "tenant", strings.Repeat("k", 66_000-1))
		},
		"the name of a Vary is empty": func(ctx context.Context) context.Context { return memo.Vary(ctx, "", 7) },
	} {
		unbound := vary(context.Background())
		for where, ctx := range map[string]context.Context{
			"bound": vary(bound), "bound later": c.With(unbound), "unbound": unbound, "in Bypass": memo.Bypass(vary(bound)),
		} {
			ran := func(context.Context) (int, error) { t.Errorf("%s: a loader ran", where); return 0, nil }
			for verb, err := range map[string]error{
				"Do":             second(memo.Do(ctx, "k", ran)),
				"Refresh":        second(memo.Refresh(ctx, "k", ran)),
				"Get":            second(memo.Get[int](ctx, "k")),
				"Set":            memo.Set(ctx, "k", 2),
				"Add":            func() error { _, err := memo.Add(ctx, "new", 2); return err }(),
				"Invalidate":     memo.Invalidate(ctx, "k"),
				"InvalidateTags": memo.InvalidateTags(ctx, "k"),
				"InvalidateTree": memo.InvalidateTree(ctx, "k"),
				"InvalidateAll":  c.InvalidateAll(ctx),
				"Expire":         c.Expire(ctx, "k"),
			} {
				var u *memo.UsageError
				if !errors.As(err, &u) || u.Op != verb || !strings.Contains(u.Error(), what) {
					t.Errorf("%s, %s: %v, want a *UsageError with %q", where, verb, err, what)
				}
			}
			if v, ok := memo.Peek[int](ctx, "k"); ok {
				t.Errorf("%s: Peek finds %d", where, v)
			}
		}
	}
	hit(t, 1)(memo.Get[int](bound, "k"))
	_, err := memo.Do(bound, "amended", func(ctx context.Context) (int, error) {
		memo.Amend(memo.Vary(ctx, "tenant", &id), memo.Tags("tag"))
		return 1, nil
	})
	if u := (*memo.UsageError)(nil); !errors.As(err, &u) || u.Op != "Amend" {
		t.Errorf("Amend: %v", err)
	}
}

// Errors show what the caller wrote: of a tenant they know nothing.
func TestErrorsUnderVaryShowTheCallersKey(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, end := c.Begin(of(context.Background(), "secret"))
	defer end()
	key := memo.Key("user", 7)
	must(t, memo.Set(ctx, key, "text"))
	for verb, err := range map[string]error{
		"Do":        second(memo.Do(ctx, key, loadNumber)),
		"Get":       second(memo.Get[int](ctx, key)),
		"a mistake": second(memo.Do(ctx, key, loadNumber, memo.TTL(-1), memo.Clone(func(s string) string { return s }))),
		"no fn":     second(memo.Do[int](ctx, key, nil)),
		"Amend": second(memo.Do(ctx, memo.Key("user", 8), func(ctx context.Context) (int, error) {
			memo.Amend(ctx, memo.LoadTimeout(time.Second))
			return 1, nil
		})),
	} {
		var typed *memo.TypeError
		var usage *memo.UsageError
		switch {
		case errors.As(err, &typed) && typed.Key == key:
		case errors.As(err, &usage) && usage.Name == "user":
		default:
			t.Errorf("%s: %#v does not name the caller's key", verb, err)
		}
		if strings.Contains(fmt.Sprintf("%v %#v", err, err), "secret") {
			t.Errorf("%s: %#v names the tenant", verb, err)
		}
	}
}

func TestKeysAndTagsAreCountedWithWhatVaryAdds(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	plain := c.With(context.Background())
	ctx := of(plain, "a")
	const adds = len("~tenant=a:")
	key, tag := strings.Repeat("k", 64<<10-adds), strings.Repeat("t", 250-adds)
	number := func(context.Context) (int, error) { return 1, nil }
	calls := func(ctx context.Context, key, tag string) map[string]error {
		return map[string]error{
			"Do":             second(memo.Do(ctx, key, number)),
			"Get":            second(memo.Get[int](ctx, key)),
			"Set":            memo.Set(ctx, key, 1),
			"Bypass and Set": memo.Set(memo.Bypass(ctx), key, 1),
			"Tags":           second(memo.Do(ctx, tag, number, memo.Tags(tag))),
			"InvalidateTags": memo.InvalidateTags(ctx, tag),
			"Invalidate":     memo.Invalidate(ctx, "k", key),
		}
	}
	for verb, err := range calls(ctx, key, tag) {
		if err != nil {
			t.Errorf("%s, as long as may be: %v", verb, err)
		}
	}
	for verb, err := range calls(plain, key+"k", tag+"t") {
		if err != nil {
			t.Errorf("%s without Vary: %v", verb, err)
		}
	}
	for verb, err := range calls(ctx, key+"k", tag+"t") {
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) || !strings.Contains(u.Problem, "with what Vary adds") {
			t.Errorf("%s, a byte longer: %v", verb, err)
		}
	}
}

func TestVariedHitAllocations(t *testing.T) {
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), PollInterval: patience / 2}))
	request, end := c.Begin(context.Background())
	defer end()
	who := hit(t, user{ID: 7, Name: "Ada"})
	users := memo.NewFunc(c, "user", func(ctx context.Context, _ int) (user, error) { return loadUser(ctx) })
	key, long := memo.Key("user", 1<<30), strings.Repeat("k", 200)
	for where, ctx := range map[string]context.Context{"L1": of(request, "a"), "L2": memo.Vary(of(c.With(context.Background()), "a"), "lang", "de")} {
		allocates(t, where, 0, func() { who(memo.Do(ctx, key, loadUser)) })
		allocates(t, where+", with a TTL", 0, func() { who(memo.Do(ctx, key, loadUser, memo.TTL(time.Minute))) })
		allocates(t, where+", a key written by hand", 0, func() { who(memo.Do(ctx, "~"+"user:7", loadUser)) })
		allocates(t, where+", a Func", 0, func() { who(users.Do(ctx, 1<<30)) })
		allocates(t, where+", a key beyond 128 bytes", 1, func() { who(memo.Do(ctx, long, loadUser)) })
	}
}

// A transaction of one tenant hides, and tells when it commits, what is that tenant's.
func TestTxUnderVaryIsThatTenantsAlone(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(ctx context.Context) error{
		"Invalidate":     func(ctx context.Context) error { return memo.Invalidate(ctx, "user:7") },
		"InvalidateTree": func(ctx context.Context) error { return memo.InvalidateTree(ctx, "user") },
		"InvalidateTags": func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") },
		"InvalidateAll":  func(ctx context.Context) error { return memo.InvalidateAll(ctx) },
		"Set":            func(ctx context.Context) error { return memo.Set(ctx, "user:7", 201) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				s := newShop(db, "user:7")
				plain := open().With(context.Background())
				read := func(when string, ctx context.Context, want map[string]int) {
					t.Helper()
					for tenant, want := range want {
						if v := s.read(t, ctx, tenant, "user:7", memo.Tags("tag")); v != want {
							t.Errorf("%s: %q reads version %d, want %d", when, tenant, v, want)
						}
					}
				}
				old := map[string]int{noTenant: 100, "a": 200, "b": 300}
				read("before", plain, old)
				for tenant := range old {
					db.write(tenant + "/user:7")
				}
				ctx, tx := memo.BeginTx(plain)
				defer tx.Discard()
				must(t, write(of(ctx, "a")))
				read("in the Tx", ctx, map[string]int{"a": 201})
				read("beside it", plain, old)
				must(t, tx.Commit(ctx))
				read("after it", plain, map[string]int{noTenant: 100, "a": 201, "b": 300})
			})
		})
	}
}
