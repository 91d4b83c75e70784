package features_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// django-cache-utils, U-01 to U-16: the function, its key, groups.

func TestU01_AFunctionAMethodAndANestedOneAreMemoized(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t) // test_decorator: whatever the arguments are
	c, ctx := bound(t, on(t, server))
	other, octx := bound(t, on(t, server))
	var runs counter
	load := func(_ context.Context, arg string) (int, error) { return runs.run(arg), nil }
	here := memo.NewFunc(c, "twist", load, memo.TTL(time.Minute), memo.Tags("names"))
	there := memo.NewFunc(other, "twist", load, memo.TTL(time.Minute), memo.Tags("names"))
	for _, arg := range []string{"", "ann", "Василий", strings.Repeat("й", 240), strings.Repeat("Ы", 500), "not UTF-8: \xff\xfe", "a b", "\x00\n\t\x7f"} {
		for range 2 {
			for _, call := range []func() (int, error){
				func() (int, error) { return here.Do(ctx, arg) },
				func() (int, error) { return there.Do(octx, arg) },
			} {
				if v, err := call(); v != 1 || err != nil {
					t.Errorf("%q: run %d, %v, want one run", arg, v, err)
				}
			}
		}
	}
}

func TestU02_TheKeyCanBeReadAndDoesNotDependOnTheSource(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	type args struct {
		N int
		Y string
	}
	f := memo.NewFunc(c, "u12", func(context.Context, args) (int, error) { return 1, nil })
	same(t, "the key of a call", f.Key(args{1, "q"}), "u12:1:q")
	same(t, "by hand, in any file and process", memo.Key("u12", 1, "q"), "u12:1:q")
	same(t, "of a struct as one part", memo.Key("u12", args{1, "q"}), "u12:{N=1,Y=q}")
}

func TestU03_WhatMemcachedDoesNotTakeIsEscapedAndNotDropped(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, ctx := bound(t, on(t, server))
	_, other := bound(t, on(t, server))
	var runs counter
	args := []string{"a b", "ab", "a\tb", "a\n", "a", "a\x7f", "a\x00", "a%20b", "a+b"}
	for _, arg := range args {
		k := memo.Key("f", arg)
		same(t, fmt.Sprintf("run of %q", arg), runs.do(t, ctx, k), 1)
		must(t, memo.Set(ctx, k, len(arg)*1000+int(arg[len(arg)-1])))
	}
	for _, arg := range args { // each has its own value, from memcached
		v, err := memo.Get[int](other, memo.Key("f", arg))
		if want := len(arg)*1000 + int(arg[len(arg)-1]); v != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", arg, v, err, want)
		}
	}
}

func TestU04_EveryKeyFitsIntoMemcachedAndNoTwoMeet(t *testing.T) {
	t.Parallel()
	store := tiertest.NewMemory()
	_, ctx := bound(t, memo.Config{Shared: store, Prefix: strings.Repeat("й", 32)}) // the longest prefix, and all of it to be escaped
	chance := rand.New(rand.NewPCG(3, 4))
	alphabet := []rune("aZ09 :%'\t\n\x00\x7fйЫ€𝄞\uFFFD")
	keys := map[string]bool{
		memo.Key(strings.Repeat("й", 240)): true, memo.Key(strings.Repeat("Ы", 500)): true, memo.Key(strings.Repeat("Ы", 500) + "!"): true,
		memo.Key("f", strings.Repeat("x", 60_000)): true,
	}
	for range 1000 {
		text := make([]rune, chance.IntN(300))
		for i := range text {
			text[i] = alphabet[chance.IntN(len(alphabet))]
		}
		keys[memo.Key("f", string(text), chance.IntN(9))] = true
	}
	for k := range keys {
		must(t, memo.Set(ctx, k, k))
	}
	for k := range keys {
		if v, err := memo.Get[string](ctx, k); v != k || err != nil {
			t.Fatalf("%q has the value of %q, %v", k, v, err)
		}
	}
	values := 0
	for _, wire := range store.Keys() {
		if len(wire) > 250 || strings.ContainsFunc(wire, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			t.Errorf("a key of %d bytes on the wire: %q", len(wire), wire)
		}
		for _, kind := range []string{":v:", ":e:", ":h:"} {
			if strings.Contains(wire, kind) {
				values++
				break
			}
		}
	}
	same(t, "values", values, len(keys))
}

func TestU05_AProcessThatNeverCalledInvalidatesTheExactArguments(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	fleet := start(t, server, db, 2)
	a, b := fleet[0], fleet[1]
	one, two := memo.Key("f", "1"), memo.Key("f", "2")
	for _, k := range []string{one, two} {
		db.write(t, k, "old")
	}
	same(t, "before", a.call("func.do", "f", "1"), "old")
	same(t, "before", a.call("func.do", "f", "2"), "old")
	for _, k := range []string{one, two} {
		db.write(t, k, "new")
	}
	b.call("func.invalidate", "f", "1") // it declares the function, and calls it never
	b.call("func.invalidate", "f", "never called with this")
	a.call("catchUp")
	same(t, "the argument", a.call("func.do", "f", "1"), "new")
	same(t, "another", a.call("func.do", "f", "2"), "old")
}

func TestU06_AFunctionInsideOfAnotherIsInvalidatedFromOutside(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	c, ctx := bound(t, on(t, server))
	stranger := start(t, server, db, 1)[0]
	page := func() string {
		inner := func(context.Context) (string, error) { return db.read("row") } // nobody else has it
		v, err := memo.Do(ctx, memo.Key("inner", 7), inner)
		must(t, err)
		return v
	}
	db.write(t, "row", "old")
	same(t, "before", page(), "old")
	db.write(t, "row", "new")
	stranger.call("invalidate", memo.Key("inner", 7))
	catchUp(t, c)
	same(t, "after", page(), "new")
}

func TestU07_TheSameArgumentsAreOneCall(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	type args struct{ A, B, C int }
	var runs counter
	f := memo.NewFunc(c, "f", func(_ context.Context, a args) (int, error) { return runs.run(memo.Key(a)), nil })
	want := func(a args, run int) {
		t.Helper()
		v, err := f.Do(ctx, a)
		must(t, err)
		same(t, fmt.Sprint(a), v, run)
	}
	// test_10a, test_14 to test_16: f(1,2), f(1,2,c=0), f(b=2,a=1), and what each of them deletes
	for run, spelling := range []args{{1, 2, 0}, {A: 1, B: 2}, {B: 2, A: 1}, {A: 1, B: 2, C: 0}} {
		for _, s := range []args{{1, 2, 0}, {A: 1, B: 2}, {B: 2, A: 1}, {A: 1, B: 2, C: 0}} {
			want(s, run+1)
		}
		want(args{2, 1, 0}, 1)
		want(args{1, 2, 3}, 1)
		must(t, f.Invalidate(ctx, spelling))
	}
}

func TestU08_AReceiverCountsIfItIsInTheKeyAndElseNot(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	type scoped struct {
		Owner member2
		N     int
	}
	var runs counter
	shared := memo.NewFunc(c, "Parent.bar", func(_ context.Context, n int) (int, error) { return runs.run("shared"), nil })
	own := memo.NewFunc(c, "Parent.own", func(_ context.Context, s scoped) (int, error) { return runs.run(memo.Key(s.Owner)), nil })
	want := func(what string, v int, err error, run int) {
		t.Helper()
		must(t, err)
		same(t, what, v, run)
	}
	for range 2 { // whoever calls first
		v, err := shared.Do(ctx, 1)
		want("without an owner", v, err, 1)
		for _, owner := range []member2{{"Parent", 1}, {"Child", 1}, {"Parent", 2}} {
			v, err := own.Do(ctx, scoped{owner, 1})
			want(fmt.Sprint(owner), v, err, 1)
		}
	}
	must(t, shared.Invalidate(ctx, 1)) // test_method_invalidation: Foo.bar.invalidate(1), without an instance
	v, err := shared.Do(ctx, 1)
	want("after its invalidation", v, err, 2)
}

// member2 is an owner by its type's name and its number.
type member2 struct {
	Type string
	ID   int
}

func TestU10_NilIsKept(t *testing.T) {
	t.Parallel()
	_, a, b := two(t)
	runs := 0
	for _, ctx := range []context.Context{a, a, b} {
		v, err := memo.Do(ctx, "k", func(context.Context) (*int, error) {
			runs++
			return nil, nil
		})
		if v != nil || err != nil || runs != 1 {
			t.Errorf("%v, %v after %d runs, want nil after 1", v, err, runs)
		}
	}
}

func TestU11_AGroupIsForgottenAtOnceAndOutlivesEveryDefault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, a := bound(t, seldom(store))
		_, b := bound(t, seldom(store))
		var runs counter
		hour := memo.TTL(time.Hour)
		group := map[string]string{"ann": "names", "bob": "names", "red": "colors"} // test_group_invalidation
		read := func(ctx context.Context, key string, want int) {
			t.Helper()
			same(t, key, runs.do(t, ctx, key, hour, memo.Tags(group[key])), want)
		}
		for key := range group {
			read(a, key, 1)
		}
		time.Sleep(59 * time.Minute) // far beyond the five minutes that nothing was told to live
		for key := range group {
			read(a, key, 1)
			read(b, key, 1)
		}
		must(t, memo.InvalidateTags(b, "names"))
		for _, ctx := range []context.Context{b, memo.Fresh(a)} {
			read(ctx, "ann", 2)
			read(ctx, "bob", 2)
			read(ctx, "red", 1)
		}
		must(t, memo.InvalidateTags(a, "no such group"))
	})
}

func TestU11_TheMarkerOfAGroupHasNoEndInMemcached(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	_, ctx := bound(t, on(t, server))
	db.do(t, ctx, "k", memo.Tags("names"))
	must(t, memo.InvalidateTags(ctx, "names"))
	found := false
	for _, i := range dump(t, server) {
		if strings.HasPrefix(i.key, "t:t:names") {
			found = true
			same(t, "it has no end", i.forever, true)
		}
	}
	same(t, "memcached has the marker", found, true)
}

func TestU13_ALoadOfAGroupThatWasForgottenMeanwhileIsNotKept(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]memo.Config{"with a shared tier": {Shared: tiertest.NewMemory()}, "without": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overtaken(t, cfg, func(_ *memo.Func[int, string], ctx context.Context) error { return memo.InvalidateTags(ctx, "group") }, memo.Tags("group"))
		})
	}
}

func TestU13_AnotherProcessForgetsTheGroupWhileOneLoads(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	fleet := start(t, server, db, 2)
	a, b := fleet[0], fleet[1]
	group := options{Tags: []string{"group"}}
	db.write(t, "k", "old")
	a.call("hold", "k")
	load := a.send("do", group, "k")
	a.call("begun", "k")
	db.write(t, "k", "new")
	b.call("invalidateTags", "group")
	a.call("release", "k")
	if v, err := load(); v != "old" || err != nil {
		t.Errorf("who waited for the load got %q, %v", v, err)
	}
	same(t, "the other process", b.with("do", group, "k"), "new")
	a.call("catchUp")
	same(t, "the process that loaded", a.with("do", group, "k"), "new")
}

func TestU14_AMarkerThatWasLostBringsNothingBackHoweverOftenItIsMadeAgain(t *testing.T) {
	t.Parallel()
	store, ctx, _ := two(t)
	reader := func() context.Context { // with nothing in its own memory
		_, r := bound(t, memo.Config{Shared: store})
		return r
	}
	var runs counter
	old, forgotten := memo.Key("f", "old"), memo.Key("f", "forgotten")
	runs.do(t, ctx, old, memo.Tags("group"))
	runs.do(t, ctx, forgotten, memo.Tags("group"))
	if v, err := memo.Get[int](reader(), old); v != 1 || err != nil {
		t.Fatalf("before: %d, %v", v, err)
	}
	for i := range 20 {
		for _, wire := range store.Keys() {
			if strings.HasPrefix(wire, "t:t:") || strings.HasPrefix(wire, "t:r:") {
				store.Evict(wire)
			}
		}
		r := reader()
		if i%2 == 0 {
			must(t, memo.InvalidateTags(r, "group"))
		}
		runs.do(t, r, memo.Key("f", i), memo.Tags("group")) // makes the markers again
		for _, k := range []string{old, forgotten} {
			if v, err := memo.Get[int](reader(), k); !errors.Is(err, memo.ErrMiss) {
				t.Fatalf("%s came back after %d times: %d, %v", k, i+1, v, err)
			}
		}
	}
}

func TestU15_AGroupCostsNoFurtherRoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, writer := bound(t, memo.Config{Shared: store})
		wire := tiertest.NewFaulty(store)
		c, ctx := bound(t, memo.Config{Shared: wire})
		var runs counter
		group := memo.Tags("group")
		for _, k := range []string{"f:1", "f:2"} {
			must(t, memo.Set(writer, k, 1, group))
		}
		runs.do(t, ctx, "f:1", group)
		time.Sleep(3050 * time.Millisecond) // between two polls
		request, end := c.Begin(ctx)
		defer end()
		before := wire.Calls("")
		for range 10 {
			runs.do(t, request, "f:2", group)
		}
		same(t, "commands of ten grouped reads in a request", wire.Calls("")-before, 1)
		same(t, "runs", runs.runs("f:2"), 0)
	})
}

func TestU16_WhoReadsNeedNotKnowTheGroup(t *testing.T) {
	t.Parallel()
	_, a, b := two(t)
	must(t, memo.Set(a, "k", 1, memo.Tags("group")))
	added, err := memo.Add(a, "l", 1, memo.Tags("group"))
	must(t, err)
	same(t, "added", added, true)
	for _, k := range []string{"k", "l"} {
		if v, ok := memo.Peek[int](a, k); v != 1 || !ok {
			t.Errorf("Peek: %d, %t", v, ok)
		}
		if v, err := memo.Get[int](b, k); v != 1 || err != nil {
			t.Errorf("Get: %d, %v", v, err)
		}
	}
	must(t, memo.InvalidateTags(b, "another"))
	if _, err := memo.Get[int](memo.Fresh(a), "k"); err != nil {
		t.Errorf("after another group was forgotten: %v", err)
	}
	must(t, memo.InvalidateTags(b, "group"))
	for _, k := range []string{"k", "l"} {
		for _, ctx := range []context.Context{memo.Fresh(a), b} {
			if v, err := memo.Get[int](ctx, k); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("after its group was forgotten %s is %d, %v", k, v, err)
			}
		}
	}
	must(t, memo.Set(a, "k", 2, memo.Tags("group"))) // and works again
	if v, err := memo.Get[int](b, "k"); v != 2 || err != nil {
		t.Errorf("set after that: %d, %v", v, err)
	}
}

func TestU28_ARequestIsNoArgumentAndWhatCountsOfItIs(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{}) // test_function_with_http_request
	r, err := http.NewRequest("GET", "http://example.com/films?page=2", nil)
	must(t, err)
	var wrong *memo.UsageError
	if _, err := memo.Do(ctx, memo.Key("films", r), func(context.Context) (int, error) { return 1, nil }); !errors.As(err, &wrong) {
		t.Errorf("a request as an argument: %v, want a *UsageError", err)
	}
	same(t, "its path and query", memo.Key("films", r.URL.Path, r.URL.Query().Get("page")), "films:/films:'2")
}
