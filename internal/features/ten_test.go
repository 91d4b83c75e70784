package features_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Ten things that are easily forgotten.

// selectors are the ways to name an entry of key "f:1" with the tag "tag".
var selectors = map[string]func(ctx context.Context) error{
	"key":      func(ctx context.Context) error { return memo.Invalidate(ctx, memo.Key("f", 1)) },
	"tag":      func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") },
	"function": func(ctx context.Context) error { return memo.InvalidateTree(ctx, memo.Key("f")) },
	"children": func(ctx context.Context) error { return memo.InvalidateTree(ctx, memo.Key("f", 1)) },
	"all":      memo.InvalidateAll,
	"expired":  func(ctx context.Context) error { return memo.Expire(ctx, memo.Key("f", 1)) },
}

func TestTen01_AnInvalidationReachesTheRequestItIsMadeIn(t *testing.T) {
	for name, end := range selectors {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCache(t, memo.Config{})
				n := &counter{}
				serveOnce(c, func(ctx context.Context) {
					same(t, "do", n.do(t, ctx, memo.Key("f", 1), memo.Tags("tag")), 1)
					must(t, end(ctx))
					same(t, "do again", n.do(t, ctx, memo.Key("f", 1), memo.Tags("tag")), 2)
				})
			})
		})
	}
}

// 1. a load has read the old row
// 2. the row is written, and the entry invalidated
// 3. the load ends: its value goes to those who waited, and is kept nowhere
func TestTen02_ALoadUnderWayIsNotKept(t *testing.T) {
	for name, end := range selectors {
		for where, by := range map[string]int{"here": 0, "elsewhere": 1} {
			t.Run(name+" "+where, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					_, a, b := two(t)
					n, g := &counter{}, newGate()
					load := func(context.Context) (int, error) {
						v := n.run("k")
						if v == 1 {
							g.pass()
						}
						return v, nil
					}
					read := func(ctx context.Context) int {
						v, err := memo.Do(ctx, memo.Key("f", 1), load, memo.Tags("tag"))
						must(t, err)
						return v
					}
					first := later(t, func() (int, error) { return memo.Do(a, memo.Key("f", 1), load, memo.Tags("tag")) })
					<-g.begun
					must(t, end([]context.Context{a, b}[by]))
					next := func() int { return 2 }
					if by == 0 { // who comes after it does not join the load
						next = later(t, func() (int, error) { return memo.Do(a, memo.Key("f", 1), load, memo.Tags("tag")) })
						synctest.Wait()
					}
					close(g.release)
					same(t, "who waited", first(), 1)
					same(t, "who came after it", next(), 2)
					time.Sleep(aPoll)
					same(t, "the process that loaded", read(a), 2)
					same(t, "the other one", read(b), 2)
				})
			})
		}
	}
}

func TestTen02_ALoadUnderWayInAnotherProcessIsNotKept(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	a, b := pair(t, server, db)
	for i, op := range []string{"invalidate", "invalidateTags", "invalidateTree", "invalidateAll", "expire"} {
		key, opts := memo.Key("f", i), options{Tags: []string{"tag"}}
		name := map[string]string{"invalidateTags": "tag", "invalidateTree": "f"}[op]
		if name == "" {
			name = key
		}
		db.write(t, key, "old")
		a.call("hold", key)
		load := a.send("do", opts, key)
		a.call("begun", key)
		db.write(t, key, "new")
		b.call(op, name)
		a.call("release", key)
		v, err := load()
		must(t, err)
		same(t, op+": who waited", v, "old")
		same(t, op+": the other process", b.with("fresh", opts, key), "new")
		a.call("catchUp")
		same(t, op+": the process that loaded", a.with("do", opts, key), "new")
	}
}

func TestTen03_AFailureEatsNeitherTheInvalidationNorTheLock(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, leave func()) (int, error){
		"an error":        func(context.Context, func()) (int, error) { return 0, errors.New("no") },
		"a panic":         func(context.Context, func()) (int, error) { panic("no") },
		"a caller leaves": func(ctx context.Context, leave func()) (int, error) { leave(); <-ctx.Done(); return 0, ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := two(t)
				time.Sleep(2 * time.Second)
				var runs atomic.Int64
				ctx, leave := context.WithCancel(a)
				defer leave()
				load := func(ctx context.Context) (int, error) {
					v := runs.Add(1)
					if v == 2 {
						return fail(ctx, leave)
					}
					return int(v), nil
				}
				v, err := memo.Do(a, "k", load)
				must(t, err)
				same(t, "stored", v, 1)
				must(t, memo.Invalidate(a, "k"))
				func() {
					defer func() { _ = recover() }()
					v, err := memo.Do(ctx, "k", load)
					if err == nil {
						t.Errorf("the failure returned %d", v)
					}
				}()
				time.Sleep(2 * time.Second) // a load that nobody waits for has ended by then
				began := time.Now()
				together(10, func(i int) {
					v, err := memo.Do([]context.Context{a, b}[i%2], "k", load)
					must(t, err)
					same(t, "each of ten", v, 3)
				})
				if took := time.Since(began); took > 50*time.Millisecond {
					t.Errorf("they waited %v", took)
				}
			})
		})
	}
}

func TestTen04_WhatTheServerForgetsOnlyMisses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, ctx, _ := wired(t, store)
		_, other, _ := wired(t, store, withoutL2)
		var row, runs atomic.Int64
		read := func(ctx context.Context) int64 {
			v, err := memo.Do(ctx, memo.Key("f", 1), func(context.Context) (int64, error) { runs.Add(1); return row.Load(), nil }, memo.TTL(time.Hour), memo.Tags("tag"))
			must(t, err)
			return v
		}
		same(t, "stored", read(ctx), 0)
		time.Sleep(59 * time.Minute)
		same(t, "long after the default TTL", read(ctx), 0)
		same(t, "elsewhere", read(other), 0)
		same(t, "runs", runs.Load(), 1)

		for name, end := range selectors {
			was := row.Add(1)
			must(t, end(ctx))
			for range 5 { // the numbers are forgotten again and again
				for _, key := range store.Keys() {
					if !strings.HasPrefix(key, "t:v:") {
						store.Evict(key)
					}
				}
				time.Sleep(time.Second)
				same(t, "after "+name, read(other), was)
				same(t, "after "+name+", where it was invalidated", read(ctx), was)
			}
		}
	})
}

// Each combination in a fleet of two with fifty callers: one run.
func TestTen05_OneRunWhateverIsLoaded(t *testing.T) {
	for name, opts := range map[string][]memo.Option{"plain": nil, "tagged": {memo.Tags("tag")}, "stale": {memo.Stale(time.Minute)}, "versioned": {memo.Version(3)}} {
		for value, v := range map[string]int{"zero": 0, "seven": 7} {
			for takes, d := range map[string]time.Duration{"fast": time.Millisecond, "slow": 4 * time.Second} {
				for state, before := range map[string]func(t *testing.T, ctx context.Context, key string){
					"cold":        func(*testing.T, context.Context, string) {},
					"invalidated": func(t *testing.T, ctx context.Context, key string) { must(t, memo.Invalidate(ctx, key)) },
				} {
					t.Run(strings.Join([]string{name, value, takes, state}, " "), func(t *testing.T) {
						bubble(t, func(t *testing.T) {
							_, a, b := two(t)
							time.Sleep(2 * time.Second)
							before(t, a, "k")
							time.Sleep(aPoll)
							n := &counter{}
							together(50, func(i int) {
								got, err := memo.Do([]context.Context{a, b}[i%2], "k", func(context.Context) (int, error) {
									n.run("k")
									time.Sleep(d)
									return v, nil
								}, opts...)
								must(t, err)
								same(t, "value", got, v)
							})
							same(t, "runs", n.runs("k"), 1)
						})
					})
				}
			}
		}
	}
}

func TestTen06_AProcessThatNeverCalledInvalidates(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	calls := []struct{ op, name string }{{"invalidateTree", "user"}, {"invalidateTags", "orders"}, {"invalidateTree", "user:7"}, {"invalidate", "user:7:orders"}, {"invalidateAll", ""}}
	all := start(t, server, db, 1+len(calls))
	a, others := all[0], all[1:]
	key, opts := memo.Key("user", 7, "orders"), options{Tags: []string{"orders"}}
	for i, c := range calls {
		was := a.with("do", opts, key)
		db.write(t, key, was+"+")
		same(t, "it is kept", a.with("do", opts, key), was)
		others[i].call(c.op, c.name) // its first and only call
		a.call("catchUp")
		same(t, fmt.Sprintf("after %s %q", c.op, c.name), a.with("do", opts, key), was+"+")
	}
}

// A link between two things is a tag of the lists on either side, by the thing that each
// is about: who writes the link names both ends.
func TestTen07_LinksAreSeenFromBothEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		links := newLinks()
		list := func(ctx context.Context, kind string, id int) string {
			v, err := memo.Do(ctx, memo.Key(kind, id, "linked"), func(ctx context.Context) (string, error) { return links.of(ctx, kind, id), nil })
			must(t, err)
			return v
		}
		wants := func(what, user1, user2, book1, book2 string) {
			t.Helper()
			for _, ctx := range []context.Context{a, b} {
				same(t, what+", user 1", list(ctx, "user", 1), user1)
				same(t, what+", user 2", list(ctx, "user", 2), user2)
				same(t, what+", book 1", list(ctx, "book", 1), book1)
				same(t, what+", book 2", list(ctx, "book", 2), book2)
			}
		}
		change := func(tags ...string) {
			must(t, memo.InvalidateTags(a, tags...))
			time.Sleep(aPoll)
		}
		wants("at first", "[]", "[]", "[]", "[]")
		change(links.add("user", 1, "book", 1)...)
		change(links.add("user", 2, "book", 1)...)
		change(links.add("book", 2, "user", 1)...) // from the other side
		wants("added", "[1 2]", "[1]", "[1 2]", "[1]")
		change(links.remove("user", 1, "book", 1)...)
		wants("one removed", "[2]", "[1]", "[2]", "[1]")
		change(links.clear("user", 1)...)
		wants("one user's cleared", "[]", "[1]", "[2]", "[]")
		change(links.clear("book", 1)...) // deleted, which is the same to the others
		wants("a book deleted", "[]", "[]", "[]", "[]")

		change(links.add("user", 1, "user", 2)...) // of one kind with itself
		wants("friends", "[2]", "[1]", "[]", "[]")
	})
}

func TestTen08_NoTwoArgumentsShareAKeyThatMemcachedTakes(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	a, b := readers(t, server)
	parts := [][]any{
		{"a b"}, {"ab"}, {"a", "b"}, {"a:b"}, {"a%3Ab"}, {1}, {"1"}, {1.0}, {true}, {"true"}, {nil}, {"nil"}, {""}, {int64(math.MaxInt64)}, {uint64(math.MaxUint64)},
		{strings.Repeat("й", 150)}, {strings.Repeat("й", 151)}, {strings.Repeat("a", 240) + "1"}, {strings.Repeat("a", 240) + "2"}, {[]string{"a", "b"}}, {[]string{"a,b"}}, {struct{ A, B string }{"a", "b"}},
	}
	for i, p := range parts {
		must(t, memo.Set(a, memo.Key(append([]any{"f"}, p...)...), i))
	}
	for i, p := range parts {
		v, err := memo.Get[int](b, memo.Key(append([]any{"f"}, p...)...))
		if err != nil || v != i {
			t.Errorf("%q has the value %d, %v, want %d", p, v, err, i)
		}
	}
	for _, key := range held(t, server) {
		if len(key) > 250 {
			t.Errorf("memcached holds a key of %d bytes", len(key))
		}
	}
	_, err := memo.Do(a, memo.Key("f", &userNode{}), (&counter{}).fn("k"))
	if u := (*memo.UsageError)(nil); !errors.As(err, &u) {
		t.Errorf("a pointer as a part of a key: %v", err)
	}
}

func TestTen09_NothingZeroAndFalseAreValues(t *testing.T) {
	t.Run("no pointer", func(t *testing.T) { keeps[*userNode](t, nil) })
	t.Run("zero", func(t *testing.T) { keeps(t, 0.0) })
	t.Run("false", func(t *testing.T) { keeps(t, false) })
	t.Run("empty", func(t *testing.T) { keeps(t, [0]int{}) })
}

func TestTen09_UnlessTouchesNothingWhenItIsTrueAndCachesWhenItIsNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx, wire := wired(t, tiertest.NewMemory())
		n := &counter{}
		unless := func(is bool) memo.Option { return memo.Unless(func(context.Context) bool { return is }) }
		same(t, "false", n.do(t, ctx, "k", unless(false)), 1)
		same(t, "false again", n.do(t, ctx, "k", unless(false)), 1)
		betweenPolls()
		since := spending(wire)
		same(t, "true", n.do(t, ctx, "k", unless(true)), 2)
		same(t, "true, of what is not there", n.do(t, ctx, "other", unless(true)), 1)
		same(t, "commands", since(), 0)
		same(t, "what was there", n.do(t, ctx, "k"), 1)
		same(t, "what was not", got(t, ctx, "other"), false)

		g := newGate() // nor does it join a load, or lead one
		loading := later(t, func() (int, error) {
			return memo.Do(ctx, "joined", func(context.Context) (int, error) { g.pass(); return 7, nil })
		})
		<-g.begun
		same(t, "beside a load", n.do(t, ctx, "joined", unless(true)), 1)
		close(g.release)
		same(t, "the load", loading(), 7)
	})
}

// There is no page yet. What it will show and do is safe without one: nothing is done for
// who does not hold the cache, an invalidation is of one prefix, and the numbers are of
// one instant.
func TestTen10_TheNumbersAreOfOneInstant(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	there := stranger(t, server)
	c, ctx := bound(t, on(t, server))
	done := make(chan struct{})
	go func() {
		defer close(done)
		together(4, func(i int) {
			n := &counter{}
			for k := range 200 {
				n.do(t, ctx, memo.Key("k", i, k%20))
			}
		})
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		s := c.Snapshot().Total
		if sum := s.L1 + s.L2 + s.L3 + s.Loads + s.Joined + s.Stale + s.Negative + s.Bypass + s.Miss + s.Errors; s.Calls != sum {
			t.Fatalf("%d calls have %d outcomes", s.Calls, sum)
		}
	}
	same(t, "calls", c.Snapshot().Total.Calls, 800)
	must(t, memo.InvalidateAll(ctx))
	there()
}
