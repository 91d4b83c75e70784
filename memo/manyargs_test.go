package memo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// What a loader of many keys may do with what it was asked for, and what may be asked.

// aroundAndThrough runs test with each way that a batch can go: through the tiers, and
// past them.
func aroundAndThrough(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	for name, way := range map[string]func(ctx context.Context) context.Context{
		"through":  func(ctx context.Context) context.Context { return ctx },
		"no cache": func(context.Context) context.Context { return context.Background() },
		"Bypass":   memo.Bypass,
		"a Tx": func(ctx context.Context) context.Context {
			ctx, tx := memo.BeginTx(ctx)
			t.Cleanup(tx.Discard)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) { test(t, way(newCache(t, memo.Config{}).With(context.Background()))) })
	}
}

// The arguments are the loader's own: who sorts them for its query, or writes over them,
// gives nobody another one's value.
func TestLoaderOfManyMaySortItsArguments(t *testing.T) {
	t.Parallel()
	aroundAndThrough(t, func(t *testing.T, ctx context.Context) {
		sorts := func(_ context.Context, missing []string) (map[string]int, error) {
			values := map[string]int{}
			slices.Sort(missing)
			for _, key := range missing {
				values[key] = int(key[0])
			}
			return values, nil
		}
		found(t, map[string]int{"c": 'c', "a": 'a', "b": 'b'})(memo.DoMany(ctx, []string{"c", "a", "b"}, sorts))
		clears := func(_ context.Context, ids []int) (map[int]int, error) {
			values := map[int]int{}
			for i, id := range ids {
				values[id], ids[i] = 10*id, -1
			}
			return values, nil
		}
		ids := memo.NewBatchFunc(nil, "cleared", clears)
		hit(t, 70)(ids.Do(ctx, 7))
		asked := []int{3, 1, 2}
		got, err := ids.DoMany(ctx, asked)
		if want := map[int]int{3: 30, 1: 10, 2: 20}; err != nil || !maps.Equal(got, want) || !slices.Equal(asked, []int{3, 1, 2}) {
			t.Errorf("got %v, %v for %v, want %v", got, err, asked, want)
		}
	})
}

// An argument of an interface may be nil, and they may be of several types.
func TestBatchOfArgumentsOfAnInterface(t *testing.T) {
	t.Parallel()
	aroundAndThrough(t, func(t *testing.T, ctx context.Context) {
		f := memo.NewBatchFunc(nil, "any", func(ctx context.Context, ks []any) (map[any]string, error) {
			values := map[any]string{}
			for _, k := range ks {
				values[k] = fmt.Sprint(k)
				memo.AmendKey(ctx, k, memo.Tags("t"))
			}
			if len(ks) > 1 {
				memo.AmendKey(ctx, "text", memo.Tags("t")) // a string, where the first one is not
			}
			return values, nil
		})
		hit(t, "<nil>")(f.Do(ctx, nil))
		got, err := f.DoMany(ctx, []any{nil, 1, "text"})
		if want := map[any]string{nil: "<nil>", 1: "1", "text": "text"}; err != nil || !maps.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
}

// A map has no value for a NaN: to take it for absent would be wrong, and quiet.
func TestNaNIsNoArgumentOfABatch(t *testing.T) {
	t.Parallel()
	aroundAndThrough(t, func(t *testing.T, ctx context.Context) {
		half := func(_ context.Context, xs []float64) (map[float64]float64, error) {
			values := map[float64]float64{}
			for _, x := range xs {
				values[x] = x / 2
			}
			return values, nil
		}
		f := memo.NewBatchFunc(nil, "half", half, memo.NegativeTTL(time.Minute))
		got, err := f.DoMany(ctx, []float64{1, math.NaN(), math.Inf(1)})
		misused, batch := (*memo.UsageError)(nil), (*memo.BatchError)(nil)
		if !errors.As(err, &misused) || misused.Op != "DoMany" || !errors.As(err, &batch) || len(batch.Errs) != 1 || got[1] != 0.5 || len(got) != 2 {
			t.Errorf("got %v, %v", got, err)
		}
		if v, err := f.Do(ctx, math.NaN()); !errors.As(err, &misused) {
			t.Errorf("got %v, %v, want a *UsageError", v, err)
		}
		one := memo.NewFunc(nil, "half of one", func(_ context.Context, x float64) (float64, error) { return 7, nil })
		hit(t, 7.0)(one.Do(ctx, math.NaN()))
		answers, err := one.AppendMany(ctx, nil, []float64{math.NaN()})
		if err != nil || answers[0].Value != 7 {
			t.Errorf("got %v, %v", answers, err)
		}
	})
}

// A key with a mistake of its own changes nothing about the others.
func TestKeyWithAMistakeLeavesTheOthersTheirClone(t *testing.T) {
	t.Parallel()
	ctx := newCache(t, memo.Config{}).With(context.Background())
	f := memo.NewBatchFunc(nil, "list", func(context.Context, []int) (map[int][]int, error) {
		return map[int][]int{1: {1}, 2: {2}}, nil
	}, memo.Clone(slices.Clone[[]int]), memo.TagsFunc(func(k int) []string {
		if k < 0 {
			return []string{""}
		}
		return nil
	}))
	for range 3 {
		values, err := f.DoMany(ctx, []int{1, 2, -1})
		misused, batch := (*memo.UsageError)(nil), (*memo.BatchError)(nil)
		if !errors.As(err, &misused) || !errors.As(err, &batch) || len(batch.Errs) != 1 {
			t.Errorf("%v, want a *UsageError of one key", err)
		}
		if values[1][0] != 1 || values[2][0] != 2 {
			t.Fatalf("got %v: somebody else's writes", values)
		}
		values[1][0], values[2][0] = 7, 7
	}
}

// Around the tiers no tag is needed, and nobody is asked for one.
func TestBatchAroundTheTiersAsksForNoTags(t *testing.T) {
	t.Parallel()
	var sizes []int
	f := memo.NewBatchFunc(nil, "untagged", func(_ context.Context, ks []int) (map[int]int, error) {
		sizes = append(sizes, len(ks))
		return nil, nil
	}, memo.TagsFunc(func(int) []string { t.Error("asked for tags"); return []string{""} }), memo.BatchSize(2))
	for _, opts := range [][]memo.Option{nil, {memo.BatchSize(3)}} {
		if got, err := f.DoMany(context.Background(), []int{1, 2, 3}, opts...); len(got) != 0 || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if want := []int{2, 1, 3}; !slices.Equal(sizes, want) {
		t.Errorf("calls for %v keys, want %v", sizes, want)
	}
}
