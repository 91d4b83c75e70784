package features_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// cacheme's decorated functions and its nodes: here both are a memo.Func.

// userNode is a node of cacheme: its fields are required, and make the key.
type userNode struct {
	ID   int
	Lang string
}

func TestC01_TheKeyIsMadeOfTheArguments(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	c, ctx := bound(t, on(t, server))
	fn := memo.NewFunc(c, "test", func(_ context.Context, u userNode) (int, error) { return u.ID + len(u.Lang), nil })
	v, err := fn.Do(ctx, userNode{20, "en"})
	must(t, err)
	same(t, "value", v, 22)
	same(t, "key", fn.Key(userNode{20, "en"}), memo.Key("test", 20, "en"))
	if lines := talk(t, server, "get t:v:test:20:en", "END"); len(lines) == 0 {
		t.Errorf("memcached has %q under the prefix and the key", lines)
	}
}

func TestC23_TheTTLOfAFuncIsKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		fn := memo.NewFunc(c, "node", func(_ context.Context, id int) (int, error) { return n.run("node"), nil }, memo.TTL(time.Second))
		read := func() int {
			v, err := fn.Do(ctx, 1)
			must(t, err)
			return v
		}
		same(t, "stored", read(), 1)
		time.Sleep(900 * time.Millisecond)
		same(t, "before its end", read(), 1)
		time.Sleep(200 * time.Millisecond)
		same(t, "after its end", read(), 2)
	})
}

// The name of a function is a tag that all of its values have. A key of that name, which
// makes cacheme fail, is a key among others; and a process without the function says the
// name.
func TestC26_TheNameOfAFunctionReachesItsValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, a := bound(t, memo.Config{Shared: store})
		_, b := bound(t, memo.Config{Shared: store}) // has no function
		n := &counter{}
		fn := memo.NewFunc(c, "three", func(_ context.Context, id int) (int, error) { return n.run("three"), nil }, memo.Tags("numbers"))
		read := func(id int) int {
			v, err := fn.Do(a, id)
			must(t, err)
			return v
		}
		must(t, memo.Set(a, "numbers", "a key"))
		same(t, "first", read(1), 1)
		for i, end := range []func() error{
			func() error { return fn.InvalidateAll(a) },
			func() error { return memo.InvalidateTree(b, memo.Key("three")) },
			func() error { return memo.InvalidateTags(b, "numbers") },
		} {
			must(t, end())
			time.Sleep(aPoll)
			same(t, "after it", read(1), i+2)
			same(t, "again", read(1), i+2)
		}
		v, err := memo.Get[string](a, "numbers")
		must(t, err)
		same(t, "the key of the tag's name", v, "a key")
	})
}

func TestC26_TheNameReachesFromAProcessThatNeverCalled(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	a, b := pair(t, server, db)
	key := memo.Key("three", 1)
	db.write(t, key, "old")
	same(t, "stored", a.call("do", key), "old")
	db.write(t, key, "new")
	b.call("invalidateTree", memo.Key("three"))
	a.call("catchUp")
	same(t, "after the name", a.call("do", key), "new")
}

// Every call has one outcome, and is counted by it: who joins another's load is neither
// lost nor counted as a run.
func TestC28_EachCallIsCountedOnceByWhatAnsweredIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{})
		n := &counter{}
		slow := func(context.Context) (int, error) { time.Sleep(50 * time.Millisecond); return n.run("k"), nil }
		together(10, func(int) {
			_, err := memo.Do(ctx, "k", slow)
			must(t, err)
		})
		_, err := memo.Do(ctx, "k", slow)
		must(t, err)
		got := c.Snapshot().Total
		same(t, "calls", got.Calls, 11)
		same(t, "loads", got.Loads, 1)
		same(t, "joined", got.Joined, 9)
		same(t, "hits", got.L2, 1)
		same(t, "runs", got.Runs, 1)
	})
}

// watched are cacheme's callbacks: the loader is what a miss calls, and who has an answer
// without it has a hit. That is all of the wrapper that a program needs.
func watched[V any](ctx context.Context, key string, load func(context.Context) (V, error), hit, miss func(key string)) (V, error) {
	missed := false
	v, err := memo.Do(ctx, key, func(ctx context.Context) (V, error) {
		missed = true
		miss(key)
		return load(ctx)
	})
	if !missed && err == nil {
		hit(key)
	}
	return v, err
}

func TestC29_MissAndHitOfACall(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	n, hits, misses := &counter{}, 0, 0
	for i := range 2 {
		v, err := watched(ctx, "k", n.fn("k"), func(string) { hits++ }, func(string) { misses++ })
		must(t, err)
		same(t, "value", v, 1)
		same(t, "misses", misses, 1)
		same(t, "hits", hits, i)
	}
	got := c.Snapshot().Total
	same(t, "loads", got.Loads, 1)
	same(t, "hits of L2", got.L2, 1)
}

// A node's own callback, and one of the call that wins, are two wrappers.
func TestC30_TheCallsOwnCallbackWins(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{})
	n, said := &counter{}, ""
	say := func(who string) func(string) { return func(string) { said += who } }
	ofNode := func(ctx context.Context) error {
		_, err := watched(ctx, "node", n.fn("node"), say("node hit "), say("node miss "))
		return err
	}
	must(t, ofNode(ctx))
	must(t, ofNode(ctx))
	_, err := watched(ctx, "node", n.fn("node"), say("call hit "), say("call miss "))
	must(t, err)
	same(t, "called", said, "node miss node hit call hit ")
}

// What a node requires, the compiler does: there is no user() without an ID of the right
// type, and a key that cannot be made is a mistake of the declaration.
func TestC34_AnArgumentWithoutAKeyIsRefusedAtTheDeclaration(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	fn := memo.NewFunc(c, "user", func(_ context.Context, u userNode) (string, error) { return u.Lang, nil })
	v, err := fn.Do(ctx, userNode{ID: 1, Lang: "en"})
	must(t, err)
	same(t, "value", v, "en")

	defer func() {
		if u, ok := recover().(*memo.UsageError); !ok || u.Name != "unkeyed" {
			t.Errorf("a pointer without a key is declared: %v", u)
		}
	}()
	memo.NewFunc(c, "unkeyed", func(_ context.Context, u *userNode) (string, error) { return u.Lang, nil })
}

func TestC35_AWholeClassOfNodesOneNodeOrATag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		fn := memo.NewFunc(c, "user", func(_ context.Context, u userNode) (int, error) { return n.run(memo.Key(u.ID)), nil },
			memo.TagsFunc(func(u userNode) []string { return []string{memo.Key("lang", u.Lang)} }))
		one, two := userNode{1, "en"}, userNode{2, "de"}
		wants := func(what string, first, second int) {
			t.Helper()
			for u, want := range map[userNode]int{one: first, two: second} {
				v, err := fn.Do(ctx, u)
				must(t, err)
				same(t, what, v, want)
			}
		}
		wants("at first", 1, 1)
		must(t, fn.Invalidate(ctx, one))
		wants("after one", 2, 1)
		must(t, fn.Invalidate(ctx, userNode{3, "en"}))
		wants("after another", 2, 1)
		must(t, memo.InvalidateTags(ctx, memo.Key("lang", "de")))
		wants("after a tag", 2, 2)
		must(t, memo.InvalidateTree(ctx, memo.Key("user", 1))) // in all languages
		wants("after one owner", 3, 2)
		must(t, fn.InvalidateAll(ctx))
		wants("after all", 4, 3)
	})
}

// cacheme reads what is stored, whatever was invalidated.
func TestC36_OneIsReadWithoutALoadAndNotWhenItWasInvalidated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, ctx := bound(t, memo.Config{Shared: store})
		_, other := bound(t, memo.Config{Shared: store})
		fn := memo.NewFunc(c, "test", func(context.Context, int) (string, error) { return "", errors.New("Get runs the loader") })
		_, err := fn.Get(ctx, 1)
		is(t, "what is not there", err, memo.ErrMiss)
		must(t, fn.Set(ctx, 1, "v", memo.Stale(time.Minute)))
		v, err := fn.Get(ctx, 1)
		must(t, err)
		same(t, "value", v, "v")
		v, err = memo.Get[string](other, fn.Key(1))
		must(t, err)
		same(t, "value elsewhere", v, "v")
		must(t, fn.Invalidate(ctx, 1))
		time.Sleep(aPoll)
		_, err = fn.Get(ctx, 1)
		is(t, "after Invalidate", err, memo.ErrMiss)
		_, err = memo.Get[string](other, fn.Key(1))
		is(t, "after Invalidate, elsewhere", err, memo.ErrMiss)
	})
}
