package memo_test

import (
	"context"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// forget_test.go is the invalidation of one key that nobody else has to hear of: it does
// what that of several does.

// local is a process tier of a user's.
type local struct{ tier.Local }

func TestAnInvalidationOfOneKeyIsThatOfSeveral(t *testing.T) {
	t.Parallel()
	none := func() {}
	for name, under := range map[string]func(ctx context.Context, c *memo.Cache) (context.Context, func()){
		"outside of a request":                func(ctx context.Context, c *memo.Cache) (context.Context, func()) { return c.With(ctx), none },
		"in a request":                        func(ctx context.Context, c *memo.Cache) (context.Context, func()) { return c.Begin(ctx) },
		"in a request, by With":               inRequest(func(ctx context.Context, c *memo.Cache) context.Context { return c.With(ctx) }),
		"in a request, under Fresh":           inRequest(func(ctx context.Context, _ *memo.Cache) context.Context { return memo.Fresh(ctx) }),
		"in a request, under Vary":            inRequest(func(ctx context.Context, _ *memo.Cache) context.Context { return memo.Vary(ctx, "tenant", 7) }),
		"in a request, below another context": inRequest(func(ctx context.Context, _ *memo.Cache) context.Context { return context.WithValue(ctx, local{}, 7) }),
		"outside of a request, varied and not": func(ctx context.Context, c *memo.Cache) (context.Context, func()) {
			return memo.Vary(c.With(ctx), "tenant", 8), none
		},
	} {
		for tierName, l2 := range map[string]tier.Local{"": lru.New(100), ", a tier of the user's": local{lru.New(100)}} {
			for how, forget := range map[string]func(ctx context.Context, f *memo.Func[string, int], key string) error{
				"Invalidate": func(ctx context.Context, _ *memo.Func[string, int], key string) error {
					return memo.Invalidate(ctx, key)
				},
				"Cache.Invalidate": func(ctx context.Context, _ *memo.Func[string, int], key string) error {
					return memo.From(ctx).Invalidate(ctx, key)
				},
				"Func.Invalidate": func(ctx context.Context, f *memo.Func[string, int], _ string) error { return f.Invalidate(ctx, "7") },
				"several": func(ctx context.Context, _ *memo.Func[string, int], key string) error {
					return memo.Invalidate(ctx, key, "other")
				},
			} {
				t.Run(name+tierName+", "+how, func(t *testing.T) {
					c := newCache(t, memo.Config{Local: l2})
					runs := 0
					f := memo.NewFunc(c, "user", func(context.Context, string) (int, error) { runs++; return runs, nil })
					ctx, end := under(context.Background(), c)
					defer end()
					for range 2 {
						if _, err := f.Do(ctx, "7"); err != nil {
							t.Fatal(err)
						}
					}
					before := runs
					if err := forget(ctx, f, f.Key("7")); err != nil {
						t.Fatal(err)
					}
					if v, err := f.Do(ctx, "7"); v != before+1 || err != nil {
						t.Errorf("after it the value is %v, %v, and not that of another run", v, err)
					}
					all := c.Snapshot().Funcs
					if last := all[len(all)-1]; last.Name != "user" || last.Invalidations.Keys != 1 { // "other" comes before
						t.Errorf("%d keys of %s are counted, want 1 of user", last.Invalidations.Keys, last.Name)
					}
					l2.Clear()
				})
			}
		}
	}
}

func inRequest(deeper func(ctx context.Context, c *memo.Cache) context.Context) func(ctx context.Context, c *memo.Cache) (context.Context, func()) {
	return func(ctx context.Context, c *memo.Cache) (context.Context, func()) {
		ctx, end := c.Begin(ctx)
		return deeper(ctx, c), end
	}
}

// With gives a ctx that does not read the request's memory. What is invalidated by it is
// forgotten there all the same.
func TestAnInvalidationByWithReachesTheRequest(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	runs := 0
	f := memo.NewFunc(c, "user", func(context.Context, int) (int, error) { runs++; return runs, nil })
	ctx, end := c.Begin(context.Background())
	defer end()
	if _, err := f.Do(ctx, 7); err != nil {
		t.Fatal(err)
	}
	if err := f.Invalidate(c.With(ctx), 7); err != nil {
		t.Fatal(err)
	}
	if v, err := f.Do(ctx, 7); v != 2 || err != nil {
		t.Errorf("the request reads %v, %v after it", v, err)
	}
}
