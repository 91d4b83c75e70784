package features_test

import (
	"context"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// cacheme: calls that go around the cache, versions, and changes that something else
// tells of.

func TestC24_ACallMayGoAroundTheCache(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		skip := memo.Unless(func(context.Context) bool { return true })
		same(t, "skipped", n.do(t, ctx, "k", skip), 1)
		same(t, "skipped again", n.do(t, ctx, "k", skip), 2)
		same(t, "nothing is stored", got(t, ctx, "k"), false)
		same(t, "by the ctx", n.do(t, memo.Bypass(ctx), "k"), 3)
		same(t, "stored", n.do(t, ctx, "k"), 4)
		same(t, "skipped while it is there", n.do(t, ctx, "k", skip), 5)
		same(t, "what is there", n.do(t, ctx, "k"), 4)
	})
}

// In cacheme a skip that answers False skips all the same, and its own test wants that.
func TestC25_ACallThatIsNotToBeSkippedIsCached(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{})
		type staff struct{}
		n := &counter{}
		skip := memo.Unless(func(ctx context.Context) bool { return ctx.Value(staff{}) != nil })
		same(t, "first", n.do(t, ctx, "k", skip), 1)
		same(t, "again", n.do(t, ctx, "k", skip), 1)
		same(t, "for staff", n.do(t, context.WithValue(ctx, staff{}, true), "k", skip), 2)
		same(t, "again", n.do(t, ctx, "k", skip), 1)

		c := memo.From(ctx)
		fn := memo.NewFunc(c, "f", func(_ context.Context, k int) (int, error) { return n.run(memo.Key("f", k)), nil },
			memo.UnlessFunc(func(_ context.Context, k int) bool { return k < 0 }))
		for i := range 3 {
			v, err := fn.Do(ctx, 5)
			must(t, err)
			same(t, "an argument that is cached", v, 1)
			v, err = fn.Do(ctx, -5)
			must(t, err)
			same(t, "an argument that is not", v, i+1)
		}
	})
}

func TestC09_AnOptionMakesTagsOfTheResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		read := func() int {
			ids, err := memo.Do(ctx, "friends", func(context.Context) ([]int, error) { return []int{3, 5, n.run("k")}, nil },
				memo.TagsFrom(func(ids []int) (tags []string) {
					for _, id := range ids {
						tags = append(tags, memo.Key("user", id))
					}
					return tags
				}))
			must(t, err)
			return ids[2]
		}
		same(t, "first", read(), 1)
		must(t, memo.InvalidateTags(ctx, "user:4"))
		same(t, "after one that is not in it", read(), 1)
		must(t, memo.InvalidateTags(ctx, "user:5"))
		same(t, "after one that is", read(), 2)
	})
}

// What tells of a change is the program's: a bus, a queue, triggers of a database. Here is
// all that is between it and the cache.
func TestC33_WhateverTellsOfChangesInvalidates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		read := func() int { return n.do(t, ctx, "k", memo.Tags(memo.Key("user", 7))) }
		bus := make(chan int)
		go func() {
			for id := range bus {
				must(t, c.InvalidateTags(background, memo.Key("user", id)))
			}
		}()
		same(t, "first", read(), 1)
		bus <- 8
		time.Sleep(aPoll)
		same(t, "after another's change", read(), 1)
		bus <- 7
		time.Sleep(aPoll)
		same(t, "after its own", read(), 2)
		close(bus)
		same(t, "without anybody who tells", read(), 2)
	})
}

func TestC39_ALinkIsNamedByBothEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{})
		links := newLinks()
		list := func(kind string, id int) string {
			v, err := memo.Do(ctx, memo.Key(kind, id, "linked"), func(ctx context.Context) (string, error) { return links.of(ctx, kind, id), nil })
			must(t, err)
			return v
		}
		same(t, "the book's", list("book", 1), "[]")
		must(t, memo.InvalidateTags(ctx, append(links.add("user", 1, "book", 1), links.add("user", 2, "book", 1)...)...))
		same(t, "the book's", list("book", 1), "[1 2]")
		same(t, "the user's", list("user", 1), "[1]")
		must(t, memo.InvalidateTags(ctx, links.clear("book", 1)...))
		same(t, "the book's, cleared", list("book", 1), "[]")
		same(t, "the user's, cleared", list("user", 1), "[]")
	})
}

func TestC41_AnyNumberOfFunctionsMayDependOnOneThing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		one, a := bound(t, memo.Config{Shared: store})
		two, b := bound(t, memo.Config{Shared: store})
		n := &counter{}
		tag := memo.TagsFunc(func(id int) []string { return []string{memo.Key("row of user", id)} })
		name := memo.NewFunc(one, "name", func(_ context.Context, id int) (int, error) { return n.run("name"), nil }, tag)
		age := memo.NewFunc(two, "age", func(_ context.Context, id int) (int, error) { return n.run("age"), nil }, tag)
		wants := func(want int) {
			t.Helper()
			v, err := name.Do(a, 7)
			must(t, err)
			same(t, "name", v, want)
			v, err = age.Do(b, 7)
			must(t, err)
			same(t, "age", v, want)
		}
		wants(1)
		must(t, memo.InvalidateTags(b, memo.Key("row of user", 7)))
		time.Sleep(aPoll)
		wants(2)
	})
}

func TestC52_AVersionPartsTheValuesOfOneName(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		n := &counter{}
		v1 := func(ctx context.Context) int { return n.do(t, ctx, "k", memo.Version(1)) }
		v2 := func(ctx context.Context) int { return n.do(t, ctx, "k", memo.Version(2)) }
		same(t, "the old code", v1(a), 1)
		same(t, "the new code", v2(b), 2)
		same(t, "the old code, beside it", v1(a), 1)
		same(t, "another name", n.do(t, a, "other"), 1)
		must(t, memo.Invalidate(b, "k")) // one is enough for both
		time.Sleep(aPoll)
		same(t, "the old code, after it", v1(a) > 2, true)
		same(t, "another name, after it", n.do(t, b, "other"), 1)
	})
}

// cacheme's signals are sent before the commit, so that who reads then keeps the old row;
// and of those that are not sent after a rollback it knows nothing.
func TestC38_AChangeIsToldAfterTheCommitAndNotAfterARollback(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		row, n := "old", &counter{}
		user := memo.NewFunc(c, "user", func(_ context.Context, id int) (string, error) { n.run(memo.Key(id)); return row, nil },
			memo.TagsFunc(func(id int) []string { return []string{memo.Key("users row", id)} }))
		read := func(id int, want string, runs int) {
			t.Helper()
			v, err := user.Do(ctx, id)
			must(t, err)
			same(t, "value", v, want)
			same(t, "runs", n.runs(memo.Key(id)), runs)
		}
		save := func(end func(tx *memo.Tx)) {
			inside, tx := memo.BeginTx(ctx)
			must(t, memo.InvalidateTags(inside, memo.Key("users row", 1), memo.Key("users row", 3))) // one by one, or many at once
			read(1, "old", 1)                                                                        // others, meanwhile
			end(tx)
		}
		read(1, "old", 1)
		read(2, "old", 1)
		save(func(tx *memo.Tx) { tx.Discard() })
		read(1, "old", 1)
		save(func(tx *memo.Tx) {
			row = "new"
			must(t, tx.Commit(ctx))
		})
		read(1, "new", 2)
		read(2, "old", 1) // another row
	})
}
