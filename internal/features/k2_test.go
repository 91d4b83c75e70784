package features_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// keyedcache: what it counts, and its objects.

// There is no Ping yet; the statistics say which servers answer, and no question of
// theirs is counted as a call.
func TestK24_TheStatisticsSayWhichServersAnswer(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	c, ctx := bound(t, memo.Config{Prefix: "t", Shared: dial(t, server.Addr())})
	(&counter{}).do(t, ctx, "k")
	up := func(want bool) {
		t.Helper()
		for began := time.Now(); c.Snapshot().Nodes[0].Up != want; <-time.After(time.Millisecond) {
			if time.Since(began) > patience {
				t.Fatalf("after %v it is not known that the server answers: %t", patience, want)
			}
		}
	}
	up(true)
	must(t, server.Kill())
	up(false)
	must(t, server.Restart())
	up(true)
	same(t, "calls", c.Snapshot().Total.Calls, 1)
}

func TestK25_ExactNumbersOfAScript(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{})
		n, fail := &counter{}, errors.New("no")
		in := request(t, c)
		n.do(t, in, "a")                                                                                                           // load
		n.do(t, in, "a")                                                                                                           // L1
		n.do(t, ctx, "a")                                                                                                          // L2
		_, err := memo.Do(ctx, "b", func(context.Context) (int, error) { return 0, fail })                                         // error
		is(t, "a load that fails", err, fail)                                                                                      //
		_, err = memo.Get[int](ctx, "b")                                                                                           // miss
		is(t, "Get", err, memo.ErrMiss)                                                                                            //
		n.do(t, memo.Bypass(ctx), "a")                                                                                             // bypass
		must(t, memo.Invalidate(ctx, "a", "b"))                                                                                    //
		_, _ = memo.Do(ctx, "c", func(context.Context) (int, error) { return 0, memo.ErrNotFound }, memo.NegativeTTL(time.Minute)) // load
		_, _ = memo.Do(ctx, "c", func(context.Context) (int, error) { return 0, memo.ErrNotFound }, memo.NegativeTTL(time.Minute)) // negative
		got := c.Snapshot().Total
		for what, pair := range map[string][2]uint64{
			"calls": {got.Calls, 8}, "loads": {got.Loads, 2}, "L1": {got.L1, 1}, "L2": {got.L2, 1}, "errors": {got.Errors, 1}, "misses": {got.Miss, 1}, "bypass": {got.Bypass, 1},
			"negatives": {got.Negative, 1}, "runs": {got.Runs, 3}, "runs that failed": {got.RunErrors, 1}, "keys invalidated": {got.Invalidations.Keys, 2}, "entries": {uint64(got.Entries), 1},
		} {
			same(t, what, pair[0], pair[1])
		}
	})
}

// keyedcache's list of keys grows for ever. Here what is counted is numbers, and what is
// kept has a bound.
func TestK25_NumbersOfManyKeysTakeNoRoom(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	for i := range 50_000 {
		if _, err := memo.Do(ctx, memo.Key("k", i), func(context.Context) (int, error) { return i, nil }); err != nil {
			t.Fatal(err)
		}
	}
	s := c.Snapshot()
	same(t, "loads", s.Total.Loads, 50_000)
	if s.Local.Entries > s.Local.Capacity || s.Total.Evictions < 50_000-uint64(s.Local.Capacity) {
		t.Errorf("%d entries of at most %d, and %d evictions", s.Local.Entries, s.Local.Capacity, s.Total.Evictions)
	}
}

// book is an object that is cached under its class and its number.
type book struct {
	PK    int
	Title string
}

// The six verbs of keyedcache's CachedObjectMixin, by the Func of a class: cache_key,
// cache_set, cache_get, cache_delete with and without the children, cache_reset, is_cached.
func TestK32_TheSixVerbsOfAnObject(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, ctx := bound(t, memo.Config{Shared: store})
		_, other := bound(t, memo.Config{Shared: store})
		rows := map[int]string{3: "from the database"}
		books := memo.NewFunc(c, "Book", func(_ context.Context, pk int) (book, error) { return book{pk, rows[pk]}, nil })

		same(t, "key", books.Key(3), memo.Key("Book", 3))
		same(t, "key of a part", memo.Key("Book", 3, "a", "b", 2), "Book:3:a:b:2")

		_, cached := books.Peek(ctx, 3)
		same(t, "is cached", cached, false)
		must(t, books.Set(ctx, 3, book{3, "set"}))
		must(t, memo.Set(ctx, memo.Key("Book", 3, "reviews"), 5))
		_, cached = books.Peek(ctx, 3)
		same(t, "is cached after Set", cached, true)
		b, err := books.Get(ctx, 3)
		must(t, err)
		same(t, "get", b.Title, "set")

		must(t, books.Invalidate(ctx, 3))
		_, err = books.Get(ctx, 3)
		is(t, "after Invalidate", err, memo.ErrMiss)
		same(t, "its child", got(t, ctx, memo.Key("Book", 3, "reviews")), true)
		must(t, memo.InvalidateTree(ctx, books.Key(3)))
		same(t, "its child, after the tree", got(t, ctx, memo.Key("Book", 3, "reviews")), false)

		must(t, books.Set(ctx, 3, book{3, "old"}))
		b, err = books.Refresh(ctx, 3)
		must(t, err)
		same(t, "reset", b.Title, "from the database")
		v, err := memo.Get[book](other, books.Key(3))
		must(t, err)
		same(t, "elsewhere", v.Title, "from the database")
	})
}

// find_by_id: from the cache, else from the database, else nothing, which is kept too.
func TestK33_WhatDoesNotExistIsAskedForOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		find := memo.NewFunc(c, "find_by_slug", func(_ context.Context, slug string) (book, error) {
			if n.run(slug); slug != "there" {
				return book{}, memo.ErrNotFound
			}
			return book{PK: 1}, nil
		}, memo.NegativeTTL(10*time.Second))
		for range 3 {
			b, err := find.Do(ctx, "there")
			must(t, err)
			same(t, "found", b.PK, 1)
			_, err = find.Do(ctx, "nowhere")
			is(t, "not found", err, memo.ErrNotFound)
		}
		same(t, "queries for what is there", n.runs("there"), 1)
		same(t, "queries for what is not", n.runs("nowhere"), 1)
		time.Sleep(11 * time.Second)
		_, err := find.Do(ctx, "nowhere")
		is(t, "not found", err, memo.ErrNotFound)
		same(t, "queries, later", n.runs("nowhere"), 2)
	})
}

func TestK34_NoneAndFalseAreKept(t *testing.T) {
	t.Run("none", func(t *testing.T) { keeps[*book](t, nil) })
	t.Run("false", func(t *testing.T) { keeps(t, false) })
}

// What is logged is a change of state, and goes to a logger of the program's choice.
func TestK35_ReadsAndWritesLogNothing(t *testing.T) {
	t.Parallel()
	j := &journal{}
	_, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory(), Logger: j.logger()})
	n := &counter{}
	for range 3 {
		n.do(t, ctx, "k")
		must(t, memo.Set(ctx, "set", 1))
		must(t, memo.Invalidate(ctx, "k"))
	}
	same(t, "logged", j.String(), "")
	newCache(t, memo.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
}
