package memo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Options that contradict each other are refused, with what to do; and the nearer of two
// lists wins (place_test.go).

// contradicting are the pairs of one list.
var contradicting = map[string][2]memo.Option{
	"LocalOnly SharedOnly": {memo.LocalOnly(), memo.SharedOnly()},
	"SharedOnly LocalTTL":  {memo.SharedOnly(), memo.LocalTTL(time.Second)},
	"NoStore LocalOnly":    {memo.NoStore(), memo.LocalOnly()},
	"NoStore SharedOnly":   {memo.NoStore(), memo.SharedOnly()},
	"NoStore LocalTTL":     {memo.NoStore(), memo.LocalTTL(time.Second)},
}

// refusedPair fails unless err is a *UsageError of op that names both options.
func refusedPair(t *testing.T, err error, op, names string) {
	t.Helper()
	var misuse *memo.UsageError
	if !errors.As(err, &misuse) || misuse.Op != op || misuse.Fix == "" {
		t.Errorf("%s of %s: %v, want a *UsageError that says what to do", names, op, err)
		return
	}
	for name := range strings.FieldsSeq(names) {
		if !strings.Contains(misuse.Problem, name) {
			t.Errorf("%s of %s: %q does not say %s", names, op, misuse.Problem, name)
		}
	}
}

func TestContradictionsOfOneListAreRefused(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	hit(t, 1<<30)(memo.Do(request, "hit", loadNumber))
	for names, pair := range contradicting {
		for _, opts := range [][]memo.Option{{pair[0], pair[1]}, {pair[1], memo.TTL(time.Minute), pair[0]}} {
			ran := false
			load := func(context.Context) (int, error) { ran = true; return 1, nil }
			_, err := memo.Do(request, "k", load, opts...)
			refusedPair(t, err, "Do", names)
			_, err = memo.Do(request, "hit", load, opts...) // whatever the tiers have
			refusedPair(t, err, "Do", names)
			_, err = memo.Refresh(request, "k", load, opts...)
			refusedPair(t, err, "Refresh", names)
			refusedPair(t, memo.Set(request, "k", 1, opts...), "Set", names)
			_, err = memo.Add(request, "k", 1, opts...)
			refusedPair(t, err, "Add", names)
			_, err = memo.New(memo.Config{}, opts...)
			refusedPair(t, err, "New", names)
			if ran {
				t.Errorf("%s: the loader ran", names)
			}
		}
	}
}

// What one run of a loader says is one list, however many calls of Amend it takes.
func TestContradictionsOfAmendAreRefused(t *testing.T) {
	t.Parallel()
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx := c.With(context.Background())
		for names, pair := range contradicting {
			if strings.Contains(names, "SharedOnly") { // not for Amend anyway
				continue
			}
			for _, amend := range []func(ctx context.Context){
				func(ctx context.Context) { memo.Amend(ctx, pair[0], pair[1]) },
				func(ctx context.Context) { memo.Amend(ctx, pair[0]); memo.Amend(ctx, pair[1]) },
			} {
				_, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) { amend(ctx); return 1, nil })
				refusedPair(t, err, "Amend", names)
			}
		}
		for _, opt := range []memo.Option{memo.SharedOnly(), memo.SkipNil(), memo.Version(1), memo.TagsFrom(studio), memo.Unless(forAdmin)} {
			_, err := memo.Do(ctx, "k", func(ctx context.Context) (*int, error) { memo.Amend(ctx, opt); return nil, nil })
			refusedPair(t, err, "Amend", "option")
		}
		if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("something is stored: %d, %v", v, err)
		}
	})
}

// What is said twice, or about another thing, is no contradiction.
func TestOptionsThatGoTogether(t *testing.T) {
	t.Parallel()
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx := c.With(context.Background())
		for _, opts := range [][]memo.Option{
			{memo.LocalOnly(), memo.LocalOnly()},
			{memo.LocalOnly(), memo.LocalTTL(time.Second)},
			{memo.LocalTTL(time.Second), memo.LocalTTL(time.Minute)},
			{memo.NoStore(), memo.SkipNil(), memo.TTL(time.Minute), memo.Stale(time.Minute), memo.Tags("a"), memo.NegativeTTL(time.Second)},
			{memo.SharedOnly(), memo.Version(2), memo.StaleIfError(time.Hour), memo.Option{}},
		} {
			for range 2 {
				if _, err := memo.Do(ctx, "k", func(context.Context) (*int, error) { return nil, nil }, opts...); err != nil {
					t.Error(err)
				}
			}
			must(t, memo.Invalidate(ctx, "k"))
		}
	})
}

func TestLocalTTLThatCannotBe(t *testing.T) {
	t.Parallel()
	ctx := newCache(t, memo.Config{}).With(context.Background())
	for _, d := range []time.Duration{0, -1} {
		_, err := memo.Do(ctx, "k", loadNumber, memo.LocalTTL(d))
		refusedPair(t, err, "Do", "LocalTTL")
		_, err = memo.Do(ctx, "k", func(ctx context.Context) (int, error) { memo.Amend(ctx, memo.LocalTTL(d)); return 1, nil })
		refusedPair(t, err, "Amend", "LocalTTL")
	}
}
