package memo_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Under which names it is counted: few, and no secrets.

// mostNames is how many names a cache has, beside "other".
const mostNames = 200

// heap is what is in use, in bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Not parallel: it measures the heap of the whole process.
func TestMillionKeysAndNamesFillNoMemory(t *testing.T) {
	const million, most = 1_000_000, 4 << 20
	c := newCache(t, memo.Config{Local: lru.New(100)})
	ctx := c.With(context.Background())
	before := heap()
	for i := range million {
		if _, err := memo.Get[int](ctx, "name"+strconv.Itoa(i)+":7"); !errors.Is(err, memo.ErrMiss) {
			t.Fatal(err)
		}
	}
	grown := int64(heap()) - int64(before)
	names := byName(t, c.Snapshot(), true)
	if len(names) != mostNames+1 || names["name0"].Miss != 1 || names["other"].Miss != million-mostNames {
		t.Errorf("%d names, name0 missed %d and other %d", len(names), names["name0"].Miss, names["other"].Miss)
	}
	if grown > most {
		t.Errorf("%d bytes more for a million keys, each of a name of its own, want %d at most", grown, most)
	}
	runtime.KeepAlive(c)
}

// Names that come at once are no more than names that come in turn.
func TestNamesAreBoundedWhereTheyComeAtOnce(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 100
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	atOnce(workers, func(worker int) {
		for i := range each {
			_, _ = memo.Get[int](ctx, memo.Key("all"+strconv.Itoa(i), worker)) // the same ones
			_, _ = memo.Get[int](ctx, memo.Key("own"+strconv.Itoa(worker)+"of"+strconv.Itoa(i), 7))
		}
	})
	s := c.Snapshot()
	if names := byName(t, s, true); len(names) != mostNames+1 || s.Total.Miss != 2*workers*each {
		t.Errorf("%d names with %d misses, want %d with %d", len(names), s.Total.Miss, mostNames+1, 2*workers*each)
	}
}

// What a call has seen of the names is old when it adds one:
//
//  1. two calls find that a name is not there, or that there is room for one more
//  2. the first adds it
//  3. the second would have it counted in a second place, or make one too many
func TestNamesThatComeMeanwhile(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	miss := func(name string) { _, _ = memo.Get[int](ctx, memo.Key(name, 7)) }
	miss("user")
	c.NewName("user")
	miss("user")
	if n := byName(t, c.Snapshot(), true)["user"].Miss; n != 2 {
		t.Errorf("missed %d, want 2", n)
	}
	for i := range mostNames {
		miss("name" + strconv.Itoa(i))
	}
	c.NewName("late")
	miss("late")
	if names := byName(t, c.Snapshot(), true); len(names) != mostNames+1 || names["other"].Miss != 2 {
		t.Errorf("%d names, and others missed %d, want %d and 2", len(names), names["other"].Miss, mostNames+1)
	}
}

func TestSecretsAreNoNames(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	c, db := newCache(t, memo.Config{}), newDatabase()
	ctx := c.With(context.Background())
	for _, key := range []string{secret, secret + "@example.com:7", "'" + secret + ":7", "[" + secret + "]:1", "7" + secret + ":1", strings.Repeat(secret, 10) + ":1"} {
		db.do(t, ctx, key)
		db.do(t, ctx, key)
		must(t, memo.Invalidate(ctx, key))
		must(t, memo.InvalidateTree(ctx, key))
	}
	for name, n := range byName(t, c.Snapshot(), true) {
		if name != "other" || n.Calls != 12 || n.Loads != 6 || n.L2 != 6 || n.Invalidations.Keys != 6 || n.Invalidations.Trees != 6 {
			t.Errorf("%q: %+v", name, n)
		}
	}
}

// A function counts for its own name, which need not read like one: so do the calls
// that come by its keys, and those of another that begin like it do not.
func TestAFuncCountsForItsName(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	const name = "7 users @ home"
	ctx, end := c.Begin(context.Background())
	defer end()
	plain := c.With(context.Background())
	db.do(t, plain, memo.Key(name, 7, 2)) // before anybody knows the name
	f := db.pages(c, name)
	one := leaf{7, 1}
	hit(t, 0)(f.Do(plain, one))                            // Loads
	hit(t, 0)(f.Do(plain, one))                            // L2
	hit(t, 0)(f.Do(ctx, one))                              // L2
	hit(t, 0)(f.Do(ctx, one))                              // L1
	hit(t, 0)(f.Do(ctx, one, memo.TTL(1)))                 // L1
	hit(t, 0)(f.Do(plain, leaf{7, 2}))                     // L2, of what is another's
	hit(t, 0)(f.Do(memo.Bypass(ctx), one))                 // Bypass
	hit(t, 0)(f.Get(plain, one))                           // L2
	hit(t, 0)(f.Refresh(plain, one))                       // Loads
	hit(t, 0)(f.Uncached(plain, one))                      // no call
	hit(t, 0)(f.Do(ctx, one, memo.Name("apart")))          // of another name
	hit(t, 0)(f.Do(plain, leaf{7, 3}, memo.Name("apart"))) // the same; the entry is the function's
	db.do(t, plain, f.Key(one))                            // L2
	db.do(t, plain, memo.Key(name+"s", 1))                 // of no name
	_, _ = f.Get(plain, leaf{9, 9})                        // Miss
	must(t, f.Invalidate(ctx, one))
	must(t, f.Expire(ctx, one))
	must(t, f.InvalidateAll(ctx))
	got := byName(t, c.Snapshot(), true)
	for name, want := range map[string]memo.Counts{
		name: {
			Calls: 11, L1: 2, L2: 5, Loads: 2, Bypass: 1, Miss: 1, Runs: 2, Entries: 1,
			Invalidations: memo.InvalidationStats{Keys: 1, Expired: 1, Trees: 1},
		},
		"apart": {Calls: 2, L1: 1, Loads: 1, Runs: 1},
		"other": {Calls: 2, Loads: 2, Runs: 2, Entries: 2}, // what came before the function is still counted here
	} {
		if got := withoutTime(got[name]); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

// A function of no cache counts in each of those that it meets.
func TestAFuncOfNoCacheCountsWhereItIsCalled(t *testing.T) {
	t.Parallel()
	a, b, db := newCache(t, memo.Config{}), newCache(t, memo.Config{}), newDatabase()
	f := db.pages(nil, "page")
	for range 3 {
		hit(t, 0)(f.Do(a.With(context.Background()), leaf{7, 1}))
		hit(t, 0)(f.Do(a.With(context.Background()), leaf{7, 1}))
		hit(t, 0)(f.Do(b.With(context.Background()), leaf{7, 1}))
	}
	for c, want := range map[*memo.Cache]memo.Counts{
		a: {Calls: 6, L2: 5, Loads: 1, Runs: 1, Entries: 1},
		b: {Calls: 3, L2: 2, Loads: 1, Runs: 1, Entries: 1},
	} {
		if got := withoutTime(byName(t, c.Snapshot(), true)["page"]); got != want {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
	}
}

// withoutTime is n but for what a clock has measured.
func withoutTime(n memo.Counts) memo.Counts {
	n.RunTime = 0
	return n
}

func TestNameThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	long, longest := strings.Repeat("n", 251), strings.Repeat("n", 250)
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		hit(t, 1<<30)(memo.Do(ctx, "number", loadNumber, memo.Name(longest)))
		for _, name := range []string{"", long} {
			_, err := memo.Do(ctx, "number", loadNumber, memo.Name(name))
			if u := (*memo.UsageError)(nil); !errors.As(err, &u) || !strings.Contains(u.Problem, "Name") {
				t.Errorf("%s, a Name of %d bytes: %v", where, len(name), err)
			}
		}
	}
	if _, err := memo.New(memo.Config{}, memo.Name("all")); err == nil || !strings.Contains(err.Error(), "Name is about calls") {
		t.Errorf("a cache whose calls all have one Name: %v", err)
	}
	if err := panics(t, func() { newDatabase().pages(c, "page", memo.Name("another")) }); !strings.Contains(err.Problem, "beside the name") {
		t.Errorf("a function of two names: %v", err)
	}
	_, err := memo.Do(request, "amended", func(ctx context.Context) (int, error) {
		memo.Amend(ctx, memo.Name("late"))
		return 1, nil
	})
	if u := (*memo.UsageError)(nil); !errors.As(err, &u) || u.Op != "Amend" {
		t.Errorf("a Name that comes with the value: %v", err)
	}
}
