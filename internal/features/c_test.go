package features_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// cacheme and django-cacheme: switches, names, and what is invalidated how.

func TestC03_TheSwitchWorksAtRunTimeAndLeavesWhatWasThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		same(t, "at first", n.do(t, ctx, "k"), 1)
		c.SetEnabled(false)
		same(t, "off", n.do(t, ctx, "k"), 2)
		same(t, "off, and again", n.do(t, ctx, "k"), 3)
		must(t, memo.Set(ctx, "other", 7))
		c.SetEnabled(true)
		same(t, "on again", n.do(t, ctx, "k"), 1)
		_, err := memo.Get[int](ctx, "other")
		is(t, "what was set while it was off", err, memo.ErrMiss)

		around := memo.Bypass(ctx) // for one request
		same(t, "around it", n.do(t, around, "k"), 4)
		same(t, "everybody else", n.do(t, ctx, "k"), 1)
	})
}

func TestC04_EachCacheHasItsOwnBackend(t *testing.T) {
	t.Parallel()
	one, two := mcserver.ForTest(t), mcserver.ForTest(t)
	_, ctx1 := bound(t, on(t, one))
	_, ctx2 := bound(t, on(t, two))
	n := &counter{}
	same(t, "the one", n.do(t, ctx1, memo.Key("user", 1)), 1)
	same(t, "the other", n.do(t, ctx2, memo.Key("user", 2)), 1)
	for server, want := range map[*mcserver.Server][2]bool{one: {true, false}, two: {false, true}} {
		keys := held(t, server)
		for i, want := range want {
			same(t, fmt.Sprintf("user %d stands in %q", i+1, keys), slices.Contains(keys, fmt.Sprintf("t:v:user:%d", i+1)), want)
		}
	}
}

func TestC05_EveryStoredKeyBeginsWithThePrefix(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	cfg := on(t, server)
	cfg.Prefix = "shop"
	_, ctx := bound(t, cfg)
	n := &counter{}
	for i := range 20 {
		n.do(t, ctx, memo.Key("book", i, "owner"), memo.Tags("books"), memo.TTL(time.Minute))
	}
	n.do(t, ctx, "ein Schlüssel mit Lücken", memo.Stale(time.Minute))
	n.do(t, ctx, strings.Repeat("long", 100))
	must(t, memo.Invalidate(ctx, memo.Key("book", 1, "owner")))
	must(t, memo.InvalidateTags(ctx, "books"))
	must(t, memo.InvalidateTree(ctx, memo.Key("book", 2)))
	must(t, memo.Expire(ctx, "ein Schlüssel mit Lücken"))
	must(t, memo.Set(ctx, "k", 1))
	must(t, memo.InvalidateAll(ctx))
	n.do(t, ctx, "k")
	keys := held(t, server)
	if len(keys) < 20 {
		t.Fatalf("memcached holds only %q", keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "shop:") {
			t.Errorf("%q does not begin with the prefix", key)
		}
	}
}

func TestC06_AnItemOfAnotherVersionIsAMiss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store, n := tiertest.NewMemory(), &counter{}
		_, ctx, _ := wired(t, store)
		same(t, "stored", n.do(t, ctx, "k"), 1)
		_, reader, _ := wired(t, store, withoutL2)
		same(t, "read by another process", n.do(t, reader, "k"), 1)

		node, items := store.Nodes()[0], make([]tier.Item, 1)
		must(t, node.GetMulti(background, []string{"t:v:k"}, items))
		later := slices.Clone(items[0].Value)
		for i := range 4 { // whatever says the version, it is at the head
			later[i] ^= 0x55
		}
		must(t, node.CompareAndSwap(background, "t:v:k", items[0].CAS, later, time.Hour))
		same(t, "another head", n.do(t, reader, "k"), 2)
	})
}

func TestC07_NoSeparatorCutsAKeyOff(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, parts := range [][]any{
		{"a", "b", 1}, {"a", "b", 2}, {"a", "b"}, {"a>b>1"}, {"a>b>2"}, {"a>b", 1}, {"a>b", 2}, {"a:b", 1}, {"a", "b:1"}, {"a:b:1"}, {"a::b", 1}, {"a", "", "b", 1}, {"a%3Ab", 1},
	} {
		key := memo.Key(parts...)
		if was, twice := seen[key]; twice {
			t.Errorf("%q and %s have the key %q", parts, was, key)
		}
		seen[key] = fmt.Sprintf("%q", parts)
	}
	_, ctx := bound(t, memo.Config{})
	n := &counter{}
	same(t, "the first chapter", n.do(t, ctx, memo.Key("a", "b", 1)), 1)
	same(t, "the second chapter", n.do(t, ctx, memo.Key("a", "b", 2)), 1)
	same(t, "runs for the second", n.runs(memo.Key("a", "b", 2)), 1)
}

func TestC08_ATagReachesItsEntriesHoweverItIsGiven(t *testing.T) {
	for name, tags := range map[string][]memo.Option{
		"one":     {memo.Tags("user:7")},
		"a list":  {memo.Tags("everybody", "user:7", "user:8")},
		"several": {memo.Tags("everybody"), {}, memo.Tags("user:7"), memo.Tags()},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := two(t)
				n := &counter{}
				same(t, "first", n.do(t, a, "k", tags...), 1)
				same(t, "again", n.do(t, a, "k", tags...), 1)
				same(t, "elsewhere, without the tags", n.do(t, b, "k"), 1)
				must(t, memo.InvalidateTags(b, "user:7"))
				same(t, "after the tag", n.do(t, b, "k"), 2)
				time.Sleep(aPoll)
				same(t, "after the tag, where it was loaded", n.do(t, a, "k"), 2)
			})
		})
	}
}

// cacheme keeps a set of keys for each tag, which grows without an end and is read
// whole. Here a tag is one small item, whatever carries it.
func TestC08_ATagCostsTheSameForTenThousandKeys(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		cost := func(tag string, keys int) (commands, items int) {
			c, ctx, wire := wired(t, store)
			for i := range keys {
				must(t, memo.Set(ctx, memo.Key(tag, i), i, memo.Tags(tag)))
			}
			betweenPolls()
			was, had := wire.Calls(""), len(store.Keys())
			must(t, memo.InvalidateTags(ctx, tag))
			commands, items = wire.Calls("")-was, len(store.Keys())-had
			for _, i := range []int{0, keys / 2, keys - 1} {
				_, err := memo.Get[int](ctx, memo.Key(tag, i))
				is(t, "a value with the tag", err, memo.ErrMiss)
			}
			must(t, c.Close(background))
			return commands, items
		}
		few, fewItems := cost("few", 2)
		many, manyItems := cost("many", 10_000)
		same(t, "commands for 10,000 keys", many, few)
		same(t, "items that it leaves", manyItems, fewItems)
	})
}

func TestC09_TagsComeFromTheResult(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		runs := 0
		list := func(ctx context.Context) ([]int, error) {
			runs++
			ids := []int{3, 5, 8}
			for _, id := range ids {
				memo.Amend(ctx, memo.Tags(memo.Key("user", id)))
			}
			return ids, nil
		}
		for i, c := range []struct {
			tag  string
			runs int
		}{{"user:4", 1}, {"user:5", 2}, {"user:9", 2}, {"user:8", 3}} {
			_, err := memo.Do(a, "friends", list)
			must(t, err)
			must(t, memo.InvalidateTags(b, c.tag))
			time.Sleep(aPoll)
			_, err = memo.Do(a, "friends", list)
			must(t, err)
			same(t, fmt.Sprintf("%d: runs after %s", i, c.tag), runs, c.runs)
		}
	})
}

func TestC10_AKeyIsInvalidated(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	a, b := pair(t, server, db)
	db.write(t, "test", "1")
	same(t, "one", a.call("do", "test"), "1")
	same(t, "the other", b.call("do", "test"), "1")
	db.write(t, "test", "2")
	same(t, "before", b.call("do", "test"), "1")
	a.call("invalidate", "test")
	same(t, "after, here", a.call("do", "test"), "2")
	b.call("catchUp")
	same(t, "after, in the other process", b.call("do", "test"), "2")
}

// cacheme reads its set of keys and then marks them: what is added meanwhile is missed.
//
//  1. the loader has read the old row
//  2. the tag is invalidated
//  3. the loader returns
func TestC11_ALoadUnderWayIsReachedByItsTag(t *testing.T) {
	for name, late := range map[string]bool{"a tag of the call": false, "a tag that the loader adds": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := two(t)
				row, g := "old", newGate()
				load := func(ctx context.Context) (string, error) {
					v := row
					if v == "old" {
						g.pass()
					}
					if late {
						memo.Amend(ctx, memo.Tags("users"))
					}
					return v, nil
				}
				opts := []memo.Option{memo.Tags("users")}
				if late {
					opts = nil
				}
				first := later(t, func() (string, error) { return memo.Do(a, "k", load, opts...) })
				<-g.begun
				row = "new"
				must(t, memo.InvalidateTags(b, "users"))
				close(g.release)
				same(t, "who waited", first(), "old")
				time.Sleep(aPoll)
				for who, ctx := range map[string]context.Context{"here": a, "elsewhere": b} {
					v, err := memo.Do(ctx, "k", load, opts...)
					must(t, err)
					same(t, who, v, "new")
				}
			})
		})
	}
}

// No pattern: memcached lists no keys, and a pattern over those that this process knows
// would miss the others'. What a pattern is used for is a tree, or a tag.
func TestC12_ATreeTakesThePlaceOfAPattern(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	there := stranger(t, server)
	cfg := on(t, server)
	cfg.Local = forgetful{}
	_, ctx := bound(t, cfg)
	const keys = 1000
	for i := range keys {
		must(t, memo.Set(ctx, memo.Key("pattern", i), i))
	}
	must(t, memo.Set(ctx, memo.Key("patterns", 1), 1))
	same(t, "stored", got(t, ctx, memo.Key("pattern", keys-1)), true)
	must(t, memo.InvalidateTree(ctx, memo.Key("pattern")))
	for i := range keys {
		if got(t, ctx, memo.Key("pattern", i)) {
			t.Fatalf("key %d is still there", i)
		}
	}
	same(t, "a name that begins alike", got(t, ctx, memo.Key("patterns", 1)), true)
	must(t, memo.InvalidateAll(ctx))
	same(t, "after everything", got(t, ctx, memo.Key("patterns", 1)), false)
	there()
}

// got reports whether key has a value, an int.
func got(tb testing.TB, ctx context.Context, key string) bool {
	tb.Helper()
	_, err := memo.Get[int](ctx, key)
	if err != nil && !errors.Is(err, memo.ErrMiss) {
		tb.Fatal(err)
	}
	return err == nil
}

func TestC13_KeysTagsAndTreesAreInvalidatedByOneHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		for _, key := range []string{"key", "tree:1", "tree:2", "rest"} {
			must(t, memo.Set(a, key, 1))
		}
		must(t, memo.Set(a, "tagged", 1, memo.Tags("tag")))
		time.Sleep(aPoll)
		same(t, "before", got(t, b, "tagged"), true)
		must(t, errors.Join(memo.Invalidate(a, "key", "never cached"), memo.InvalidateTags(a, "tag", "unknown"), memo.InvalidateTree(a, "tree")))
		time.Sleep(aPoll)
		for key, want := range map[string]bool{"key": false, "tree:1": false, "tree:2": false, "tagged": false, "rest": true} {
			same(t, key, got(t, a, key), want)
			same(t, key+" elsewhere", got(t, b, key), want)
		}
	})
}
