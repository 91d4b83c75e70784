package memo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// DoMany: what it returns, and how often it asks.

// rowset is what loaders of many keys read: the rows that there are, and the calls.
type rowset struct {
	mu    sync.Mutex
	rows  map[string]int
	calls [][]string
	err   error // of each call
}

func newRowset(keys ...string) *rowset {
	r := &rowset{rows: map[string]int{}}
	for i, key := range keys {
		r.rows[key] = i + 1
	}
	return r
}

func (r *rowset) find(_ context.Context, missing []string) (map[string]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, slices.Clone(missing))
	found := map[string]int{}
	for _, key := range missing {
		if v, ok := r.rows[key]; ok {
			found[key] = v
		}
	}
	return found, r.err
}

// asked fails unless the calls so far were for these keys.
func (r *rowset) asked(tb testing.TB, calls ...[]string) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.EqualFunc(r.calls, calls, slices.Equal) {
		tb.Errorf("the loader was asked for %q, want %q", r.calls, calls)
	}
}

func (r *rowset) set(key string, v int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows[key] = v
}

// found fails unless a call of DoMany returned want and no error.
func found(tb testing.TB, want map[string]int) func(got map[string]int, err error) {
	return func(got map[string]int, err error) {
		tb.Helper()
		if !maps.Equal(got, want) || err != nil {
			tb.Fatalf("got %v, %v, want %v", got, err, want)
		}
	}
}

// onEachStore runs test on each shared tier: none, one in memory, a memcached.
func onEachStore(t *testing.T, test func(t *testing.T, shared tier.Shared)) {
	t.Run("no shared tier", func(t *testing.T) { t.Parallel(); test(t, nil) })
	t.Run("memory", func(t *testing.T) { t.Parallel(); test(t, tiertest.NewMemory()) })
	t.Run("two nodes", func(t *testing.T) { t.Parallel(); test(t, tiertest.NewMemory("a", "b")) })
	t.Run("memcached", func(t *testing.T) { t.Parallel(); test(t, dial(t, mcserver.ForTest(t))) })
}

func on(shared tier.Shared) memo.Config {
	cfg := patient(memo.Config{Shared: shared})
	if shared != nil {
		cfg.Prefix = "t"
	}
	return cfg
}

func TestDoManyAsksOnceForWhatIsMissing(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, shared tier.Shared) {
		c, rows := newCache(t, on(shared)), newRowset("a", "b", "c")
		request, end := c.Begin(context.Background())
		defer end()
		for _, ctx := range []context.Context{request, request, c.With(context.Background())} {
			found(t, map[string]int{"a": 1, "b": 2})(memo.DoMany(ctx, []string{"b", "a"}, rows.find))
			rows.asked(t, []string{"b", "a"})
		}
		found(t, map[string]int{"a": 1, "b": 2, "c": 3})(memo.DoMany(request, []string{"a", "c", "b"}, rows.find))
		rows.asked(t, []string{"b", "a"}, []string{"c"})
		hit(t, 3)(memo.Do(request, "c", func(context.Context) (int, error) { return 0, errors.New("not asked") }))
	})
}

func TestDoManyOfKeysNamedTwice(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a", "b")
	for range 2 {
		found(t, map[string]int{"a": 1, "b": 2})(memo.DoMany(c.With(context.Background()), []string{"a", "b", "a", "x", "x"}, rows.find))
	}
	rows.asked(t, []string{"a", "b", "x"}, []string{"x"})
	n := c.Snapshot().Total
	if n.Calls != 10 || n.Runs != 2 || n.L2 != 3 || n.Loads != 4 || n.Joined != 3 {
		t.Errorf("counted %+v", n)
	}
}

func TestDoManyOfNothing(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset()
	found(t, map[string]int{})(memo.DoMany(c.With(context.Background()), nil, rows.find))
	rows.asked(t)
}

func TestDoManyRemembersWhatIsAbsent(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, shared tier.Shared) {
		c, rows := newCache(t, on(shared)), newRowset("a")
		ctx := c.With(context.Background())
		for range 3 {
			found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a", "x", "y"}, rows.find, memo.NegativeTTL(patience)))
		}
		rows.asked(t, []string{"a", "x", "y"})
		if _, err := memo.Get[int](ctx, "x"); !errors.Is(err, memo.ErrNotFound) {
			t.Errorf("Get: %v, want ErrNotFound", err)
		}
		if n := c.Snapshot().Total.Negative; n != 5 {
			t.Errorf("%d negatives, want 5", n)
		}
	})
}

func TestDoManyIgnoresWhatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	find := func(context.Context, []string) (map[string]int, error) { return map[string]int{"a": 1, "b": 2}, nil }
	found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a"}, find))
	if _, err := memo.Get[int](ctx, "b"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("Get: %v, want ErrMiss", err)
	}
}

func TestDoManyMakesCallsOfBatchSize(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, shared tier.Shared) {
		c := newCache(t, on(shared))
		keys := keysOf("k", 25)
		rows := newRowset(keys...)
		for _, ctx := range []context.Context{c.With(context.Background()), memo.Bypass(c.With(context.Background())), context.Background()} {
			rows.calls = nil
			got, err := memo.DoMany(ctx, keys, rows.find, memo.BatchSize(10))
			must(t, err)
			if len(got) != 25 {
				t.Errorf("%d values, want 25", len(got))
			}
			slices.SortFunc(rows.calls, func(a, b []string) int { return slices.Index(keys, a[0]) - slices.Index(keys, b[0]) })
			rows.asked(t, keys[:10], keys[10:20], keys[20:])
		}
		if n := c.Snapshot().Total; n.Runs != 3 || n.Loads != 25 || n.Bypass != 25 {
			t.Errorf("counted %+v", n)
		}
	})
}

func TestDoManyWithoutACache(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a")
	switched := newCache(t, memo.Config{})
	switched.SetEnabled(false)
	contexts := []context.Context{context.Background(), memo.Bypass(c.With(context.Background())), switched.With(context.Background())}
	for range 2 {
		for _, ctx := range contexts {
			rows.calls = nil
			found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a", "x", "a"}, rows.find))
			rows.asked(t, []string{"a", "x"})
		}
	}
	if n := c.Snapshot().Total; n.Bypass != 6 || n.Calls != 6 || n.Entries != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestDoManyAfterClose(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a")
	ctx := c.With(context.Background())
	must(t, c.Close(context.Background()))
	found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a", "x"}, rows.find))
	rows.asked(t, []string{"a", "x"})
}

var errQuery = errors.New("the database is down")

// failed fails unless err says of these keys that they failed with want, and of no other.
func failed(tb testing.TB, err, want error, keys ...string) {
	tb.Helper()
	batch := (*memo.BatchError)(nil)
	if !errors.As(err, &batch) {
		tb.Fatalf("%v, want a *BatchError", err)
	}
	if got := slices.Sorted(maps.Keys(batch.Errs)); !slices.Equal(got, slices.Sorted(slices.Values(keys))) {
		tb.Errorf("%q failed, want %q", got, keys)
	}
	for key, err := range batch.Errs {
		if !errors.Is(err, want) {
			tb.Errorf("%q failed with %v, want %v", key, err, want)
		}
		if strings.Contains(err.Error(), key) && len(key) > 3 {
			tb.Errorf("the text %q shows the key", err)
		}
	}
	if !errors.Is(err, want) {
		tb.Errorf("%v is no %v", err, want)
	}
}

func TestDoManyWithAnErrorReturnsTheRest(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, shared tier.Shared) {
		c, rows := newCache(t, on(shared)), newRowset("a", "b")
		ctx := c.With(context.Background())
		found(t, map[string]int{"a": 1})(memo.DoMany(ctx, []string{"a"}, rows.find))
		rows.err = errQuery
		values, err := memo.DoMany(ctx, []string{"a", "b", "x", "y"}, rows.find) // b comes with the error
		failed(t, err, errQuery, "x", "y")
		if want := map[string]int{"a": 1, "b": 2}; !maps.Equal(values, want) {
			t.Errorf("got %v, want %v", values, want)
		}
		if text := err.Error(); text != "memo: 2 keys of a batch failed: the database is down" {
			t.Errorf("the error reads %q", text)
		}
		hit(t, 2)(memo.Get[int](ctx, "b"))
		if n := c.Snapshot().Total; n.RunErrors != 1 || n.Errors != 2 || n.Loads != 2 {
			t.Errorf("counted %+v", n)
		}
		rows.err = nil
		found(t, map[string]int{"a": 1, "b": 2})(memo.DoMany(ctx, []string{"a", "b", "x", "y"}, rows.find))
	})
}

func TestDoManyOfWhichOneCallFails(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	find := func(_ context.Context, missing []string) (map[string]int, error) {
		if slices.Contains(missing, "bad") {
			return nil, errQuery
		}
		return map[string]int{missing[0]: 1, missing[1]: 1}, nil
	}
	values, err := memo.DoMany(c.With(context.Background()), []string{"a", "b", "bad", "c", "d", "e"}, find, memo.BatchSize(2))
	failed(t, err, errQuery, "bad", "c")
	if len(values) != 4 {
		t.Errorf("got %v, want 4 values", values)
	}
}

func TestDoManyOfBadKeysAnswersTheOthers(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a")
	values, err := memo.DoMany(c.With(context.Background()), []string{"a", "", memo.Key("k", func() {}), strings.Repeat("k", 1<<17)}, rows.find)
	batch, usage := (*memo.BatchError)(nil), (*memo.UsageError)(nil)
	if !errors.As(err, &batch) || len(batch.Errs) != 3 || !errors.As(batch.Errs[""], &usage) || usage.Op != "DoMany" {
		t.Errorf("got %v", err)
	}
	if values["a"] != 1 {
		t.Errorf("got %v", values)
	}
	rows.asked(t, []string{"a"})
}

func TestDoManyWithMistakes(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a")
	ctx, none := c.With(context.Background()), context.Context(nil)
	for name, call := range map[string]func() (map[string]int, error){
		"no ctx":    func() (map[string]int, error) { return memo.DoMany(none, []string{"a"}, rows.find) },
		"no fn":     func() (map[string]int, error) { return memo.DoMany[int](ctx, []string{"a"}, nil) },
		"an option": func() (map[string]int, error) { return memo.DoMany(ctx, []string{"a"}, rows.find, memo.TTL(-1)) },
		"BatchSize": func() (map[string]int, error) { return memo.DoMany(ctx, []string{"a"}, rows.find, memo.BatchSize(0)) },
		"BatchWindow": func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a"}, rows.find, memo.BatchWindow(-1))
		},
		"BatchWindow beyond the time to load": func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a"}, rows.find, memo.BatchWindow(30*time.Second))
		},
		"LoadTimeout within the window": func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a"}, rows.find, memo.LoadTimeout(time.Second), memo.BatchWindow(time.Second))
		},
		"TagsFunc of int": func() (map[string]int, error) {
			return memo.DoMany(ctx, []string{"a"}, rows.find, memo.TagsFunc(func(int) []string { return nil }))
		},
	} {
		values, err := call()
		if usage := (*memo.UsageError)(nil); !errors.As(err, &usage) || usage.Op != "DoMany" || values != nil {
			t.Errorf("%s: %v, %v, want a *UsageError of DoMany", name, values, err)
		}
	}
	rows.asked(t)
}

func TestDoManyOfAnotherType(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a", "b")
	ctx := c.With(context.Background())
	must(t, memo.Set(ctx, "a", "text"))
	values, err := memo.DoMany(ctx, []string{"a", "b"}, rows.find)
	wrong := (*memo.TypeError)(nil)
	if !errors.As(err, &wrong) || wrong.Key != "a" || values["b"] != 2 {
		t.Errorf("got %v, %v", values, err)
	}
}

func TestDoManyClones(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	find := func(context.Context, []string) (map[string][]int, error) {
		return map[string][]int{"a": {1}, "b": {2}}, nil
	}
	for range 3 {
		values, err := memo.DoMany(ctx, []string{"a", "b"}, find, memo.Clone(slices.Clone[[]int]))
		must(t, err)
		if values["a"][0] != 1 || values["b"][0] != 2 {
			t.Fatalf("got %v: somebody else's writes", values)
		}
		values["a"][0], values["b"][0] = 7, 7
	}
}

func TestAmendInALoaderOfMany(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, shared tier.Shared) {
		c, rows := newCache(t, on(shared)), newRowset("a", "b", "c")
		ctx := c.With(context.Background())
		find := func(ctx context.Context, missing []string) (map[string]int, error) {
			memo.Amend(ctx, memo.Tags("all"))
			memo.AmendKey(ctx, "b", memo.Tags("of b"))
			memo.AmendKey(ctx, "other", memo.Tags("of nobody"))
			return rows.find(ctx, missing)
		}
		keys := []string{"a", "b", "c"}
		all := map[string]int{"a": 1, "b": 2, "c": 3}
		for range 2 {
			found(t, all)(memo.DoMany(ctx, keys, find, memo.TagsFunc(func(key string) []string { return []string{"key " + key} })))
		}
		must(t, memo.InvalidateTags(ctx, "of b"))
		found(t, all)(memo.DoMany(ctx, keys, find))
		must(t, memo.InvalidateTags(ctx, "of nobody", "key a"))
		found(t, all)(memo.DoMany(ctx, keys, find))
		must(t, memo.InvalidateTags(ctx, "all"))
		found(t, all)(memo.DoMany(ctx, keys, find))
		rows.asked(t, keys, []string{"b"}, []string{"a"}, keys)
	})
}

func TestAmendKeyOfAnotherType(t *testing.T) {
	t.Parallel()
	c, rows := newCache(t, memo.Config{}), newRowset("a")
	_, err := memo.DoMany(c.With(context.Background()), []string{"a"}, func(ctx context.Context, missing []string) (map[string]int, error) {
		memo.AmendKey(ctx, 7, memo.TTL(patience))
		return rows.find(ctx, missing)
	})
	if usage := (*memo.UsageError)(nil); !errors.As(err, &usage) || !strings.Contains(usage.Problem, "AmendKey of a int") {
		t.Errorf("got %v", err)
	}
}

func TestAmendKeyInALoaderOfOne(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	memo.AmendKey(context.Background(), "k", memo.TTL(patience))
	hit(t, 1)(memo.Do(c.With(context.Background()), "k", func(ctx context.Context) (int, error) {
		memo.AmendKey(ctx, "k", memo.BatchSize(-1))
		return 1, nil
	}))
}

// Requests that ask for the same keys, in other orders and companies, at once.
func TestDoManyAtOnceLoadsEachKeyOnce(t *testing.T) {
	t.Parallel()
	onEachStore(t, func(t *testing.T, shared tier.Shared) {
		c, rows := newCache(t, on(shared)), newRowset("a", "b", "c")
		sets := [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "c", "a"}, {"c", "a"}, {"a", "b"}}
		var callers sync.WaitGroup
		var calls atomic.Int64
		start := make(chan struct{})
		for i := range 200 {
			callers.Go(func() {
				ctx, end := c.Begin(context.Background())
				defer end()
				<-start
				keys := sets[i%len(sets)]
				values, err := memo.DoMany(ctx, keys, rows.find)
				if err != nil || len(values) != len(keys) {
					t.Errorf("got %v, %v", values, err)
				}
				for _, key := range keys {
					if values[key] != rows.rows[key] {
						t.Errorf("%s is %d", key, values[key])
					}
				}
				calls.Add(int64(len(keys)))
			})
		}
		close(start)
		callers.Wait()
		loaded := slices.Sorted(slices.Values(slices.Concat(rows.calls...)))
		if !slices.Equal(loaded, []string{"a", "b", "c"}) {
			t.Errorf("loaded %q, want each once", loaded)
		}
		if n := c.Snapshot().Total; n.Calls != uint64(calls.Load()) || n.Runs != uint64(len(rows.calls)) {
			t.Errorf("%d calls, want %d; %d runs, want %d", n.Calls, calls.Load(), n.Runs, len(rows.calls))
		}
	})
}

func TestBatchErrorSaysWhatFailed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		errs map[string]error
		text string
		n    int
	}{
		{nil, "memo: 0 keys of a batch failed", 0},
		{map[string]error{"secret": errQuery}, "memo: 1 key of a batch failed: the database is down", 1},
		{map[string]error{"a": errQuery, "b": errQuery, "c": context.Canceled}, "memo: 3 keys of a batch failed: the database is down; and 1 other error", 2},
		{map[string]error{"a": errQuery, "b": uncomparable{}, "c": uncomparable{}}, "memo: 3 keys of a batch failed: the database is down; and 2 other errors", 3},
	} {
		err := &memo.BatchError{Errs: test.errs}
		if err.Error() != test.text || len(err.Unwrap()) != test.n {
			t.Errorf("%v reads %q and has %v", test.errs, err, err.Unwrap())
		}
	}
}

type uncomparable struct{ of []string }

func (u uncomparable) Error() string { return fmt.Sprint("uncomparable", u.of) }
