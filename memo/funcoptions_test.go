package memo_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// The options about places, and their neighbours, in the declaration of a Func: they come
// between those of New and those of a call.

func TestFuncOptionsAreNearerThanThoseOfNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inNew, declared, inCall []memo.Option
		inL2, inL3              bool
	}{
		"declared":          {nil, []memo.Option{memo.LocalOnly()}, nil, true, false},
		"nearer than New's": {[]memo.Option{memo.LocalOnly()}, []memo.Option{memo.SharedOnly()}, nil, false, true},
		"the call's":        {nil, []memo.Option{memo.SharedOnly()}, []memo.Option{memo.LocalOnly()}, true, false},
		"the call's nothing": {nil, []memo.Option{memo.LocalOnly(), memo.LocalTTL(time.Second)}, []memo.Option{memo.NoStore()},
			false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, local := newFleet(), lru.New(10)
				first, _ := f.process(t) // waits for the store to be ready
				must(t, first.Close(context.Background()))
				cache := newCache(t, memo.Config{Prefix: "t", Shared: f.store, Local: local}, c.inNew...)
				id := memo.NewFunc(cache, "id", func(_ context.Context, k int) (int, error) { return k, nil }, c.declared...)
				hit(t, 7)(id.Do(cache.With(context.Background()), 7, c.inCall...))
				f.stored(t, id.Key(7), local, c.inL2, c.inL3)
			})
		})
	}
}

// declaring returns what NewFunc panics with.
func declaring[V any](c *memo.Cache, opts ...memo.Option) (err error) {
	defer func() { err, _ = recover().(error) }()
	memo.NewFunc(c, memo.Key("f", rand.Int()), func(context.Context, int) (v V, err error) { return v, nil }, opts...)
	return nil
}

func TestFuncOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	declared := newCache(t, memo.Config{})
	for _, c := range []*memo.Cache{nil, declared} {
		for names, pair := range contradicting {
			refusedPair(t, declaring[int](c, pair[0], pair[1]), "NewFunc", names)
		}
		refusedPair(t, declaring[int](c, memo.SkipNil()), "NewFunc", "SkipNil")
		refusedPair(t, declaring[int](c, memo.TagsFrom(studio)), "NewFunc", "TagsFrom")
		refusedPair(t, declaring[int](c, memo.Version(-1)), "NewFunc", "Version")
		refusedPair(t, declaring[int](c, memo.Unless(nil)), "NewFunc", "Unless")
		for _, err := range []error{declaring[*int](c, memo.SkipNil(), memo.NoStore()), declaring[picture](c, memo.TagsFrom(studio), memo.Version(7))} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	c := newCache(t, memo.Config{}, memo.SkipNil()) // for those that can be nil
	number := memo.NewFunc(c, "number", func(context.Context, int) (int, error) { return 7, nil })
	hit(t, 7)(number.Do(c.With(context.Background()), 7))
	_, err := number.Do(c.With(context.Background()), 8, memo.LocalOnly(), memo.SharedOnly())
	refusedPair(t, err, "Do", "LocalOnly SharedOnly")
}

func TestUnlessOfAFunc(t *testing.T) {
	t.Parallel()
	never := memo.Unless(func(context.Context) bool { return false })
	for name, c := range map[string]struct {
		inNew, declared []memo.Option
		around          bool
	}{
		"declared":              {nil, []memo.Option{memo.Unless(forAdmin)}, true},
		"New's":                 {[]memo.Option{memo.Unless(forAdmin)}, nil, true},
		"nearer than New's":     {[]memo.Option{memo.Unless(forAdmin)}, []memo.Option{never}, false},
		"nearer, and says more": {[]memo.Option{never}, []memo.Option{memo.Unless(forAdmin)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache, runs := newCache(t, memo.Config{}, c.inNew...), 0
			request, end := cache.Begin(context.Background())
			defer end()
			run := memo.NewFunc(cache, "run", func(context.Context, int) (int, error) { runs++; return runs, nil }, c.declared...)
			for range 3 {
				hit(t, 1)(run.Do(request, 7))
			}
			got, err := run.Do(asAdmin(request), 7)
			if want := map[bool]int{true: 2, false: 1}[c.around]; got != want || err != nil {
				t.Errorf("Do: %d, %v, want %d", got, err, want)
			}
			if v, ok := run.Peek(asAdmin(request), 7); ok == c.around {
				t.Errorf("Peek: %d, %t", v, ok)
			}
			if v, err := run.Get(asAdmin(request), 7); errors.Is(err, memo.ErrMiss) != c.around {
				t.Errorf("Get: %d, %v", v, err)
			}
			hit(t, 1)(run.Get(request, 7))
			must(t, run.Set(asAdmin(request), 7, 70))
			_, err = run.Get(request, 7)
			if dropped := errors.Is(err, memo.ErrMiss); dropped != c.around {
				t.Errorf("Set dropped it: %t", dropped)
			}
		})
	}
}

func TestSkipNilAndTagsFromOfAFunc(t *testing.T) {
	t.Parallel()
	c, runs := newCache(t, memo.Config{}), 0
	ctx := c.With(context.Background())
	find := memo.NewFunc(c, "picture", func(_ context.Context, name string) (*picture, error) {
		if runs++; name == "" {
			return nil, nil
		}
		return &picture{name}, nil
	}, memo.SkipNil(), memo.TagsFrom(func(p *picture) []string { return studio(*p) }))
	for _, name := range []string{"", "A", "", "A"} {
		_, err := find.Do(ctx, name)
		must(t, err)
	}
	if runs != 3 {
		t.Errorf("%d loads, want two of nil and one", runs)
	}
	must(t, memo.InvalidateTags(ctx, "studio:A"))
	if v, err := find.Get(ctx, "A"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after InvalidateTags: %v, %v", v, err)
	}
}
