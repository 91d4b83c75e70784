package features_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
)

// U-22: no operation is missing in one of the tiers; and M-04 for several keys.

func TestU22_WhatOneOperationStoresEveryOtherReadsInEveryTier(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(ctx context.Context, key string) error{
		"Set": func(ctx context.Context, key string) error { return memo.Set(ctx, key, 7) },
		"Add": func(ctx context.Context, key string) error { _, err := memo.Add(ctx, key, 7); return err },
		"Do": func(ctx context.Context, key string) error {
			_, err := memo.Do(ctx, key, func(context.Context) (int, error) { return 7, nil })
			return err
		},
		"Refresh": func(ctx context.Context, key string) error {
			_, err := memo.Refresh(ctx, key, func(context.Context) (int, error) { return 7, nil })
			return err
		},
	} {
		_, a, b := two(t)
		request, end := memo.From(a).Begin(a)
		must(t, store(request, "k"))
		never := func(context.Context) (int, error) { return 0, errors.New("it was loaded") }
		for tier, ctx := range map[string]context.Context{"L1": request, "L2": a, "L3": b} {
			if v, err := memo.Get[int](ctx, "k"); v != 7 || err != nil {
				t.Errorf("%s, then Get from %s: %d, %v", name, tier, v, err)
			}
			if v, err := memo.Do(ctx, "k", never); v != 7 || err != nil {
				t.Errorf("%s, then Do from %s: %d, %v", name, tier, v, err)
			}
			if added, err := memo.Add(ctx, "k", 8); added || err != nil {
				t.Errorf("%s, then Add over %s: %t, %v", name, tier, added, err)
			}
		}
		must(t, memo.Invalidate(request, "k"))
		for tier, ctx := range map[string]context.Context{"L1": request, "L2": a, "L3": memo.Fresh(b)} {
			if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("%s and Invalidate, then Get from %s: %d, %v", name, tier, v, err)
			}
		}
		end()
	}
}

func TestM04_ManyAreReadAtOnceWhateverStoredThem(t *testing.T) {
	t.Parallel()
	_, a, b := two(t) // get_many and set_many, mixed with the calls of one
	must(t, memo.Set(a, "set", 1))
	_, err := memo.Do(a, "done", func(context.Context) (int, error) { return 2, nil })
	must(t, err)
	asked := []string{"set", "done", "new", "set", "none"}
	load := func(_ context.Context, missing []string) (map[string]int, error) {
		same(t, "missing", len(missing), 2)
		return map[string]int{"new": 3}, nil // there is no "none"
	}
	got, err := memo.DoMany(b, asked, load)
	must(t, err)
	if want := map[string]int{"set": 1, "done": 2, "new": 3}; !maps.Equal(got, want) {
		t.Errorf("DoMany: %v, want %v", got, want)
	}
	for key, want := range got {
		if v, err := memo.Get[int](a, key); v != want || err != nil {
			t.Errorf("%s, one at a time: %d, %v, want %d", key, v, err, want)
		}
	}
	must(t, memo.Invalidate(a, "set", "done", "new"))
	got, err = memo.DoMany(a, []string{"set", "done"}, func(context.Context, []string) (map[string]int, error) { return nil, nil })
	must(t, err)
	same(t, "values after they were invalidated", len(got), 0)
}
