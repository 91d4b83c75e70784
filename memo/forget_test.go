package memo_test

import (
	"context"
	"errors"
	"strings"
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

// TestOneKeyThatIsNoneIsAMistake, as it is among several: nothing is forgotten, or counted.
func TestOneKeyThatIsNoneIsAMistake(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, end := c.Begin(context.Background())
	defer end()
	for what, key := range map[string]string{"empty": "", "refused": memo.Key("user", make(chan int)), "too long": strings.Repeat("a", 64<<10+1)} {
		for how, err := range map[string]error{"Invalidate": memo.Invalidate(ctx, key), "Cache.Invalidate": c.Invalidate(ctx, key)} {
			var mistake *memo.UsageError
			if !errors.As(err, &mistake) || mistake.Op != "Invalidate" {
				t.Errorf("%s of a key that is %s: %v", how, what, err)
			}
		}
	}
	of := memo.NewFunc(c, "user", func(context.Context, string) (int, error) { return 7, nil })
	var mistake *memo.UsageError
	if err := of.Invalidate(ctx, strings.Repeat("a", 64<<10)); !errors.As(err, &mistake) {
		t.Errorf("Func.Invalidate of a key that is too long: %v", err)
	}
	if n := c.Snapshot().Total.Invalidations.Keys; n != 0 {
		t.Errorf("%d keys are counted, and none was forgotten", n)
	}
}

// TestOneKeyInAClosedCache: ErrClosed, by each way to say it, and nothing is counted.
func TestOneKeyInAClosedCache(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := countingRuns(c, "user")
	ctx := c.With(context.Background())
	check(t, c.Close(context.Background()))
	for how, err := range map[string]error{"Invalidate": memo.Invalidate(ctx, f.Key(7)), "Cache.Invalidate": c.Invalidate(ctx, f.Key(7)), "Func.Invalidate": f.Invalidate(ctx, 7)} {
		if !errors.Is(err, memo.ErrClosed) {
			t.Errorf("%s of a key: %v", how, err)
		}
	}
	if n := c.Snapshot().Total.Invalidations.Keys; n != 0 {
		t.Errorf("%d keys are counted", n)
	}
}

// TestOneKeyOfAnotherCacheThanThatOfTheContext: c is told, and not the other one.
func TestOneKeyOfAnotherCacheThanThatOfTheContext(t *testing.T) {
	t.Parallel()
	c, other := newCache(t, memo.Config{}), newCache(t, memo.Config{})
	f, g := countingRuns(c, "user"), countingRuns(other, "user")
	ctx, end := other.Begin(context.Background())
	defer end()
	for how, forget := range map[string]func() error{
		"Cache.Invalidate": func() error { return c.Invalidate(ctx, f.Key(7)) },
		"Func.Invalidate":  func() error { return f.Invalidate(ctx, 7) },
	} {
		before, err := f.Do(ctx, 7)
		check(t, err)
		check(t, forget())
		if v, err := f.Do(ctx, 7); v != before+1 || err != nil {
			t.Errorf("after %s: %v, %v", how, v, err)
		}
		if v, err := g.Do(ctx, 7); v != 1 || err != nil {
			t.Errorf("after %s the other cache has %v, %v", how, v, err)
		}
	}
}
