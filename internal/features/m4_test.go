package features_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Rows of django-memoize and django-cache-utils that are options here: M-19, M-20, U-10,
// U-19.

type previewKey struct{}

// preview is a ctx in which Unless(isPreview) goes around the cache.
func preview(ctx context.Context) context.Context {
	return context.WithValue(ctx, previewKey{}, true)
}

func isPreview(ctx context.Context) bool { return ctx.Value(previewKey{}) != nil }

func TestM20_UnlessGoesAroundEveryTierAndEveryOtherCall(t *testing.T) {
	t.Parallel()
	store, a, b := two(t)
	var runs counter
	f := memo.NewFunc(memo.From(a), "f", func(_ context.Context, n int) (int, error) { return runs.run(fmt.Sprint(n)), nil }, memo.Unless(isPreview))
	want := func(ctx context.Context, run int) {
		t.Helper()
		v, err := f.Do(ctx, 1)
		must(t, err)
		same(t, "run", v, run)
	}
	want(preview(a), 1)
	want(preview(a), 2)
	same(t, "items after calls that were none of the cache's business", countValues(store), 0)
	want(a, 3) // false: it is kept
	want(a, 3)
	want(preview(a), 4)
	want(a, 3) // and not replaced
	if v, err := memo.Get[int](b, f.Key(1)); v != 3 || err != nil {
		t.Errorf("in the shared tier: run %d, %v, want 3", v, err)
	}
}

func TestM20_UnlessSharesNoLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{})
		g := newGate()
		ordinary := later(t, func() (string, error) {
			return memo.Do(ctx, "k", func(context.Context) (string, error) {
				g.pass()
				return "ordinary", nil
			}, memo.Unless(isPreview))
		})
		<-g.begun
		around := later(t, func() (string, error) {
			return memo.Do(preview(ctx), "k", func(context.Context) (string, error) { return "preview", nil }, memo.Unless(isPreview))
		})
		synctest.Wait() // it has its answer, or waits for the load
		close(g.release)
		same(t, "who goes around", around(), "preview")
		same(t, "who does not", ordinary(), "ordinary")
	})
}

func countValues(store *tiertest.Memory) (n int) {
	for _, wire := range store.Keys() {
		if len(wire) > 4 && wire[:4] == "t:v:" {
			n++
		}
	}
	return n
}

func TestM19_ANewVersionReadsNothingOldAndOneDeletionReachesBoth(t *testing.T) {
	t.Parallel()
	store := tiertest.NewMemory()
	var v1, v2 counter
	declare := func(version int, runs *counter) (*memo.Func[int, int], context.Context) {
		c, ctx := bound(t, memo.Config{Shared: store})
		return memo.NewFunc(c, "users", func(_ context.Context, n int) (int, error) {
			return 1000*version + runs.run(fmt.Sprint(n)), nil
		}, memo.Version(version)), memo.Fresh(ctx)
	}
	old, octx := declare(1, &v1)
	now, nctx := declare(2, &v2)
	want := func(f *memo.Func[int, int], ctx context.Context, v int) {
		t.Helper()
		got, err := f.Do(ctx, 7)
		must(t, err)
		same(t, "the value", got, v)
	}
	want(old, octx, 1001)
	want(now, nctx, 2001)
	want(now, nctx, 2001)
	same(t, "the key is the same", now.Key(7), old.Key(7))
	must(t, now.InvalidateAll(nctx))
	want(now, nctx, 2002)
	if v, err := old.Do(octx, 7); v != 1002 || err != nil {
		t.Errorf("the old version after the new one's deletion: %d, %v, want another run of its own", v, err)
	}
}

func TestU10_SkipNilKeepsNoNil(t *testing.T) {
	t.Parallel()
	store, ctx, _ := two(t)
	var none, empty counter
	nothing := func(context.Context) (*int, error) { none.run(""); return nil, nil }
	for range 2 {
		if v, err := memo.Do(ctx, "k", nothing, memo.SkipNil()); v != nil || err != nil {
			t.Errorf("%v, %v", v, err)
		}
		if v, err := memo.Do(ctx, "l", func(context.Context) ([]int, error) { empty.run(""); return []int{}, nil }, memo.SkipNil()); v == nil || err != nil {
			t.Errorf("an empty slice: %v, %v", v, err)
		}
	}
	same(t, "runs of what is nil", none.runs(""), 2)
	same(t, "runs of what is empty", empty.runs(""), 1)
	same(t, "values in the shared tier", countValues(store), 1)
	if _, err := memo.Get[*int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("Get: %v, want ErrMiss", err)
	}
	must(t, memo.InvalidateAll(ctx))
	if v, err := memo.Do(ctx, "k", nothing); v != nil || err != nil || none.runs("") != 3 {
		t.Errorf("without the option: %v, %v", v, err)
	}
	if _, err := memo.Do(ctx, "k", nothing); err != nil || none.runs("") != 3 {
		t.Errorf("without the option a nil is kept: %d runs, %v", none.runs(""), err)
	}
}

func TestU19_ProjectsAndReleasesOnOneServerDoNotMeet(t *testing.T) {
	t.Parallel()
	store := tiertest.NewMemory()
	project := func(prefix string) context.Context {
		_, ctx := bound(t, memo.Config{Shared: store, Prefix: prefix})
		return ctx
	}
	v1, v2 := project("shop-v1"), project("shop-v2")
	tag := memo.Tags("films")
	must(t, memo.Set(v1, "k", 1, tag))
	if _, err := memo.Get[int](v2, "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("a value of another project: %v, want ErrMiss", err)
	}
	must(t, memo.Set(v2, "k", 2, tag))
	must(t, memo.InvalidateTags(v2, "films"))
	for name, ctx := range map[string]context.Context{"its own process": v1, "another": project("shop-v1")} {
		if v, err := memo.Get[int](memo.Fresh(ctx), "k"); v != 1 || err != nil {
			t.Errorf("the other project's group in %s: %d, %v", name, v, err)
		}
	}
}
