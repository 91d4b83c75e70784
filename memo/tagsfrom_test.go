package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// TagsFrom: tags that are made of the value.

// film is a value that says what it belongs to.
type picture struct{ Studio string }

func studio(f picture) []string { return []string{"studio:" + f.Studio} }

func TestTagsMadeOfTheValueAreObeyed(t *testing.T) {
	t.Parallel()
	made := memo.TagsFrom(studio)
	for verb, store := range map[string]func(ctx context.Context, load func(context.Context) (picture, error)) error{
		"Do": func(ctx context.Context, load func(context.Context) (picture, error)) error {
			_, err := memo.Do(ctx, "film", load, made, memo.Tags("films"))
			return err
		},
		"Refresh": func(ctx context.Context, load func(context.Context) (picture, error)) error {
			_, err := memo.Refresh(ctx, "film", load, made, memo.Tags("films"))
			return err
		},
		"Set": func(ctx context.Context, load func(context.Context) (picture, error)) error {
			f, _ := load(ctx)
			return memo.Set(ctx, "film", f, made, memo.Tags("films"))
		},
		"Add": func(ctx context.Context, load func(context.Context) (picture, error)) error {
			f, _ := load(ctx)
			_, err := memo.Add(ctx, "film", f, made, memo.Tags("films"))
			return err
		},
	} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, _ *database) {
				here, there := open(), open()
				request, end := here.Begin(context.Background())
				defer end()
				load := func(context.Context) (picture, error) { return picture{"A"}, nil }
				others := func(ctx context.Context) (picture, error) { return memo.Get[picture](ctx, "film") }
				for _, tag := range []string{"studio:A", "films"} {
					must(t, store(request, load))
					for _, tag := range []string{"studio:B", "studio:", "studio"} {
						must(t, there.InvalidateTags(context.Background(), tag))
					}
					time.Sleep(aPoll)
					for _, ctx := range []context.Context{request, here.With(context.Background()), there.With(context.Background())} {
						hit(t, picture{"A"})(others(ctx))
					}
					must(t, there.InvalidateTags(context.Background(), tag))
					time.Sleep(aPoll)
					for _, ctx := range readers(here, there) {
						if v, err := others(ctx); !errors.Is(err, memo.ErrMiss) {
							t.Errorf("after InvalidateTags(%q): %v, %v", tag, v, err)
						}
					}
					must(t, memo.Invalidate(request, "film")) // what it read is its own
				}
			})
		})
	}
}

func TestTagsAreMadeOfValuesAlone(t *testing.T) {
	t.Parallel()
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx := c.With(context.Background())
		asked := 0
		made := memo.TagsFrom(func(f *picture) []string { asked++; return studio(*f) })
		r := &table{empty: true}
		absent[*picture](t)(memo.Do(ctx, "none", func(ctx context.Context) (*picture, error) {
			_, err := r.read(ctx)
			return nil, err
		}, made, memo.NegativeTTL(time.Hour)))
		_, err := memo.Do(ctx, "nil", func(context.Context) (*picture, error) { return nil, nil }, made, memo.SkipNil())
		must(t, err)
		must(t, memo.Set(ctx, "nil", (*picture)(nil), made, memo.SkipNil()))
		if asked != 0 {
			t.Errorf("asked %d times, and there was no value", asked)
		}
		for range 3 {
			_, err = memo.Do(ctx, "film", func(context.Context) (*picture, error) { return &picture{"A"}, nil }, made)
			must(t, err)
		}
		if asked != 1 {
			t.Errorf("asked %d times for one load and two hits", asked)
		}
		asked = 0
		whatever := memo.TagsFrom(func(v any) []string { asked++; return []string{fmt.Sprint("is ", v)} })
		_, err = memo.Do(ctx, "any", func(context.Context) (any, error) { return nil, nil }, whatever)
		must(t, err)
		must(t, c.InvalidateTags(ctx, "is <nil>"))
		if v, err := memo.Get[any](ctx, "any"); !errors.Is(err, memo.ErrMiss) || asked != 1 {
			t.Errorf("a nil of an interface: %v, %v, asked %d times", v, err, asked)
		}
	})
}

func TestTagsFromThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint("tag", i)
	}
	for name, test := range map[string]struct {
		opt  memo.Option
		op   string
		runs int
	}{
		"of another type":    {memo.TagsFrom(func(string) []string { return nil }), "Do", 0},
		"of an interface":    {memo.TagsFrom(func(any) []string { return nil }), "Do", 0},
		"no function":        {memo.TagsFrom[picture](nil), "Do", 0},
		"gives an empty tag": {memo.TagsFrom(func(picture) []string { return []string{""} }), "TagsFrom", 1},
		"gives 65 tags":      {memo.TagsFrom(func(picture) []string { return many }), "TagsFrom", 1},
	} {
		runs := 0
		_, err := memo.Do(ctx, "k", func(context.Context) (picture, error) { runs++; return picture{}, nil }, test.opt)
		var misuse *memo.UsageError
		if !errors.As(err, &misuse) || misuse.Op != test.op || runs != test.runs {
			t.Errorf("%s: %v after %d runs, want a *UsageError of %s after %d", name, err, runs, test.op, test.runs)
		}
		if err := memo.Set(ctx, "k", picture{}, test.opt); !errors.As(err, &misuse) || misuse.Op != "Set" {
			t.Errorf("%s: Set: %v, want a *UsageError", name, err)
		}
		if v, err := memo.Get[picture](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("%s: something is stored: %v, %v", name, v, err)
		}
	}
	var misuse *memo.UsageError
	if _, err := memo.New(memo.Config{}, memo.TagsFrom(studio)); !errors.As(err, &misuse) {
		t.Errorf("New: %v, want a *UsageError", err)
	}
}

// It is a part of the loader: nobody waits for ever, and it counts as one that panicked.
func TestTagsFromThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t, slowPoll)
		oops := memo.TagsFrom(func(picture) []string { panic("oops") })
		func() {
			defer func() {
				if p := recover(); p != "oops" {
					t.Errorf("recovered %v", p)
				}
			}()
			_, _ = memo.Do(c.With(context.Background()), "k", func(context.Context) (picture, error) { return picture{}, nil }, oops)
		}()
		if s := c.Snapshot().Total; s.RunPanics != 1 {
			t.Errorf("%d panics counted", s.RunPanics)
		}
		if f.item(t, "t:v:k").Found() {
			t.Error("a lease is left behind")
		}
	})
}

// Under Vary they are the tenant's own, as all tags.
func TestTagsMadeOfTheValueUnderVary(t *testing.T) {
	t.Parallel()
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		plain := c.With(context.Background())
		tenants := []context.Context{memo.Vary(plain, "tenant", 1), memo.Vary(plain, "tenant", 2), plain}
		for _, ctx := range tenants {
			_, err := memo.Do(ctx, "loaded", func(context.Context) (picture, error) { return picture{"A"}, nil }, memo.TagsFrom(studio))
			must(t, err)
			must(t, memo.Set(ctx, "set", picture{"A"}, memo.TagsFrom(studio)))
		}
		must(t, memo.InvalidateTags(tenants[0], "studio:A"))
		for i, ctx := range tenants {
			for _, key := range []string{"loaded", "set"} {
				if _, err := memo.Get[picture](ctx, key); errors.Is(err, memo.ErrMiss) != (i == 0) {
					t.Errorf("tenant %d, %s: %v", i+1, key, err)
				}
			}
		}
	})
}
