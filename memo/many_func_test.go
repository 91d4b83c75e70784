package memo_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// DoMany by way of a Func, in a Tx, and as a read of each key.

func TestFuncOfMany(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	fn := &counter{}
	f := memo.NewBatchFunc(c, "n", fn.load)
	ctx, end := c.Begin(context.Background())
	defer end()
	for range 2 {
		values, err := f.DoMany(ctx, []int{3, 1, -1, 3})
		if want := map[int]int{3: 30, 1: 10}; !maps.Equal(values, want) || err != nil {
			t.Errorf("got %v, %v, want %v", values, err, want)
		}
	}
	results, err := f.AppendMany(ctx, make([]memo.Result[int], 1, 9), []int{1, 2, -1, 1}, memo.NegativeTTL(patience))
	if len(results) != 5 || results[1].Value != 10 || results[2].Value != 20 || results[3].Err != memo.ErrNotFound || results[4].Value != 10 || err != nil {
		t.Errorf("got %v, %v", results, err)
	}
	hit(t, 20)(f.Do(ctx, 2))
	hit(t, 20)(memo.Get[int](ctx, memo.Key("n", 2)))
	if _, err := f.Do(ctx, -1); err != memo.ErrNotFound {
		t.Errorf("an absent one: %v", err)
	}
	if want := [][]int{{-1, 1, 3}, {-1}, {-1, 2}}; !slices.EqualFunc(fn.calls, want, slices.Equal) {
		t.Errorf("loaded %d, want %d", fn.calls, want)
	}
	if n := c.Snapshot().Funcs; len(n) != 1 || n[0].Name != "n" || n[0].Runs != 3 || n[0].Calls != 4+4+4+3 {
		t.Errorf("counted %+v", n)
	}

	single := memo.NewFunc(c, "single", func(_ context.Context, k int) (int, error) {
		if k < 0 {
			return 0, errQuery
		}
		return 10 * k, nil
	})
	values, err := single.DoMany(ctx, []int{1, -1, 2, 1})
	failed(t, err, errQuery, single.Key(-1))
	if want := map[int]int{1: 10, 2: 20}; !maps.Equal(values, want) {
		t.Errorf("got %v, want %v", values, want)
	}
	values, err = single.DoMany(memo.Bypass(ctx), []int{1, -1, 2, 1})
	failed(t, err, errQuery, single.Key(-1))
	if len(values) != 2 {
		t.Errorf("got %v", values)
	}
}

func TestFuncOfManyAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	f := memo.NewBatchFunc(c, "n", (&counter{}).load)
	request, end := c.Begin(context.Background())
	defer end()
	ks := make([]int, 100)
	for i := range ks {
		ks[i] = i
	}
	dst := make([]memo.Result[int], 0, len(ks))
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		_, err := f.AppendMany(ctx, dst, ks)
		must(t, err)
		allocates(t, where+", 100 into the caller's slice", 0, func() { _, _ = f.AppendMany(ctx, dst, ks) })
	}
}

// What a Tx loads is its own, once for each key, and in one call.
func TestDoManyInATx(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		outside := c.With(context.Background())
		rows := newRowset("a", "b", "c")
		found(t, map[string]int{"a": 1})(memo.DoMany(outside, []string{"a"}, rows.find))
		ctx, tx := memo.BeginTx(outside)
		defer tx.Discard()
		for range 2 {
			found(t, map[string]int{"a": 1, "b": 2})(memo.DoMany(ctx, []string{"a", "b", "b"}, rows.find))
		}
		rows.asked(t, []string{"a"}, []string{"b"})
		if _, err := memo.Get[int](outside, "b"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("what a Tx has loaded is another's: %v", err)
		}
		must(t, memo.Invalidate(ctx, "a"))
		rows.set("a", 7)
		for range 2 {
			found(t, map[string]int{"a": 7, "b": 2, "c": 3})(memo.DoMany(ctx, []string{"a", "b", "c"}, rows.find))
		}
		rows.asked(t, []string{"a"}, []string{"b"}, []string{"a", "c"})
		found(t, map[string]int{"a": 1})(memo.DoMany(outside, []string{"a"}, rows.find))
		_, err := memo.DoMany(ctx, []string{"x", "y"}, func(ctx context.Context, missing []string) (map[string]int, error) {
			return memo.DoMany(ctx, []string{"y"}, rows.find)
		})
		failed(t, err, memo.ErrRecursive, "x", "y")
		must(t, tx.Commit(context.Background()))
		found(t, map[string]int{"a": 7})(memo.DoMany(outside, []string{"a"}, rows.find))
	})
}

// To read many keys is to read each of them: whatever Do sees, DoMany does.
func TestR33_ReadOfManyIsAReadOfEach(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		request, end := c.Begin(context.Background())
		defer end()
		outside := c.With(context.Background())
		rows := newRowset("a", "b")
		both := func(ctx context.Context, a, b int, opts ...memo.Option) {
			t.Helper()
			found(t, map[string]int{"a": a, "b": b})(memo.DoMany(ctx, []string{"a", "b"}, rows.find, opts...))
		}
		must(t, memo.Set(request, "a", 10, memo.TTL(time.Minute)))
		both(request, 10, 2)
		both(outside, 10, 2)
		must(t, memo.Set(outside, "a", 11, memo.TTL(time.Minute)))
		both(outside, 11, 2)
		both(request, 10, 2) // what a request has read it has
		both(memo.Fresh(request), 11, 2)
		both(memo.Vary(request, "tenant", 1), 1, 2)
		time.Sleep(2 * time.Minute)
		both(outside, 1, 2)
		rows.set("b", 20)
		must(t, memo.Invalidate(request, "b"))
		both(request, 11, 20)
		both(outside, 1, 20)
		both(memo.Bypass(outside), 1, 20)
	})
}

// A load that two requests share has the identity of neither.
func TestR38_LoadOfABatchBelongsToNoRequest(t *testing.T) {
	t.Parallel()
	type user struct{}
	type trace struct{}
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg, func(cfg *memo.Config) {
			cfg.LoadContext = func(ctx context.Context) context.Context {
				return context.WithValue(context.Background(), trace{}, ctx.Value(trace{}))
			}
		})
		ctx, end := c.Begin(context.WithValue(context.WithValue(context.Background(), user{}, "Ada"), trace{}, 7))
		defer end()
		fn := &counter{}
		_, err := memo.DoMany(ctx, []string{"a", "b"}, func(ctx context.Context, _ []string) (map[string]int, error) {
			fn.seen = append(fn.seen, ctx)
			return nil, nil
		})
		must(t, err)
		fn.at(t, ctx, 3, memo.BatchWindow(window))
		for _, seen := range fn.seen {
			if seen.Value(user{}) != nil || seen.Value(trace{}) != 7 || memo.From(seen) != c {
				t.Errorf("the loader sees user %v and trace %v", seen.Value(user{}), seen.Value(trace{}))
			}
		}
		if len(fn.seen) != 2 {
			t.Errorf("%d calls of the loaders, want 2", len(fn.seen))
		}
	})
}
