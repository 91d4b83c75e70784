package memo_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Peek: what is at hand, and nothing else happens.

// untouched counts the reads of a Local that make an entry young.
type untouched struct {
	tier.Local
	gets atomic.Int64
}

func (l *untouched) Get(key string) *tier.Entry {
	l.gets.Add(1)
	return l.Local.Get(key)
}

// peeks fails unless a Peek of key under ctx finds want; -1: nothing.
func peeks(t *testing.T, what string, ctx context.Context, key string, want int) {
	t.Helper()
	v, ok := memo.Peek[int](ctx, key)
	if want < 0 && (ok || v != 0) || want >= 0 && (!ok || v != want) {
		t.Errorf("%s: %d, %t; want %d (-1 being nothing)", what, v, ok, want)
	}
}

func TestPeekFindsWhatL1AndL2HaveAndDoesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		local := &untouched{Local: lru.New(100)}
		here, store := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Local = local })
		there, _ := f.process(t, slowPoll)
		request, end := here.Begin(context.Background())
		defer end()
		f.db.write("k")
		f.db.do(t, here.With(context.Background()), "k")
		f.db.do(t, there.With(context.Background()), "there")
		counts, calls, gets := here.Snapshot().Total, store.Calls(""), local.gets.Load()
		peeks(t, "L2", here.With(context.Background()), "k", 1)
		peeks(t, "L2, in a request", request, "k", 1)
		peeks(t, "what only L3 has", request, "there", -1)
		peeks(t, "what nobody has", request, "nobody", -1)
		if now := here.Snapshot().Total; now != counts || store.Calls("") != calls || local.gets.Load() != gets {
			t.Errorf("something was done: %+v, before %+v; %d calls; %d uses", now, counts, store.Calls("")-calls, local.gets.Load()-gets)
		}
		f.db.do(t, request, "k")
		f.db.write("k")
		must(t, here.Invalidate(context.Background(), "k")) // by another request
		peeks(t, "the snapshot in L1", request, "k", 1)
		peeks(t, "what was invalidated", here.With(context.Background()), "k", -1)
		peeks(t, "no cache", context.Background(), "k", -1)
		var none context.Context
		peeks(t, "nil ctx", none, "k", -1)
		peeks(t, "empty key", request, "", -1)
	})
}

func TestPeekFindsNothingThatSaysTooLittle(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		request, end := c.Begin(context.Background())
		defer end()
		with := c.With(context.Background())
		for _, ctx := range []context.Context{with, request} {
			db.do(t, ctx, "k")
			_, _ = memo.Do(ctx, "nothing", func(context.Context) (int, error) { return 0, memo.ErrNotFound }, memo.NegativeTTL(time.Minute))
			_, _ = memo.Do(ctx, "text", loadText)
			db.tagged(t, ctx, "tagged", "tag")
			peeks(t, "plain", ctx, "k", 0)
			peeks(t, "a cached ErrNotFound", ctx, "nothing", -1)
			_, _ = memo.Do(ctx, "nothing of any kind", func(context.Context) (any, error) { return nil, memo.ErrNotFound }, memo.NegativeTTL(time.Minute))
			if v, ok := memo.Peek[any](ctx, "nothing of any kind"); ok {
				t.Errorf("a cached ErrNotFound is the value %v", v)
			}
			peeks(t, "a value of another type", ctx, "text", -1)
			peeks(t, "under Fresh", memo.Fresh(ctx), "k", -1)
			peeks(t, "under Bypass", memo.Bypass(ctx), "k", -1)
			c.SetEnabled(false)
			peeks(t, "of a cache that is off", ctx, "k", -1)
			c.SetEnabled(true)
			_, err := memo.Do(ctx, "whole", func(ctx context.Context) (int, error) {
				peeks(t, "in a loader", ctx, "k", -1)
				peeks(t, "in a loader, with the cache bound again", c.With(ctx), "k", -1)
				return 0, nil
			})
			must(t, err)
		}
		must(t, c.InvalidateTags(context.Background(), "tag"))
		peeks(t, "hidden by a tag", with, "tagged", -1)

		db.do(t, with, "short", memo.TTL(time.Second), memo.Stale(time.Hour), memo.StaleIfError(time.Hour))
		db.do(t, with, "expired", memo.Stale(time.Hour))
		must(t, c.Expire(context.Background(), "expired"))
		peeks(t, "expired", with, "expired", -1)
		time.Sleep(2 * time.Second)
		peeks(t, "past its time", with, "short", -1)
		must(t, c.Close(context.Background()))
		peeks(t, "of a closed cache", request, "k", -1)
	})
}

func TestPeekObeysTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		defer store.Inject(tiertest.Fault{Err: errDown})()
		time.Sleep(2 * time.Second)
		peeks(t, "this process has heard nothing for longer than StaleBound", ctx, "k", -1)
	})
}

// A value that is to be refreshed before its time is fresh.
func TestPeekBeforeTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		ctx := c.With(context.Background())
		_, err := memo.Do(ctx, "k", db.slow("k", time.Second), memo.TTL(time.Minute), memo.EarlyRefresh(100))
		must(t, err)
		peeks(t, "early", ctx, "k", 0)
		time.Sleep(time.Minute - 20*time.Millisecond)
		peeks(t, "just before its end", ctx, "k", 0)
		synctest.Wait()
		if n := db.queries("k"); n != 1 {
			t.Errorf("%d loads: Peek has begun a refresh", n)
		}
	})
}

func TestPeekAllocations(t *testing.T) { // not parallel, see allocates
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		hit(t, 1<<30)(memo.Do(ctx, "number", loadNumber))
		allocates(t, where, 0, func() {
			if v, ok := memo.Peek[int](ctx, "number"); v != 1<<30 || !ok {
				t.Fatal(v, ok)
			}
		})
		allocates(t, where+", nothing there", 0, func() { _, _ = memo.Peek[int](ctx, "another") })
	}
}
