package features_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// django-memoize, M-15 to M-25: what hangs on the function, and what is deleted by it.

// adder is what the tests of the package memoize: a sum for an owner, with a drift that
// tells one run from another.
type sum struct {
	Owner string
	A, B  int
}

type adder struct {
	runs counter
	*memo.Func[sum, string]
}

func newAdder(c *memo.Cache, name string, opts ...memo.Option) *adder {
	a := &adder{}
	a.Func = memo.NewFunc(c, name, a.load, opts...)
	return a
}

func (a *adder) load(_ context.Context, s sum) (string, error) {
	return fmt.Sprintf("%d, run %d", s.A+s.B, a.runs.run(memo.Key(s))), nil
}

// want fails unless the value of s is from this run of it.
func (a *adder) want(tb testing.TB, ctx context.Context, s sum, run int, opts ...memo.Option) {
	tb.Helper()
	v, err := a.Do(ctx, s, opts...)
	must(tb, err)
	same(tb, fmt.Sprintf("%s%v", a.Name(), s), v, fmt.Sprintf("%d, run %d", s.A+s.B, run))
}

func TestM15_UncachedRunsTheFunctionAndKeepsNothing(t *testing.T) {
	t.Parallel()
	store := tiertest.NewMemory()
	c, ctx := bound(t, memo.Config{Shared: store})
	f := newAdder(c, "add")
	for want := 1; want <= 3; want++ {
		v, err := f.Uncached(ctx, sum{"", 1, 2})
		must(t, err)
		same(t, "Uncached", v, fmt.Sprint("3, run ", want))
	}
	if _, err := f.Get(ctx, sum{"", 1, 2}); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("Get after Uncached: %v, want ErrMiss", err)
	}
	f.want(t, ctx, sum{"", 1, 2}, 4)
	_, err := f.Uncached(ctx, sum{"", 1, 2})
	must(t, err)
	f.want(t, ctx, sum{"", 1, 2}, 4) // nor does it replace what is kept
}

func TestM16_SetTTLIsForWhatIsStoredFromThenOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{})
		f := newAdder(c, "add", memo.TTL(time.Hour))
		before, after := sum{"", 1, 2}, sum{"", 3, 4}
		f.want(t, ctx, before, 1)
		f.SetTTL(5 * time.Second)
		f.want(t, ctx, after, 1)
		time.Sleep(6 * time.Second)
		f.want(t, ctx, before, 1)
		f.want(t, ctx, after, 2)
		f.SetTTL(0) // as declared
		must(t, f.Invalidate(ctx, after))
		f.want(t, ctx, after, 3)
		time.Sleep(time.Minute)
		f.want(t, ctx, after, 3)

		var all sync.WaitGroup // under -race
		for i := range 20 {
			all.Go(func() { f.SetTTL(time.Duration(1+i) * time.Second) })
			all.Go(func() {
				if _, err := f.Do(ctx, sum{"", i, i}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

func TestM17_TheKeyOfACallIsKnown(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	f := newAdder(c, "add")
	k := sum{"ann", 1, 2}
	f.want(t, ctx, k, 1)
	same(t, "the key", f.Key(k), memo.Key("add", "ann", 1, 2))
	if v, ok := memo.Peek[string](ctx, f.Key(k)); v != "3, run 1" || !ok {
		t.Errorf("Peek of the key of a call: %q, %t", v, ok)
	}
	if v, ok := f.Peek(ctx, k); v != "3, run 1" || !ok {
		t.Errorf("Peek of its argument: %q, %t", v, ok)
	}
}

func TestM18_TheFunctionItselfForgetsOneOrAll(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	f, g := newAdder(c, "f"), newAdder(c, "g")
	one, two := sum{"", 5, 2}, sum{"", 5, 1}
	for _, a := range []*adder{f, g} {
		a.want(t, ctx, one, 1)
		a.want(t, ctx, two, 1)
	}
	must(t, f.Invalidate(ctx, one)) // test_08
	f.want(t, ctx, one, 2)
	f.want(t, ctx, two, 1)
	must(t, f.InvalidateAll(ctx)) // test_07
	f.want(t, ctx, one, 3)
	f.want(t, ctx, two, 2)
	g.want(t, ctx, one, 1)
	g.want(t, ctx, two, 1)
}

func TestM18_ListsAndMapsAsArgumentsAreDeletedExactly(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{})
	var runs counter
	keys := []string{ // test_09, test_10, test_10ab and test_10ac
		memo.Key("f", []int{1, 2}), memo.Key("f", []int{2, 1}), memo.Key("f", map[string]int{"a": 1, "b": 2}), memo.Key("f", map[string]int{"a": 2, "b": 1}),
		memo.Key("f", 1, 3, 4), memo.Key("f", 1, []int{3, 4}), memo.Key("f", 1, map[string]int{"c": 3}),
	}
	for round, deleted := range keys {
		for i, k := range keys {
			want := 1
			if i < round {
				want = 2
			}
			same(t, k, runs.do(t, ctx, k), want)
		}
		must(t, memo.Invalidate(ctx, deleted))
	}
}

func TestM19_AnotherNameIsAnotherFunction(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	k := sum{"", 1, 2}
	old, renamed := newAdder(c, "users"), newAdder(c, "v2:users")
	old.want(t, ctx, k, 1)
	renamed.want(t, ctx, k, 1)
	same(t, "runs under the new name", renamed.runs.runs(memo.Key(k)), 1)
	must(t, renamed.InvalidateAll(ctx)) // reaches what is stored under the changed name
	renamed.want(t, ctx, k, 2)
	old.want(t, ctx, k, 1)
	must(t, memo.InvalidateTree(ctx, memo.Key("v2:users"))) // and by the name alone
	renamed.want(t, ctx, k, 3)
}

// changing is a function of one row, which is "old" until the first load has read it and
// "new" then. That load waits at the gate.
func changing(c *memo.Cache, opts ...memo.Option) (f *memo.Func[int, string], g gate, change func()) {
	var mu sync.Mutex
	v := "old"
	g = newGate()
	f = memo.NewFunc(c, "f", func(context.Context, int) (string, error) {
		mu.Lock()
		read := v
		mu.Unlock()
		if read == "old" {
			g.pass()
		}
		return read, nil
	}, opts...)
	return f, g, func() {
		mu.Lock()
		defer mu.Unlock()
		v = "new"
	}
}

func TestM21_ALoadThatRanWhileAllWereDeletedIsNotKept(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]memo.Config{"with a shared tier": {Shared: tiertest.NewMemory()}, "without": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overtaken(t, cfg, func(f *memo.Func[int, string], ctx context.Context) error { return f.InvalidateAll(ctx) })
		})
	}
}

// overtaken shows that who asks after invalidate gets the new row, while a load that has
// read the old one runs, and afterwards.
func overtaken(t *testing.T, cfg memo.Config, invalidate func(*memo.Func[int, string], context.Context) error, opts ...memo.Option) {
	c, ctx := bound(t, cfg)
	f, g, change := changing(c, opts...)
	load := later(t, func() (string, error) { return f.Do(ctx, 1) })
	<-g.begun
	change()
	must(t, invalidate(f, ctx))
	after := later(t, func() (string, error) { return f.Do(ctx, 1) })
	close(g.release)
	load() // gets either: it asked before
	same(t, "who asked after the invalidation", after(), "new")
	got, err := f.Do(ctx, 1)
	must(t, err)
	same(t, "when the old load has ended", got, "new")
}

func TestM21_AnotherProcessDeletesAllWhileOneLoads(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	fleet := start(t, server, db, 2)
	a, b := fleet[0], fleet[1]
	held, other := memo.Key("f", "held"), memo.Key("f", "other")
	db.write(t, held, "old")
	db.write(t, other, "old")
	same(t, "before", a.call("func.do", "f", "other"), "old")
	a.call("hold", held)
	load := a.send("func.do", options{}, "f", "held")
	a.call("begun", held)
	db.write(t, held, "new")
	db.write(t, other, "new")
	b.call("func.invalidateAll", "f")
	a.call("release", held)
	if v, err := load(); v != "old" || err != nil {
		t.Errorf("who waited for the load got %q, %v", v, err)
	}
	a.call("catchUp")
	for _, arg := range []string{"held", "other"} {
		same(t, arg+" in the process that loaded", a.call("func.do", "f", arg), "new")
		same(t, arg+" in the other", b.call("func.do", "f", arg), "new")
	}
}

func TestM22_AnInvalidatedKeyIsNotStoredByTheLoadThatRan(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]memo.Config{"with a shared tier": {Shared: tiertest.NewMemory()}, "without": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overtaken(t, cfg, func(f *memo.Func[int, string], ctx context.Context) error { return f.Invalidate(ctx, 1) })
		})
	}
}

func TestM22_AnotherProcessDeletesTheKeyWhileOneLoads(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	fleet := start(t, server, db, 2)
	a, b := fleet[0], fleet[1]
	k := memo.Key("f", "1")
	db.write(t, k, "old")
	a.call("hold", k)
	load := a.send("func.do", options{}, "f", "1")
	a.call("begun", k)
	db.write(t, k, "new")
	b.call("func.invalidate", "f", "1")
	a.call("release", k)
	if v, err := load(); v != "old" || err != nil {
		t.Errorf("who waited for the load got %q, %v", v, err)
	}
	same(t, "the other process", b.call("func.do", "f", "1"), "new")
	a.call("catchUp")
	same(t, "the process that loaded", a.call("func.do", "f", "1"), "new")
}

func TestM23_AnOwnerIsForgottenWithAllItsArgumentsAndNoOther(t *testing.T) {
	t.Parallel()
	_, actx, bctx := two(t)
	f := newAdder(memo.From(actx), "adder.add")
	g := newAdder(memo.From(bctx), "adder.add")
	ann, bob := []sum{{"ann", 1, 2}, {"ann", 3, 4}}, []sum{{"bob", 1, 2}, {"bob", 3, 4}}
	all := func(f *adder, ctx context.Context, of []sum, run int) {
		t.Helper()
		for _, k := range of {
			f.want(t, ctx, k, run)
		}
	}
	all(f, actx, ann, 1)
	all(f, actx, bob, 1)
	must(t, memo.InvalidateTree(actx, memo.Key("adder.add", "ann"))) // test_10d: delete(adder1.add)
	all(f, actx, ann, 2)
	all(f, actx, bob, 1)
	all(g, memo.Fresh(bctx), ann[:1], 2) // which the shared tier has
	must(t, memo.InvalidateTree(bctx, "adder.add:bob"))
	all(f, memo.Fresh(actx), ann, 2) // by a string alone, in a process that has no such owner
	all(f, memo.Fresh(actx), bob, 2)
	must(t, f.Invalidate(actx, ann[0])) // test_17: one argument of one owner
	f.want(t, actx, ann[0], 3)
	f.want(t, actx, ann[1], 2)
}

func TestM23_AnOwnerThatIsNotFirstInTheKeyIsForgottenByItsTag(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	type report struct {
		Day   int
		Owner string
	}
	var runs counter
	f := memo.NewFunc(c, "report", func(_ context.Context, r report) (int, error) { return runs.run(memo.Key(r)), nil },
		memo.TagsFunc(func(r report) []string { return []string{memo.Key("owner", r.Owner)} }))
	want := func(r report, run int) {
		t.Helper()
		v, err := f.Do(ctx, r)
		must(t, err)
		same(t, fmt.Sprint(r), v, run)
	}
	for day := range 3 {
		want(report{day, "ann"}, 1)
		want(report{day, "bob"}, 1)
	}
	must(t, memo.InvalidateTags(ctx, memo.Key("owner", "ann")))
	for day := range 3 {
		want(report{day, "ann"}, 2)
		want(report{day, "bob"}, 1)
	}
}

func TestM24_AllOwnersOfAFunctionAreForgottenTogether(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	f, g := newAdder(c, "adder.add"), newAdder(c, "adder.sub")
	owners := []sum{{"ann", 1, 2}, {"ann", 3, 4}, {"bob", 1, 2}, {"", 1, 2}}
	for run := 1; run <= 2; run++ {
		for _, k := range owners {
			f.want(t, ctx, k, run)
			g.want(t, ctx, k, 1)
		}
		must(t, f.InvalidateAll(ctx)) // delete(Adder.add)
	}
}

func TestM25_AProcessThatNeverCalledTheFunctionForgetsByName(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	cfg := on(t, server)
	c, ctx := bound(t, cfg)
	stranger := start(t, server, db, 1)[0] // knows a name, and no function
	type membership struct{ Group, User string }
	row := func(m membership) string { return memo.Key(m.Group, m.User) }
	f := memo.NewFunc(c, "user.has_membership", func(_ context.Context, m membership) (string, error) { return db.read(row(m)) })
	want := func(m membership, v string) {
		t.Helper()
		got, err := f.Do(ctx, m)
		must(t, err)
		same(t, fmt.Sprint(m), got, v)
	}
	demo, other := membership{"demo", "user"}, membership{"demo", "other"}
	change := func(v string) {
		db.write(t, row(demo), v)
		db.write(t, row(other), v)
	}
	change("1")
	want(demo, "1")
	want(other, "1")
	change("2")
	stranger.call("invalidate", memo.Key("user.has_membership", "demo", "user"))
	catchUp(t, c)
	want(demo, "2")
	want(other, "1")
	change("3")
	stranger.call("invalidateTree", memo.Key("user.has_membership"))
	catchUp(t, c)
	want(demo, "3")
	want(other, "3")
}
