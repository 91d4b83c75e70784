package memo_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// A batch of which something panics: each of its keys is what a single call of it would be.

// A panic is no error that an old value stands in for, nor one that is not tried again:
// the next caller runs the loader.
func TestPanicOfABatchIsNoReasonToServeWhatIsOld(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		read := func(load func(context.Context, []string) (map[string]int, error)) answers {
			return manyLater(func() (map[string]int, error) {
				return memo.DoMany(ctx, []string{"a", "b"}, load, memo.TTL(time.Second), memo.StaleIfError(time.Hour))
			})()
		}
		var calls [][]string
		read(lasting(0, &calls, 1))
		time.Sleep(time.Minute)
		if got := read(func(context.Context, []string) (map[string]int, error) { panic("the loader's own") }); got.panic != "the loader's own" {
			t.Errorf("got %+v", got)
		}
		got := read(lasting(0, &calls, 2))
		found(t, map[string]int{"a": 2, "b": 2})(got.values, got.err)
	})
}

// One panic is the caller's, and all keys are counted.
func TestPanicOfABatchIsCountedForEachKey(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		inTx, tx := memo.BeginTx(ctx)
		defer tx.Discard()
		f.db.do(t, ctx, "known")
		for name, ctx := range map[string]context.Context{"outside": ctx, "in a Tx": inTx} {
			before := c.Snapshot().Total
			got := manyLater(func() (map[string]int, error) {
				return memo.DoMany(memo.Fresh(ctx), []string{"a", "b", "c", "known"}, func(context.Context, []string) (map[string]int, error) { panic("the loader's own") })
			})()
			if got.panic != "the loader's own" {
				t.Errorf("%s: got %+v", name, got)
			}
			if n := c.Snapshot().Total; n.Calls-before.Calls != 4 {
				t.Errorf("%s: counted %d calls, want 4", name, n.Calls-before.Calls)
			}
		}
	})
}

// TagsFrom is a part of the loader. One that panics while a value is refreshed behind its
// readers is asked again a second later, and not by each of them.
func TestPanicOfTagsFromBehindTheReadersOfABatch(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		ctx := c.With(context.Background())
		var fails atomic.Bool
		tags := memo.TagsFrom(func(int) []string {
			if fails.Load() {
				panic("TagsFrom's own")
			}
			return nil
		})
		var calls [][]string
		read := func() {
			found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a"}, lasting(0, &calls, 1), memo.TTL(time.Second), memo.Stale(time.Hour), tags))
		}
		read()
		time.Sleep(time.Minute)
		fails.Store(true)
		for range 5 {
			read()
			time.Sleep(100 * time.Millisecond)
		}
		if len(calls) != 2 {
			t.Errorf("the loader ran %d times, want once, and once behind", len(calls))
		}
		if n := c.Snapshot().Total; n.RunPanics != 1 {
			t.Errorf("counted %+v", n)
		}
	})
}

// A panic of a user's shared tier, on the goroutine that looks for all, is the caller's,
// and does not end the process.
func TestPanicOfASharedTierInABatch(t *testing.T) {
	t.Parallel()
	f := newFleet()
	c, wire := f.process(t)
	ctx := c.With(context.Background())
	var calls [][]string
	load := lasting(0, &calls, 1)
	one := memo.NewFunc(nil, "one", func(context.Context, string) (int, error) { return 1, nil })
	for name, read := range map[string]func() (map[string]int, error){
		"of many": func() (map[string]int, error) { return memo.DoMany(ctx, []string{"a", "b"}, load) },
		"of one":  func() (map[string]int, error) { return one.DoMany(ctx, []string{"a", "b"}) },
	} {
		remove := wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:", Times: 1, Before: func(context.Context, tiertest.Op, []string) { panic("the tier's own") }})
		if got := manyLater(read)(); got.panic != "the tier's own" {
			t.Errorf("%s: got %+v", name, got)
		}
		remove()
		found(t, map[string]int{"a": 1, "b": 1})(read())
	}
}
