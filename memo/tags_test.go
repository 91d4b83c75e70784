package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Tags and trees: what an invalidation that names no keys reaches, and what it
// leaves alone.

func TestInvalidateTagsReachesWhatCarriesThem(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		here, there := open(), open()
		a, b := here.With(context.Background()), there.With(context.Background())
		read := func(ctx context.Context) {
			db.tagged(t, ctx, "book:1", "books", "author:7")
			db.tagged(t, ctx, "book:2", "books", "author:8")
			db.amended(t, ctx, "page", "author:7")
			db.do(t, ctx, "other")
		}
		read(a)
		read(b)
		for _, key := range []string{"book:1", "book:2", "page", "other"} {
			db.write(key)
		}
		must(t, here.InvalidateTags(context.Background(), "author:7"))
		time.Sleep(150 * time.Millisecond) // a poll
		for who, ctx := range map[string]context.Context{"the writer": a, "another process": b} {
			for key, want := range map[string]int{"book:1": 1, "book:2": 0, "page": 1, "other": 0} {
				if v := db.do(t, ctx, key); v != want { // a reader that names no tags
					t.Errorf("%s reads version %d of %s, want %d", who, v, key, want)
				}
			}
		}
		if n := db.queries("book:1") + db.queries("page"); here != there && n != 4 {
			t.Errorf("%d loads of the two, want one before and one after each", n)
		}
		if got := here.Snapshot().Total.Invalidations.Tags; got != 1 {
			t.Errorf("%d tags were counted", got)
		}
	})
}

func TestInvalidateTreeReachesWhatStandsBelow(t *testing.T) {
	deep := memo.Key("a", "b", "c", "d", "e", "f")
	keys := []string{"user", "user:7", "user:7:orders", "user:7:orders:1", "user:70", "users:7", deep}
	for tree, below := range map[string]map[string]bool{
		"user":                                {"user": true, "user:7": true, "user:7:orders": true, "user:7:orders:1": true, "user:70": true},
		"user:7":                              {"user:7": true, "user:7:orders": true, "user:7:orders:1": true},
		"user:7:orders":                       {"user:7:orders": true, "user:7:orders:1": true},
		"user:7:orders:1":                     {"user:7:orders:1": true},
		"a":                                   {deep: true},
		memo.Key("a", "b", "c", "d", "e"):     {deep: true},
		deep:                                  {deep: true},
		"nothing":                             {},
		memo.Key("a", "b", "c", "d", "other"): {},
	} {
		t.Run(tree, func(t *testing.T) {
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				here, there := open(), open()
				a, b := here.With(context.Background()), there.With(context.Background())
				for _, key := range keys {
					db.do(t, a, key)
					db.do(t, b, key)
					db.write(key)
				}
				must(t, here.InvalidateTree(context.Background(), tree))
				time.Sleep(150 * time.Millisecond)
				for _, key := range keys {
					want := 0
					if below[key] {
						want = 1
					}
					if v := db.do(t, a, key); v != want {
						t.Errorf("the writer reads version %d of %s, want %d", v, key, want)
					}
					if v := db.do(t, b, key); v != want {
						t.Errorf("another process reads version %d of %s, want %d", v, key, want)
					}
				}
			})
		})
	}
}

// A process that has never heard of the tag, and knows no key that carries it.
func TestTagIsInvalidatedFromAProcessThatNeverLoadedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		reader, _ := f.process(t)
		writer, _ := f.process(t)
		f.db.tagged(t, reader.With(context.Background()), "k", "group")
		f.db.write("k")
		must(t, writer.InvalidateTags(context.Background(), "group"))
		late, _ := f.process(t) // knows neither the entry nor the invalidation
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("a process that starts later reads version %d from the shared tier, want 1", v)
		}
	})
}

func TestRequestThatInvalidatesForgetsItsOwn(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		for name, invalidate := range map[string]func(ctx context.Context) error{
			"tags": func(ctx context.Context) error { return memo.InvalidateTags(ctx, "group") },
			"tree": func(ctx context.Context) error { return memo.InvalidateTree(ctx, "user") },
		} {
			key := "user:" + name
			ctx, end := c.Begin(context.Background())
			other, endOther := c.Begin(context.Background())
			before := db.tagged(t, ctx, key, "group")
			db.tagged(t, ctx, "kept", "another")
			db.tagged(t, other, key, "group")
			db.write(key)
			db.write("kept")
			must(t, invalidate(ctx))
			if v := db.tagged(t, ctx, key, "group"); v != before+1 {
				t.Errorf("%s: the request reads version %d after its own invalidation, want %d", name, v, before+1)
			}
			if v := db.tagged(t, other, key, "group"); v != before {
				t.Errorf("%s: a request that is open reads version %d, want its snapshot %d", name, v, before)
			}
			if v := db.tagged(t, ctx, "kept", "another"); v != 0 {
				t.Errorf("%s: the request lost what was not concerned", name)
			}
			end()
			endOther()
		}
	})
}

func TestSetKeepsItsTags(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c, other := open(), open()
		must(t, memo.Set(c.With(context.Background()), "k", 41, memo.Tags("group")))
		for _, c := range []*memo.Cache{c, other} {
			if v, err := memo.Get[int](c.With(context.Background()), "k"); v != 41 || err != nil {
				t.Errorf("Get: %d, %v", v, err)
			}
		}
		must(t, c.InvalidateTags(context.Background(), "group"))
		time.Sleep(150 * time.Millisecond)
		for _, c := range []*memo.Cache{c, other} {
			if v, err := memo.Get[int](c.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("after the invalidation: %d, %v", v, err)
			}
		}
	})
}

func TestAmendedTTL(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		ctx := open().With(context.Background())
		load := func() (int, error) {
			return memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
				memo.Amend(ctx, memo.TTL(time.Second))
				return db.read("k"), nil
			}, memo.TTL(time.Hour))
		}
		for range 2 {
			_, err := load()
			must(t, err)
		}
		time.Sleep(1100 * time.Millisecond)
		_, err := load()
		must(t, err)
		if n := db.queries("k"); n != 2 {
			t.Errorf("%d loads, want a second one when the amended TTL is over", n)
		}
	})
}

func TestBadTags(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	var none context.Context
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint("tag", i)
	}
	load := func(opts ...memo.Option) error {
		_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return 1, nil }, opts...)
		return err
	}
	for name, err := range map[string]error{
		"an empty tag":  load(memo.Tags("")),
		"a long one":    load(memo.Tags(fmt.Sprintf("%0251d", 1))),
		"too many":      load(memo.Tags(many...)),
		"a bad one":     c.InvalidateTags(context.Background(), "ok", ""),
		"no ctx":        c.InvalidateTags(none, "ok"),
		"an empty tree": c.InvalidateTree(context.Background(), ""),
		"amended": func() error {
			_, err := memo.Do(ctx, "k2", func(ctx context.Context) (int, error) { memo.Amend(ctx, memo.Tags("")); return 1, nil })
			return err
		}(),
		"amended by what is not about values": func() error {
			_, err := memo.Do(ctx, "k3", func(ctx context.Context) (int, error) { memo.Amend(ctx, memo.LoadTimeout(time.Second)); return 1, nil })
			return err
		}(),
	} {
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) || u.Fix == "" {
			t.Errorf("%s: %v, want a *UsageError", name, err)
		}
	}
	must(t, load(memo.Tags(many[:64]...)))
	memo.Amend(context.Background(), memo.Tags("ignored")) // outside of a loader
	if err := memo.InvalidateTags(context.Background(), "t"); !errors.Is(err, memo.ErrNoCache) {
		t.Error(err)
	}
	must(t, c.InvalidateTags(context.Background()))
}

// Round trips to the shared tier, as its calls.
func TestTagsCostNoRoundTripMoreThanTheyMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, calls := f.process(t, slowPoll)
		b, theirs := f.process(t, slowPoll)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		for _, key := range []string{"user:1", "user:2"} {
			f.db.tagged(t, actx, key, "group")
			f.db.amended(t, actx, "page:"+key, "author")
		}
		count := func(c *tiertest.Faulty, op tiertest.Op, do func()) int {
			before := c.Calls(op)
			do()
			synctest.Wait()
			return c.Calls(op) - before
		}
		if n := count(theirs, tiertest.OpGetMulti, func() { f.db.tagged(t, bctx, "user:1", "group") }); n != 1 {
			t.Errorf("a hit with known tags reads %d times, want once", n)
		}
		if n := count(theirs, tiertest.OpGetMulti, func() { f.db.do(t, bctx, "page:user:1") }); n != 2 {
			t.Errorf("a hit with tags that this process sees for the first time reads %d times, want 2", n)
		}
		if f.db.queries("user:1")+f.db.queries("page:user:1") != 2 {
			t.Error("they were no hits")
		}
		time.Sleep(6 * time.Minute) // it ends, and b knows what tags it had
		f.db.amended(t, actx, "page:user:1", "author")
		if n := count(theirs, tiertest.OpGetMulti, func() { f.db.do(t, bctx, "page:user:1") }); n != 1 || f.db.queries("page:user:1") != 2 {
			t.Errorf("a hit with the tags that it had before reads %d times, want once; %d loads", n, f.db.queries("page:user:1"))
		}
		for op, want := range map[tiertest.Op]int{tiertest.OpIncr: 1, tiertest.OpGetMulti: 1, tiertest.OpCompareAndSwap: 1, tiertest.OpAdd: 1, tiertest.OpDelete: 0} {
			if n := count(calls, op, func() { must(t, a.InvalidateTags(context.Background(), "group")) }); n != want {
				t.Errorf("InvalidateTags: %d %v, want %d", n, op, want)
			}
		}
	})
}
