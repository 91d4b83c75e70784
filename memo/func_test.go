package memo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// leaf (of a book: a page) is an argument of two fields: an owner and a number.
type leaf struct {
	User int
	No   int
}

// pages is a Func of leaf over d, whose rows are keys of the text "user/no".
func (d *database) pages(c *memo.Cache, name string, opts ...memo.Option) *memo.Func[leaf, int] {
	return memo.NewFunc(c, name, func(_ context.Context, p leaf) (int, error) {
		return d.read(fmt.Sprint(p.User, "/", p.No)), nil
	}, opts...)
}

func TestAFuncLoadsOnceForEachArgument(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	f := db.pages(c, "page")
	for where, ctx := range map[string]context.Context{"of the cache": c.With(context.Background()), "of nothing": context.Background()} {
		for range 3 {
			hit(t, 0)(f.Do(ctx, leaf{7, 1}))
			hit(t, 0)(f.Do(ctx, leaf{7, 2}))
		}
		if n := db.queries("7/1") + db.queries("7/2"); n != 2 {
			t.Errorf("in a ctx %s: %d queries, want 2", where, n)
		}
	}
}

// The handle and the string are two ways to one slot, in each tier.
func TestAFuncAndItsKeyReachOneSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, db := tiertest.NewMemory(), newDatabase()
		open := func() *memo.Cache { return newCache(t, memo.Config{Prefix: "t", Shared: store}) }
		here, there := open(), open()
		f := db.pages(here, "page")
		ctx, end := here.Begin(context.Background())
		defer end()
		other := there.With(context.Background())

		hit(t, 0)(f.Do(ctx, leaf{7, 1}))
		key := memo.Key("page", 7, 1)
		if f.Key(leaf{7, 1}) != key {
			t.Fatalf("the key is %q, want %q", f.Key(leaf{7, 1}), key)
		}
		never := func(context.Context) (int, error) { t.Error("loaded again"); return 0, nil }
		hit(t, 0)(memo.Do(ctx, key, never))                              // L1
		hit(t, 0)(memo.Do(here.With(context.Background()), key, never))  // L2
		hit(t, 0)(memo.Do(other, key, never))                            // L3
		hit(t, 0)(f.Do(here.With(context.Background()), leaf{7, 1}))     //
		hit(t, 1)(0+db.write("7/1"), memo.Invalidate(other, key))        // by a process that has no such Func
		time.Sleep(time.Second)                                          // StaleBound
		hit(t, 1)(f.Do(here.With(context.Background()), leaf{7, 1}))     //
		hit(t, 0)(f.Do(ctx, leaf{7, 1}))                                 // which this request had read
		hit(t, 2)(0+db.write("7/1"), f.Invalidate(ctx, leaf{7, 1}))      //
		hit(t, 2)(memo.Do(ctx, key, func(context.Context) (int, error) { // L1 too
			return db.read("7/1"), nil
		}))
	})
}

func TestInvalidateAllOfAFuncIsAboutThatOne(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	f, g := db.pages(c, "page"), db.pages(c, "pages")
	ctx, end := c.Begin(context.Background())
	defer end()
	read := func(f *memo.Func[leaf, int]) {
		hit(t, 0)(f.Do(ctx, leaf{7, 1}))
		hit(t, 0)(f.Do(ctx, leaf{8, 1}))
	}
	read(f)
	read(g)
	must(t, f.InvalidateAll(ctx))
	read(f)
	read(g)
	if n := db.queries("7/1") + db.queries("8/1"); n != 6 {
		t.Errorf("%d queries, want 4 by the one and 2 by the other", n)
	}
}

// An owner is a prefix of the fields, or a tag: both forget what is one owner's, and
// need neither the values nor the Func.
func TestAnOwnersValuesAreForgottenTogether(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	f := db.pages(c, "page", memo.TagsFunc(func(p leaf) []string { return []string{memo.Key("owner", p.User)} }))
	ctx, end := c.Begin(context.Background())
	defer end()
	read := func() (queries int) {
		for _, p := range []leaf{{7, 1}, {7, 2}, {70, 1}} {
			hit(t, 0)(f.Do(ctx, p))
			queries += db.queries(fmt.Sprint(p.User, "/", p.No))
		}
		return queries
	}
	for i, forget := range []func() error{
		func() error { return memo.InvalidateTree(ctx, memo.Key(f.Name(), 7)) },
		func() error { return memo.InvalidateTags(ctx, memo.Key("owner", 7)) },
	} {
		before := read()
		must(t, forget())
		if after := read(); after != before+2 {
			t.Errorf("%d: %d queries, want 2: the owner's", i, after-before)
		}
	}
}

func TestTheOtherVerbsOfAFunc(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		f := db.pages(c, "page", memo.Stale(time.Hour))
		ctx, end := c.Begin(context.Background())
		defer end()
		p := leaf{7, 1}

		if _, err := f.Get(ctx, p); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get: %v, want ErrMiss", err)
		}
		if v, ok := f.Peek(ctx, p); ok {
			t.Errorf("Peek has found %d", v)
		}
		must(t, f.Set(ctx, p, 40))
		hit(t, 40)(f.Get(ctx, p))
		hit(t, 40)(f.Do(ctx, p))
		if v, ok := f.Peek(ctx, p); v != 40 || !ok {
			t.Errorf("Peek: %d, %v", v, ok)
		}
		if added, err := f.Add(ctx, p, 41); added || err != nil {
			t.Errorf("Add over a value: %v, %v", added, err)
		}
		hit(t, 0)(f.Uncached(ctx, p))
		hit(t, 40)(f.Do(ctx, p))
		hit(t, 1)(0+db.write("7/1"), nil)
		hit(t, 1)(f.Refresh(ctx, p))
		hit(t, 1)(f.Do(ctx, p))
		hit(t, 2)(0+db.write("7/1"), nil)
		must(t, f.Expire(ctx, p))
		hit(t, 1)(f.Do(ctx, p)) // within Stale
		synctest.Wait()
		hit(t, 2)(f.Do(c.With(ctx), p))
		if added, err := f.Add(ctx, leaf{9, 9}, 5); !added || err != nil {
			t.Errorf("Add: %v, %v", added, err)
		}
		must(t, f.Invalidate(ctx))
		must(t, f.Invalidate(ctx, p, leaf{9, 9}))
		if _, err := f.Get(ctx, leaf{9, 9}); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get: %v, want ErrMiss", err)
		}
		if f.Name() != "page" {
			t.Errorf("Name: %q", f.Name())
		}
	})
}

// The options of New, NewFunc, SetTTL, the call and Amend are read in this order.
func TestTheNearerOptionCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}, memo.TTL(10*time.Second)), newDatabase()
		var amend time.Duration
		load := func(ctx context.Context, key string) (int, error) {
			if amend > 0 {
				memo.Amend(ctx, memo.TTL(amend))
			}
			return db.read(key), nil
		}
		plain, own := memo.NewFunc(c, "plain", load), memo.NewFunc(c, "own", load, memo.TTL(20*time.Second))
		ctx := c.With(context.Background())
		// lives reports whether f's value of key lives for d, and not longer.
		lives := func(f *memo.Func[string, int], key string, d time.Duration, opts ...memo.Option) {
			t.Helper()
			hit(t, 0)(f.Do(ctx, key, opts...))
			time.Sleep(d - time.Second)
			hit(t, 0)(f.Do(ctx, key, opts...))
			if n := db.queries(key); n != 1 {
				t.Errorf("%s: %d queries a second before %v", key, n, d)
			}
			time.Sleep(2 * time.Second)
			hit(t, 0)(f.Do(ctx, key, opts...))
			if n := db.queries(key); n != 2 {
				t.Errorf("%s: %d queries a second after %v", key, n, d)
			}
		}
		lives(plain, "New", 10*time.Second)
		lives(own, "NewFunc", 20*time.Second)
		own.SetTTL(30 * time.Second)
		lives(own, "SetTTL", 30*time.Second)
		lives(own, "Do", 40*time.Second, memo.TTL(40*time.Second))
		amend = 50 * time.Second
		lives(own, "Amend", 50*time.Second, memo.TTL(40*time.Second))
		amend = 0
		own.SetTTL(0)
		lives(own, "declared", 20*time.Second)
	})
}

func TestAFuncWithoutACacheUsesThatOfTheContext(t *testing.T) {
	t.Parallel()
	a, b, db := newCache(t, memo.Config{}), newCache(t, memo.Config{}), newDatabase()
	f := db.pages(nil, "page")
	hit(t, 0)(f.Do(context.Background(), leaf{7, 1}))
	hit(t, 0)(f.Do(context.Background(), leaf{7, 1}))
	if n := db.queries("7/1"); n != 2 {
		t.Errorf("%d queries without a cache, want 2", n)
	}
	if err := f.Invalidate(context.Background(), leaf{7, 1}); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("Invalidate without a cache: %v", err)
	}
	for range 3 {
		hit(t, 0)(f.Do(a.With(context.Background()), leaf{7, 1}))
		hit(t, 0)(f.Do(b.With(context.Background()), leaf{7, 1}))
	}
	if n := db.queries("7/1"); n != 4 {
		t.Errorf("%d queries, want one more for each cache", n)
	}
}

// A Func of one cache is of that cache, whatever the ctx has: its memory in the
// request, too.
func TestAFuncOfACacheIsOfThatCache(t *testing.T) {
	t.Parallel()
	own, other, db := newCache(t, memo.Config{}), newCache(t, memo.Config{}), newDatabase()
	f := db.pages(own, "page", memo.NegativeTTL(time.Hour))
	ctx, end := other.Begin(context.Background())
	defer end()
	hit(t, 0)(f.Do(ctx, leaf{7, 1}))
	if _, err := memo.Get[int](ctx, f.Key(leaf{7, 1})); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("the other cache has it: %v", err)
	}
	must(t, own.Invalidate(context.Background(), f.Key(leaf{7, 1}))) // not in this request
	hit(t, 1)(0+db.write("7/1"), nil)
	hit(t, 0)(f.Do(ctx, leaf{7, 1}))
	must(t, f.Invalidate(ctx, leaf{7, 1}))
	hit(t, 1)(f.Do(ctx, leaf{7, 1}))
}

func TestTwoFuncsOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	first := db.pages(c, "page")
	hit(t, 0)(first.Do(c.With(context.Background()), leaf{}))
	if err := panics(t, func() { db.pages(c, "page") }); !strings.Contains(err.Error(), "another function of this name") {
		t.Error(err)
	}
	late := db.pages(nil, "page")
	ctx := c.With(context.Background())
	for op, err := range map[string]error{
		"Do": second(late.Do(ctx, leaf{})), "Get": second(late.Get(ctx, leaf{})), "Set": late.Set(ctx, leaf{}, 1),
		"Refresh": second(late.Refresh(ctx, leaf{})), "Invalidate": late.Invalidate(ctx, leaf{}), "InvalidateAll": late.InvalidateAll(ctx),
	} {
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) || u.Op != op || u.Name != "page" {
			t.Errorf("%s: %v", op, err)
		}
	}
	hit(t, 0)(late.Do(newCache(t, memo.Config{}).With(ctx), leaf{})) // where the name is free
}

func second[T any](_ T, err error) error { return err }

// panics returns the *UsageError that call panics with.
func panics(t *testing.T, call func()) (err *memo.UsageError) {
	t.Helper()
	defer func() {
		t.Helper()
		var ok bool
		if err, ok = recover().(*memo.UsageError); !ok {
			t.Fatal("no panic with a *UsageError")
		}
	}()
	call()
	return nil
}

func TestAMistakeInADeclarationPanics(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	none, never := memo.TagsFunc[int](nil), memo.UnlessFunc[int](nil)
	load := func(context.Context, int) (int, error) { return 0, nil }
	for want, call := range map[string]func(){
		"the name is empty":       func() { memo.NewFunc(c, "", load) },
		"the name has 251 bytes":  func() { memo.NewFunc(c, strings.Repeat("n", 251), load) },
		"fn is nil":               func() { memo.NewFunc[int, int](c, "f", nil) },
		"NewBatchFunc f: fn is":   func() { memo.NewBatchFunc[int, int](c, "f", nil) },
		"not made by New":         func() { memo.NewFunc(new(memo.Cache), "f", load) },
		"a *int is a pointer":     func() { memo.NewFunc(c, "f", func(context.Context, *int) (int, error) { return 0, nil }) },
		"the unexported field a":  func() { memo.NewFunc(c, "f", func(context.Context, struct{ a int }) (int, error) { return 0, nil }) },
		"TTL of 0s":               func() { memo.NewFunc(c, "f", load, memo.TTL(0)) },
		"Clone has a func(string": func() { memo.NewFunc(c, "f", load, memo.Clone(strings.Clone)) },
		"TagsFunc has a func(str": func() { memo.NewFunc(c, "f", load, memo.TagsFunc(func(string) []string { return nil })) },
		"TagsFunc has no functio": func() { memo.NewFunc(c, "f", load, none) },
		"UnlessFunc has no funct": func() { memo.NewFunc(c, "f", load, never) },
		"UnlessFunc has a func(c": func() {
			memo.NewFunc(c, "f", load, memo.UnlessFunc(func(context.Context, string) bool { return true }))
		},
	} {
		if err := panics(t, call); !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "memo: New") {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	memo.NewFunc(c, "f", load) // which none of these has taken
}

func TestAMistakeInACallIsItsError(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := memo.NewFunc(c, "f", func(context.Context, any) (int, error) { return 0, nil })
	ctx, none := c.With(context.Background()), context.Context(nil)
	for want, err := range map[string]error{
		"ctx is nil":              second(f.Do(none, 1)),
		"is a pointer":            second(f.Do(ctx, new(int))),
		"no value to make a key":  f.Invalidate(ctx, 1, make(chan int)),
		"TagsFunc has a func(int": second(f.Do(ctx, 1, memo.TagsFunc(func(int) []string { return nil }))),
		"there is none":           second(memo.Do(ctx, "f:1", loadNumber, memo.TagsFunc(func(int) []string { return nil }))),
	} {
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestABatchFuncGivesOneValue(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	broken := errors.New("broken")
	f := memo.NewBatchFunc(c, "batch", func(_ context.Context, ks []int) (map[int]string, error) {
		found := map[int]string{}
		for _, k := range ks {
			if k > 0 {
				found[k] = fmt.Sprint("no ", k)
			}
		}
		if slices.Contains(ks, 8) || slices.Contains(ks, -1) {
			return found, broken
		}
		return found, nil
	})
	ctx := c.With(context.Background())
	hit(t, "no 7")(f.Do(ctx, 7))
	hit(t, "no 8")(f.Do(ctx, 8)) // a value beside an error counts
	if _, err := f.Do(ctx, 0); !errors.Is(err, memo.ErrNotFound) {
		t.Errorf("what is left out: %v, want ErrNotFound", err)
	}
	if _, err := f.Do(ctx, -1); !errors.Is(err, broken) {
		t.Errorf("what failed: %v, want the loader's error", err)
	}
}

// Where UnlessFunc is true the call touches nothing; where it is false, it caches.
func TestUnlessFuncSeesTheArgument(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	f := db.pages(c, "page", memo.UnlessFunc(func(_ context.Context, p leaf) bool { return p.No == 0 }))
	ctx, end := c.Begin(context.Background())
	defer end()
	for range 3 {
		hit(t, 0)(f.Do(ctx, leaf{7, 0}))
		hit(t, 0)(f.Do(ctx, leaf{7, 1}))
	}
	if n, m := db.queries("7/0"), db.queries("7/1"); n != 3 || m != 1 {
		t.Errorf("%d and %d queries, want 3 where it is true and 1 where it is false", n, m)
	}
	must(t, memo.Set(ctx, f.Key(leaf{7, 0}), 5))
	if v, ok := f.Peek(ctx, leaf{7, 0}); ok {
		t.Errorf("Peek has found %d", v)
	}
	if _, err := f.Get(ctx, leaf{7, 0}); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("Get: %v, want ErrMiss", err)
	}
	if _, ok := f.Peek(ctx, leaf{7, 1}); !ok {
		t.Error("Peek has found nothing where it is false")
	}
	hit(t, 5)(f.Do(ctx, leaf{7, 0}, memo.Unless(func(context.Context) bool { return false }))) // the nearer one counts
}

// Clone is for all who get the value.
func TestAFuncsCloneIsForGetAndPeekToo(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := memo.NewFunc(c, "list", func(context.Context, int) ([]int, error) { return []int{1, 2}, nil }, memo.Clone(slices.Clone[[]int]))
	ctx, end := c.Begin(context.Background())
	defer end()
	for range 3 {
		v, err := f.Do(ctx, 1)
		must(t, err)
		w, err := f.Get(ctx, 1)
		must(t, err)
		x, _ := f.Peek(ctx, 1)
		for _, got := range [][]int{v, w, x} {
			if !slices.Equal(got, []int{1, 2}) {
				t.Fatalf("got %v, which another caller has written to", got)
			}
			got[0] = 9
		}
	}
}

// A hit makes no garbage: not for the key either.
func TestFuncHitAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	who := func(u user, err error) {
		if u.ID != 7 || err != nil {
			t.Error(u, err)
		}
	}
	load := func(ctx context.Context) (user, error) { return user{ID: 7, Name: "Ada"}, nil }
	byNumber := memo.NewFunc(c, "number", func(ctx context.Context, _ int) (user, error) { return load(ctx) }, memo.TTL(time.Minute))
	byText := memo.NewFunc(c, "text", func(ctx context.Context, _ string) (user, error) { return load(ctx) })
	byPage := memo.NewFunc(c, "page", func(ctx context.Context, _ leaf) (user, error) { return load(ctx) })
	ofContext := memo.NewFunc(nil, "any", func(ctx context.Context, _ int) (user, error) { return load(ctx) })
	request, end := c.Begin(context.Background())
	defer end()
	text, wide := strings.Repeat("a b", 20), 1<<30
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		allocates(t, where+", an int", 0, func() { who(byNumber.Do(ctx, wide)) })
		allocates(t, where+", an int with a Name", 0, func() { who(byNumber.Do(ctx, wide, memo.Name("front page"))) })
		allocates(t, where+", an int with an option", 0, func() { who(byNumber.Do(ctx, wide, memo.TTL(time.Second))) })
		allocates(t, where+", a string", 0, func() { who(byText.Do(ctx, text)) })
		allocates(t, where+", a struct", 0, func() { who(byPage.Do(ctx, leaf{wide, 3})) })
		allocates(t, where+", the cache of ctx", 0, func() { who(ofContext.Do(ctx, wide)) })
	}
}
