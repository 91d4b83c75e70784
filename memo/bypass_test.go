package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Bypass and SetEnabled: reads go around the tiers, and invalidations do not. And the
// ways by which Fresh and Bypass come down to a read.

func TestBypassedReadTouchesNoTierAndJoinsNoLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		request, end := c.Begin(context.Background())
		defer end()
		f.db.do(t, request, "k")
		fn, begun, release := f.db.held("loading")
		loading := later(t, func() (int, error) { return memo.Do(request, "loading", fn) })
		free := sync.OnceFunc(func() { close(release) })
		defer free()
		<-begun
		synctest.Wait()
		f.db.write("k")
		around, calls := memo.Bypass(request), store.Calls("")
		for _, ctx := range []context.Context{around, memo.Fresh(around), memo.Bypass(memo.Fresh(request))} {
			if v := f.db.do(t, ctx, "k"); v != 1 {
				t.Errorf("Do got version %d, want 1", v)
			}
			if v, err := f.db.refresh(ctx, "k"); v != 1 || err != nil {
				t.Errorf("Refresh got version %d, %v, want 1", v, err)
			}
			if v := f.db.do(t, ctx, "loading"); v != 0 {
				t.Errorf("version %d of what is loading", v)
			}
			if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("Get: %d, %v; want ErrMiss", v, err)
			}
			if v, ok := memo.Peek[int](ctx, "k"); ok {
				t.Errorf("Peek found %d", v)
			}
		}
		s := c.Snapshot().Total
		if n := store.Calls("") - calls; n > 0 || s.Bypass != 9 || s.Miss != 4 || s.Runs != 2 { // of Miss, one is that of f.process
			t.Errorf("%d calls of the shared tier; counted %+v", n, s)
		}
		free()
		loading()
		if v := f.db.do(t, request, "k"); v != 0 {
			t.Errorf("a plain read got version %d, want 0: bypassed ones store nothing", v)
		}
	})
}

// write is one of the ways to store a value.
var writes = map[string]func(ctx context.Context) (bool, error){
	"Set": func(ctx context.Context) (bool, error) { return false, memo.Set(ctx, "k", 7) },
	"Add": func(ctx context.Context) (bool, error) { return memo.Add(ctx, "k", 7) },
}

func TestWritesUnderBypassDropTheKeyEverywhere(t *testing.T) {
	t.Parallel()
	for verb, write := range writes {
		for name, around := range map[string]func(c *memo.Cache, ctx context.Context) context.Context{
			"Bypass": func(_ *memo.Cache, ctx context.Context) context.Context { return memo.Bypass(ctx) },
			"off":    func(c *memo.Cache, ctx context.Context) context.Context { c.SetEnabled(false); return ctx },
		} {
			t.Run(verb+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					here, _ := f.process(t)
					there, _ := f.process(t)
					third, _ := f.process(t)
					request, end := here.Begin(context.Background())
					defer end()
					f.db.do(t, request, "k")
					f.db.do(t, there.With(context.Background()), "k")
					added, err := write(around(here, request))
					if added || err != nil {
						t.Errorf("%t, %v; want that nothing was stored", added, err)
					}
					here.SetEnabled(true)
					time.Sleep(aPoll)
					for name, ctx := range map[string]context.Context{"L1": request, "L2": here.With(context.Background()), "L3": third.With(context.Background()), "another process": there.With(context.Background())} {
						if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
							t.Errorf("%s has %d, %v", name, v, err)
						}
					}
				})
			})
		}
	}
}

func TestInvalidateUnderBypass(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		here, there := open(), open()
		for key, invalidate := range map[string]func(ctx context.Context) error{
			"key": func(ctx context.Context) error { return memo.Invalidate(ctx, "key") },
			"tag": func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") },
			"old": func(ctx context.Context) error { return memo.Expire(ctx, "old") },
			"all": memo.InvalidateAll,
		} {
			request, end := here.Begin(context.Background())
			for _, ctx := range []context.Context{request, there.With(context.Background())} {
				db.tagged(t, ctx, key, "tag")
			}
			want := db.write(key)
			must(t, invalidate(memo.Bypass(request)))
			time.Sleep(aPoll)
			for name, ctx := range map[string]context.Context{"the request": request, "its process": here.With(context.Background()), "another process": there.With(context.Background())} {
				if v := db.tagged(t, ctx, key, "tag"); v != want {
					t.Errorf("%s: %s has version %d, want %d", key, name, v, want)
				}
			}
			end()
		}
	})
}

// What a bypassed fn says about its value is not about the load that it is a part of.
func TestAmendUnderBypassDoesNotChangeTheOuterLoad(t *testing.T) {
	t.Parallel()
	for name, around := range map[string]func(c *memo.Cache, ctx context.Context) context.Context{
		"Bypass": func(_ *memo.Cache, ctx context.Context) context.Context { return memo.Bypass(ctx) },
		"off":    func(c *memo.Cache, ctx context.Context) context.Context { c.SetEnabled(false); return ctx },
	} {
		c, runs := newCache(t, memo.Config{}), 0
		ctx := c.With(context.Background())
		part := func(ctx context.Context) (int, error) {
			runs++
			memo.Amend(ctx, memo.TTL(time.Nanosecond), memo.Tags("part"))
			return runs, nil
		}
		whole := func(ctx context.Context) (int, error) { return memo.Do(around(c, ctx), "part", part) }
		for range 3 {
			if v, err := memo.Do(ctx, "whole", whole); v != 1 || err != nil {
				t.Errorf("%s: %d, %v; want the whole that was kept", name, v, err)
			}
			c.SetEnabled(true)
			must(t, c.InvalidateTags(ctx, "part"))
		}
	}
}

// nameless is somebody else's context.
type nameless struct{ context.Context }

// Whatever is between the call of Fresh or Bypass and the read: the cache may be bound
// before or after, by With or by Begin, and others may wrap the ctx.
func TestModesComeDownThroughEveryContext(t *testing.T) {
	t.Parallel()
	type step = func(context.Context) context.Context
	wrap := func(ctx context.Context) context.Context { return nameless{context.WithValue(ctx, user{}, 1)} }
	c, other := newCache(t, memo.Config{}), newCache(t, memo.Config{})
	var none context.Context
	for name, under := range map[string]step{"Fresh": memo.Fresh, "Bypass": memo.Bypass} {
		for way, steps := range map[string][]step{
			"before With":          {under, c.With},
			"before Begin":         {under, opens(t, c)},
			"after With":           {c.With, under},
			"after Begin":          {opens(t, c), under},
			"wrapped before":       {wrap, under, wrap, c.With, wrap},
			"wrapped after":        {c.With, wrap, under, wrap},
			"between two caches":   {other.With, under, c.With},
			"twice":                {under, under, opens(t, c), under},
			"before a request":     {c.With, under, opens(t, c)},
			"Begin inside a Begin": {opens(t, c), under, opens(t, c)},
			"nil ctx":              {func(context.Context) context.Context { return under(none) }, c.With},
		} {
			db, ctx := newDatabase(), context.Background()
			for _, s := range steps {
				ctx = s(ctx)
			}
			key := name + way
			db.do(t, c.With(context.Background()), key)
			before := c.Snapshot().Total
			db.do(t, ctx, key)
			db.do(t, ctx, key)
			now := c.Snapshot().Total
			if fresh, around := now.L2-before.L2, now.Bypass-before.Bypass; name == "Fresh" && fresh != 2 || name == "Bypass" && around != 2 {
				t.Errorf("%s %s: of two reads %d asked L2 and %d went around", name, way, fresh, around)
			}
		}
	}
}

// opens is Begin, for as long as the test lasts.
func opens(t *testing.T, c *memo.Cache) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, end := c.Begin(ctx)
		t.Cleanup(end)
		return ctx
	}
}

func TestModesDoNotComeDownIntoLoads(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{LoadContext: func(ctx context.Context) context.Context { return ctx }}), newDatabase()
	db.do(t, c.With(context.Background()), "part")
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			_, err := memo.Do(memo.Fresh(c.With(memo.Fresh(context.Background()))), "whole", func(ctx context.Context) (int, error) {
				return db.do(t, ctx, "part"), nil
			})
			must(t, err)
		})
	}
	all.Wait()
	if n := db.queries("part"); n != 1 || c.Snapshot().Total.Bypass > 0 {
		t.Errorf("part was loaded %d times, want 1", n)
	}
}
