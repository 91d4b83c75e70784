package features_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// django-memoize, M-01 to M-14: the function, the cache, the key, the version.

func TestM01_ManyCallersRunTheFunctionOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{})
		var runs counter
		slow := func(context.Context) (int, error) {
			time.Sleep(50 * time.Millisecond)
			return runs.run("k"), nil
		}
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if v, err := memo.Do(ctx, "k", slow); v != 1 || err != nil {
					t.Errorf("got %d, %v, want 1", v, err)
				}
			})
		}
		all.Wait()
		same(t, "runs", runs.runs("k"), 1)
	})
}

func TestM02_WithoutACacheTheFunctionRunsAndTheMiddlewareBindsOne(t *testing.T) {
	t.Parallel()
	var runs counter
	for want := 1; want <= 2; want++ {
		same(t, "without a cache", runs.do(t, background, "k"), want)
	}
	if err := memo.Invalidate(background, "k"); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("Invalidate without a cache: %v, want ErrNoCache", err)
	}

	c, base := bound(t, memo.Config{}) // for http.Server.BaseContext, jobs, and whatever has no request
	same(t, "with one", runs.do(t, base, "k"), 3)
	same(t, "and again", runs.do(t, base, "k"), 3)
	handler := nethttp.Middleware(c)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		same(t, "the middleware's", memo.From(r.Context()), c)
		same(t, "in a request", runs.do(t, r.Context(), "k"), 3)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestM03_EachPrefixIsACacheOfItsOwnOnOneMemcached(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	prefixed := func(prefix string) (*memo.Cache, context.Context) {
		cfg := on(t, server)
		cfg.Prefix = prefix
		return bound(t, cfg)
	}
	a, actx := prefixed("a")
	_, bctx := prefixed("b")
	k := memo.Key("f", 1)
	db.do(t, actx, k, memo.Tags("tag"))
	db.do(t, bctx, k, memo.Tags("tag"))
	must(t, a.InvalidateAll(background))
	must(t, a.InvalidateTree(background, memo.Key("f")))
	must(t, a.InvalidateTags(background, "tag"))
	must(t, a.Invalidate(background, k))
	_, b2 := prefixed("b") // with nothing in its own memory
	for name, ctx := range map[string]context.Context{"b": bctx, "another process of b": b2} {
		if _, err := memo.Get[string](memo.Fresh(ctx), k); err != nil {
			t.Errorf("%s has lost its value with a's: %v", name, err)
		}
	}
	if _, err := memo.Get[string](actx, k); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("a has its value yet: %v", err)
	}
	for _, i := range dump(t, server) {
		if !strings.HasPrefix(i.key, "a:") && !strings.HasPrefix(i.key, "b:") {
			t.Errorf("memcached has %q, which begins with no prefix", i.key)
		}
	}
	if _, err := memo.New(memo.Config{Shared: tiertest.NewMemory()}); err == nil {
		t.Error("a shared tier without a prefix is no error")
	}
}

func TestM04_SetGetAddDeleteAndClear(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	c, ctx := bound(t, on(t, server))
	other := newCache(t, on(t, server)).With(background)
	foreign(t, server, "session:1", "somebody else's")

	// test_00: set
	must(t, memo.Set(ctx, "ham", "spam"))
	for _, ctx := range []context.Context{ctx, other} {
		if v, err := memo.Get[string](ctx, "ham"); v != "spam" || err != nil {
			t.Errorf("Get: %q, %v", v, err)
		}
	}
	// test_01: the first one wins
	if added, err := memo.Add(ctx, "ham", "eggs"); added || err != nil {
		t.Errorf("Add of what is there: %t, %v", added, err)
	}
	if added, err := memo.Add(other, "new", "first"); !added || err != nil {
		t.Errorf("Add of what is not there: %t, %v", added, err)
	}
	if added, err := memo.Add(ctx, "new", "second"); added || err != nil {
		t.Errorf("Add after another process's: %t, %v", added, err)
	}
	// test_02 and test_03: delete one, delete many
	gone := func(what string, keys ...string) {
		for _, key := range keys {
			for _, ctx := range []context.Context{ctx, memo.Fresh(other)} {
				if v, err := memo.Get[string](ctx, key); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("after %s %s is %q, %v, want ErrMiss", what, key, v, err)
				}
			}
		}
	}
	must(t, memo.Invalidate(ctx, "ham"))
	gone("Invalidate of one", "ham")
	must(t, memo.Set(ctx, "ham", "spam"))
	must(t, memo.Invalidate(ctx, "ham", "new"))
	gone("Invalidate of two", "ham", "new")
	// test_04: clear, and nobody else's
	must(t, memo.Set(ctx, "ham", "spam"))
	must(t, memo.Set(other, "egg", "spam"))
	must(t, c.InvalidateAll(background))
	gone("InvalidateAll", "ham", "egg")
	same(t, "another program's item is there", has(t, server, "session:1"), true)
}

func TestM05_FiveMinutesUnlessTheTTLSaysOtherwise(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{})
		var runs counter
		read := func(want int, opts ...memo.Option) {
			t.Helper()
			same(t, "the run that the value is from", runs.do(t, ctx, "k", opts...), want)
		}
		read(1)
		time.Sleep(5*time.Minute - time.Second)
		read(1)
		time.Sleep(2 * time.Second)
		read(2)
		must(t, memo.Invalidate(ctx, "k"))
		read(3, memo.TTL(time.Second))
		time.Sleep(1100 * time.Millisecond)
		read(4, memo.TTL(memo.NoExpiry))
		time.Sleep(50 * 365 * 24 * time.Hour)
		read(4)
		for _, none := range []time.Duration{0, -time.Second} {
			var wrong *memo.UsageError
			if _, err := memo.Do(ctx, "other", runs.fn("other"), memo.TTL(none)); !errors.As(err, &wrong) {
				t.Errorf("a TTL of %v: %v, want a *UsageError", none, err)
			}
		}
	})
}

func TestM06_DifferentArgumentsHaveDifferentKeysOnTheWire(t *testing.T) {
	t.Parallel()
	store, ctx, _ := two(t)
	chance := rand.New(rand.NewPCG(1, 2))
	words := []string{"", "a", "b", "a:b", "a b", "ab", ":", "%", "%20", "'", "1", "1.0", "true", "nil", "[1]", "{A=1}", "й", "\x00", "\xff", strings.Repeat("x", 300)}
	part := func() any {
		switch chance.IntN(5) {
		case 0:
			return chance.IntN(3)
		case 1:
			return float64(chance.IntN(3))
		case 2:
			return chance.IntN(2) == 0
		case 3:
			return []string{words[chance.IntN(len(words))], words[chance.IntN(len(words))]}
		}
		return words[chance.IntN(len(words))]
	}
	written := map[string]string{} // by key: the parts
	for range 2000 {
		parts := make([]any, 1+chance.IntN(3))
		for i := range parts {
			parts[i] = part()
		}
		k, what := memo.Key(parts...), fmt.Sprintf("%#v", parts)
		if had, ok := written[k]; ok && had != what {
			t.Fatalf("%s and %s share the key %q", had, what, k)
		}
		written[k] = what
	}
	for k := range written {
		must(t, memo.Set(ctx, k, k))
	}
	values := 0
	for _, wire := range store.Keys() {
		if strings.HasPrefix(wire, "t:v:") || strings.HasPrefix(wire, "t:e:") || strings.HasPrefix(wire, "t:h:") {
			values++
		}
	}
	same(t, "values in the shared tier", values, len(written))
	same(t, "readable", memo.Key("get_user", 7, "orders"), "get_user:7:orders")
}

// listing has a map and a slice among its arguments.
type listing struct {
	A, B int
	By   map[string]int
	Tags []string
}

func TestM07_OneCallHasOneKeyHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	key := func(args listing) string { return memo.Key("f", args) }
	same(t, "a field at its default", key(listing{A: 1}), key(listing{A: 1, B: 0}))
	one, two := map[string]int{}, map[string]int{}
	for i := range 50 {
		one[fmt.Sprint(i)] = i
		two[fmt.Sprint(49-i)] = 49 - i
	}
	same(t, "a map filled in another order", key(listing{By: one}), key(listing{By: two}))
	if key(listing{Tags: []string{"a", "b"}}) == key(listing{Tags: []string{"b", "a"}}) {
		t.Error("the order of a slice does not count")
	}
	if key(listing{A: 1}) == key(listing{B: 1}) {
		t.Error("the field does not count")
	}
}

func TestM08_FurtherArgumentsCount(t *testing.T) {
	t.Parallel()
	distinct(t, map[string]string{
		"one":             memo.Key("f", 1),
		"two":             memo.Key("f", 1, 2),
		"a slice":         memo.Key("f", []int{1, 2}),
		"a longer slice":  memo.Key("f", []int{1, 2, 3}),
		"nested left":     memo.Key("f", [][]int{{1, 2}, {3}}),
		"nested right":    memo.Key("f", [][]int{{1}, {2, 3}}),
		"slices apart":    memo.Key("f", []int{1}, []int{2}),
		"a slice of text": memo.Key("f", []string{"1", "2"}),
		"text with a ,":   memo.Key("f", []string{"1,2"}),
	})
}

func TestM09_TheTypeOfAnArgumentCounts(t *testing.T) {
	t.Parallel()
	distinct(t, map[string]string{
		"int": memo.Key("f", 1), "string": memo.Key("f", "1"), "float64": memo.Key("f", 1.0), "bool": memo.Key("f", true),
		"nil": memo.Key("f", nil), "the text true": memo.Key("f", "true"), "the text nil": memo.Key("f", "nil"), "bytes": memo.Key("f", []byte("1")),
	})
	// An id is the same id whichever integer type a layer gives it.
	same(t, "int64", memo.Key("f", int64(1)), memo.Key("f", 1))
	same(t, "uint8", memo.Key("f", uint8(1)), memo.Key("f", 1))
}

// distinct fails where two of keys, which have names, are the same.
func distinct(tb testing.TB, keys map[string]string) {
	tb.Helper()
	seen := map[string]string{}
	for name, key := range keys {
		if other, ok := seen[key]; ok {
			tb.Errorf("%s and %s share the key %q", name, other, key)
		}
		seen[key] = name
	}
}

// member says in a key who it is; bare is one that does not.
type (
	member struct {
		id   int
		name string
	}
	bare struct{ id int }
)

func (m *member) CacheKey() string { return fmt.Sprint(m.id) }

func TestM10_AnOwnerIsWhoItSaysAndNeverAnAddress(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{})
	var wrong *memo.UsageError
	if _, err := memo.Do(ctx, memo.Key("greet", &bare{7}), func(context.Context) (int, error) { return 1, nil }); !errors.As(err, &wrong) {
		t.Errorf("a pointer without a CacheKey: %v, want a *UsageError", err)
	}
	same(t, "two allocations of one owner", memo.Key("greet", &member{id: 7}), memo.Key("greet", &member{id: 7, name: "x"}))
	for i := range 200 { // each is garbage before the next one, and may get its address
		m := &member{id: i}
		v, err := memo.Do(ctx, memo.Key("greet", m), func(context.Context) (int, error) { return m.id, nil })
		if v != i || err != nil {
			t.Fatalf("owner %d got the value of %d, %v", i, v, err)
		}
	}
	// An owner that is "empty", as a list of length 0, is an owner as any other.
	distinct(t, map[string]string{"0": memo.Key("greet", &member{id: 0}), "1": memo.Key("greet", &member{id: 1}), "none": memo.Key("greet")})
}

func TestM11_TypesAreToldApartByTheirPartOfTheKey(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{})
	var runs counter
	same(t, "Adder.sum", runs.do(t, ctx, memo.Key("Adder", "sum", 1)), 1)
	same(t, "Adder.sum again", runs.do(t, ctx, memo.Key("Adder", "sum", 1)), 1)
	runs.do(t, ctx, memo.Key("Counter", "sum", 1))
	same(t, "runs of Counter.sum", runs.runs(memo.Key("Counter", "sum", 1)), 1)
	must(t, memo.InvalidateTree(ctx, memo.Key("Adder"))) // test_10e: a delete by the class
	same(t, "Adder.sum after its type was forgotten", runs.do(t, ctx, memo.Key("Adder", "sum", 1)), 2)
	same(t, "Counter.sum", runs.do(t, ctx, memo.Key("Counter", "sum", 1)), 1)
}

func TestM12_AnObjectThatChangesIsAnotherArgument(t *testing.T) {
	t.Parallel()
	type filter struct{ Genre string }
	f := filter{"sf"}
	before := memo.Key("films", f)
	f.Genre = "noir"
	if memo.Key("films", f) == before {
		t.Error("a changed field does not change the key")
	}
	// Who says what it goes by decides: the name of a member is no part of it.
	m := &member{id: 7, name: "Ann"}
	before = memo.Key("films", m)
	m.name = "Anna"
	same(t, "a field that CacheKey leaves out", memo.Key("films", m), before)
	m.id = 8
	if memo.Key("films", m) == before {
		t.Error("the field that CacheKey goes by does not change the key")
	}
}

func TestM13_TwoWhoBeginAtOnceDoNotOrphanEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		process := func() (*tiertest.Faulty, context.Context) {
			wire := tiertest.NewFaulty(store)
			_, ctx := bound(t, memo.Config{Shared: wire})
			return wire, ctx
		}
		_, a := process()
		_, b := process()
		var runs counter
		var both sync.WaitGroup
		for key, ctx := range map[string]context.Context{"f:1": a, "f:2": b} {
			both.Go(func() {
				_, err := memo.Do(ctx, key, func(context.Context) (int, error) {
					time.Sleep(time.Second) // both are under way: neither finds the other's marker
					return runs.run(key), nil
				}, memo.Tags("tag"))
				if err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		wire, c := process()
		for _, key := range []string{"f:1", "f:2"} {
			same(t, key+" in a third process", runs.do(t, c, key, memo.Tags("tag")), 1)
			same(t, "runs of "+key, runs.runs(key), 1)
		}
		// What a call costs when the process knows the markers: one command, and none when it has the value.
		must(t, memo.Set(a, "f:3", 3, memo.Tags("tag")))
		time.Sleep(3050 * time.Millisecond) // between two polls
		before := wire.Calls("")
		runs.do(t, c, "f:3", memo.Tags("tag"))
		same(t, "commands of a value in the shared tier", wire.Calls("")-before, 1)
		runs.do(t, c, "f:3", memo.Tags("tag"))
		same(t, "commands of a value at hand", wire.Calls("")-before, 1)
		same(t, "runs", runs.runs("f:3"), 0)
	})
}

func TestM14_AValueLivesItsOwnTimeWhateverElseWasStoredWhen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, a := bound(t, seldom(store))
		_, b := bound(t, seldom(store))
		var runs counter
		minute, hour := memo.TTL(time.Minute), memo.TTL(time.Hour)
		tag := memo.Tags("f")
		runs.do(t, a, "f:A", minute, tag) // t = 0
		time.Sleep(59 * time.Second)
		runs.do(t, a, "f:B", minute, tag) // t = 59
		time.Sleep(59 * time.Second)      // t = 118
		for _, ctx := range []context.Context{a, b} {
			same(t, "B at 118s", runs.do(t, ctx, "f:B", minute, tag), 1)
		}
		same(t, "A at 118s", runs.do(t, a, "f:A", minute, tag), 2)

		runs.do(t, a, "g:1", hour, tag)
		must(t, memo.InvalidateTree(a, "g"))
		must(t, memo.InvalidateTags(a, "f"))
		same(t, "after the invalidations", runs.do(t, a, "g:1", hour, tag), 2)
		time.Sleep(59 * time.Minute)
		for _, ctx := range []context.Context{a, b} {
			same(t, "59 minutes later", runs.do(t, ctx, "g:1", hour, tag), 2)
		}
	})
}
