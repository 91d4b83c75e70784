package memo_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// numbers_test.go is hits of a Func whose keys are numbers, when L2 finds them by these alone: what
// ends a hit ends that one, too.

// often asks for k so often that its entry is found by its number from now on.
func often[V comparable](t *testing.T, f *memo.Func[int, V], ctx context.Context, k int) V {
	t.Helper()
	v, err := f.Do(ctx, k)
	for range 200 {
		if again, err2 := f.Do(ctx, k); again != v || err != nil || err2 != nil {
			t.Fatalf("%v, %v; and then %v, %v", v, err, again, err2)
		}
	}
	for _, r := range batchOf(t, f, ctx, k, k) {
		if r.Value != v || r.Err != nil {
			t.Fatalf("%v; and in a batch %v, %v", v, r.Value, r.Err)
		}
	}
	return v
}

func batchOf[V any](t *testing.T, f *memo.Func[int, V], ctx context.Context, ks ...int) []memo.Result[V] {
	t.Helper()
	results, err := f.AppendMany(ctx, nil, ks)
	check(t, err)
	return results
}

// byNumber are the ways in which a Func reads a number.
var byNumber = map[string]func(t *testing.T, f *memo.Func[int, int], ctx context.Context, k int) int{
	"alone": func(t *testing.T, f *memo.Func[int, int], ctx context.Context, k int) int {
		v, err := f.Do(ctx, k)
		check(t, err)
		return v
	},
	"in a batch": func(t *testing.T, f *memo.Func[int, int], ctx context.Context, k int) int {
		r := batchOf(t, f, ctx, k)[0]
		check(t, r.Err)
		return r.Value
	},
}

// countingRuns is a function whose value is how often it ran.
func countingRuns(c *memo.Cache, name string, opts ...memo.Option) *memo.Func[int, int] {
	runs := 0
	return memo.NewFunc(c, name, func(context.Context, int) (int, error) { runs++; return runs, nil }, opts...)
}

func TestWhatEndsAHitEndsOneByNumber(t *testing.T) {
	t.Parallel()
	for how, end := range map[string]func(t *testing.T, c *memo.Cache, f *memo.Func[int, int], ctx context.Context){
		"Invalidate": func(t *testing.T, _ *memo.Cache, f *memo.Func[int, int], ctx context.Context) {
			check(t, f.Invalidate(ctx, 7))
		},
		"InvalidateAll": func(t *testing.T, _ *memo.Cache, f *memo.Func[int, int], ctx context.Context) {
			check(t, f.InvalidateAll(ctx))
		},
		"everything": func(t *testing.T, c *memo.Cache, _ *memo.Func[int, int], ctx context.Context) {
			check(t, memo.InvalidateAll(ctx))
		},
		"InvalidateTags": func(t *testing.T, _ *memo.Cache, _ *memo.Func[int, int], ctx context.Context) {
			check(t, memo.InvalidateTags(ctx, "numbers"))
		},
		"InvalidateTree": func(t *testing.T, _ *memo.Cache, f *memo.Func[int, int], ctx context.Context) {
			check(t, memo.InvalidateTree(ctx, f.Key(7)))
		},
		"the key": func(t *testing.T, _ *memo.Cache, f *memo.Func[int, int], ctx context.Context) {
			check(t, memo.Invalidate(ctx, f.Key(7)))
		},
		"Expire": func(t *testing.T, _ *memo.Cache, f *memo.Func[int, int], ctx context.Context) {
			check(t, f.Expire(ctx, 7))
		},
		"the TTL": func(*testing.T, *memo.Cache, *memo.Func[int, int], context.Context) { time.Sleep(time.Hour) },
		"Close":   func(t *testing.T, c *memo.Cache, _ *memo.Func[int, int], ctx context.Context) { check(t, c.Close(ctx)) },
	} {
		for where, cfg := range map[string]func() memo.Config{
			"alone":         func() memo.Config { return memo.Config{} },
			"above a store": func() memo.Config { return patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory()}) },
		} {
			for by, read := range byNumber {
				t.Run(how+" "+where+" "+by, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						c := newCache(t, cfg())
						ctx := c.With(context.Background())
						f := countingRuns(c, "number", memo.TTL(time.Hour), memo.Tags("numbers"))
						if v := often(t, f, ctx, 7); v != 1 {
							t.Fatal(v)
						}
						end(t, c, f, ctx)
						if v := read(t, f, ctx, 7); v != 2 {
							t.Errorf("after %s: %v", how, v)
						}
					})
				})
			}
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestModesOfACallAreHeededByNumber(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	f := countingRuns(c, "number", memo.TTL(time.Hour))
	often(t, f, ctx, 7)
	want := 1
	varied := memo.Vary(ctx, "tenant", 42)
	for _, how := range []context.Context{memo.Bypass(ctx), varied} {
		want++
		if v, err := f.Do(how, 7); v != want || err != nil {
			t.Errorf("%v, %v, want %d", v, err, want)
		}
		if how == varied {
			want-- // which keeps it
		}
		want++
		if r := batchOf(t, f, how, 7)[0]; r.Value != want || r.Err != nil {
			t.Errorf("in a batch %v, want %d", r, want)
		}
	}
	if err := f.Set(ctx, 7, 70); err != nil {
		t.Error(err)
	}
	if v := often(t, f, ctx, 7); v != 70 {
		t.Errorf("after Set it is %d", v)
	}
	if v, err := f.Refresh(ctx, 7); err != nil || often(t, f, ctx, 7) != v {
		t.Error(v, err)
	}
}

// TestNumbersOfTwoFunctionsInOneCache and of one function in two: 7 is another key.
func TestNumbersOfTwoFunctionsInOneCache(t *testing.T) {
	t.Parallel()
	c, other := newCache(t, memo.Config{}), newCache(t, memo.Config{})
	in := func(which int) func(context.Context, int) (int, error) {
		return func(ctx context.Context, k int) (int, error) {
			if memo.From(ctx) == other {
				return 1000 + which + k, nil
			}
			return which + k, nil
		}
	}
	one, two := memo.NewFunc(nil, "one", in(100)), memo.NewFunc(nil, "two", in(200))
	for range 3 {
		for ctx, more := range map[context.Context]int{c.With(context.Background()): 0, other.With(context.Background()): 1000} {
			if v := often(t, one, ctx, 7); v != 107+more {
				t.Errorf("one is %d", v)
			}
			if v := often(t, two, ctx, 7); v != 207+more {
				t.Errorf("two is %d", v)
			}
		}
	}
}

// TestEveryHitByNumberIsCounted: nothing is sampled.
func TestEveryHitByNumberIsCounted(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	f := countingRuns(c, "number")
	for k := range 30 {
		often(t, f, ctx, k)
	}
	if s := c.Snapshot(); len(s.Funcs) != 1 || s.Funcs[0].L2 != 30*(200+2) || s.Funcs[0].Loads != 30 {
		t.Errorf("%+v", s.Funcs)
	}
}

// TestNumbersThatAreNone: of the keys of numbers that have no slot, and of no short name.
func TestNumbersThatAreNone(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	same := func(_ context.Context, k int) (int, error) { return k, nil }
	for _, f := range []*memo.Func[int, int]{memo.NewFunc(c, "n", same), memo.NewFunc(c, "a name of more than sixteen bytes", same)} {
		for _, k := range []int{0, 7, -1, -7, 1e8 - 1, 1e8, 1e9, 1<<30 - 1, 1 << 30, math.MaxInt, math.MinInt} {
			if v := often(t, f, ctx, k); v != k {
				t.Errorf("%d is %d", k, v)
			}
		}
	}
}

// TestWhatHasLeftL2IsNotHeld: by its number either.
func TestWhatHasLeftL2IsNotHeld(t *testing.T) {
	t.Parallel()
	type big [1 << 10]byte
	for how, leave := range map[string]func(f *memo.Func[int, *big], ctx context.Context) error{
		"eviction": func(f *memo.Func[int, *big], ctx context.Context) (err error) {
			for k := 1000; k < 5000 && err == nil; k++ {
				_, err = f.Do(ctx, k)
				_, _ = f.Do(ctx, k) // in use, as the one that has to leave
			}
			return err
		},
		"Invalidate":    func(f *memo.Func[int, *big], ctx context.Context) error { return f.Invalidate(ctx, 7) },
		"Set":           func(f *memo.Func[int, *big], ctx context.Context) error { return f.Set(ctx, 7, nil) },
		"InvalidateAll": func(_ *memo.Func[int, *big], ctx context.Context) error { return memo.InvalidateAll(ctx) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := newCache(t, memo.Config{Local: lru.New(200)})
			ctx := c.With(context.Background())
			f := memo.NewFunc(c, "big", func(context.Context, int) (*big, error) { return new(big), nil })
			held := weak.Make(often(t, f, ctx, 7))
			if err := leave(f, ctx); err != nil {
				t.Fatal(err)
			}
			for range 20 { // what a load had is on the heap until it has returned
				if held.Value() == nil {
					break
				}
				runtime.GC()
				runtime.Gosched()
			}
			if held.Value() != nil {
				t.Error("it is still in memory")
			}
			runtime.KeepAlive(c)
		})
	}
}

// TestWhatIsStaleIsServedByNumber while it is refreshed, and counted as that.
func TestWhatIsStaleIsServedByNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(context.Background())
		runs, land := 0, make(chan struct{})
		f := memo.NewFunc(c, "number", func(ctx context.Context, _ int) (int, error) {
			if runs++; runs > 1 {
				select {
				case <-land:
				case <-ctx.Done():
					return 0, errors.New("cut short")
				}
			}
			return runs, nil
		}, memo.TTL(time.Minute), memo.Stale(time.Hour))
		often(t, f, ctx, 7)
		time.Sleep(2 * time.Minute)
		for range 5 {
			if v, err := f.Do(ctx, 7); v != 1 || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		}
		if s := c.Snapshot(); s.Total.Stale != 5 {
			t.Errorf("%d were stale", s.Total.Stale)
		}
		close(land)
		synctest.Wait()
		if v := often(t, f, ctx, 7); v != 2 {
			t.Errorf("refreshed it is %d", v)
		}
	})
}

// TestNumbersInARequest: of two functions, of more keys than have one place each, and after each of
// them was forgotten.
func TestNumbersInARequest(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	outside := c.With(context.Background())
	add := func(n int) func(context.Context, int) (int, error) {
		return func(_ context.Context, k int) (int, error) { return n + k, nil }
	}
	one, two := memo.NewFunc(c, "one", add(1000)), memo.NewFunc(c, "two", add(2000))
	for _, ks := range [][]int{{7}, {7, 17}, {7, 8, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}} {
		ctx, end := c.Begin(context.Background())
		for range 3 {
			for _, k := range ks {
				for range 3 {
					if a, b := often(t, one, ctx, k), often(t, two, ctx, k); a != 1000+k || b != 2000+k {
						t.Errorf("%d is %d and %d", k, a, b)
					}
				}
				often(t, one, outside, k)
			}
			check(t, one.Invalidate(ctx, ks[0]))
			check(t, two.Set(ctx, ks[0], 2000+ks[0]))
		}
		end()
	}
}

// TestARequestGoesOnByNumberWithWhatItHasRead, when L2 has another value by now.
func TestARequestGoesOnByNumberWithWhatItHasRead(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := countingRuns(c, "number")
	outside := c.With(context.Background())
	ctx, end := c.Begin(context.Background())
	defer end()
	often(t, f, ctx, 7)
	check(t, f.Invalidate(outside, 7))
	if v := often(t, f, outside, 7); v != 2 {
		t.Errorf("outside it is %d", v)
	}
	if v := often(t, f, ctx, 7); v != 1 {
		t.Errorf("in the request it is %d", v)
	}
	check(t, f.Invalidate(ctx, 7))
	if v := often(t, f, ctx, 7); v != 3 {
		t.Errorf("after its own Invalidate it is %d", v)
	}
}

// TestNestedReadByNumberDoesNotUseAnL2ThatIsBehind: what a load is made of has to be as new as the
// load, and what a number finds does not say so.
//
//  1. the reader has part 7 in L2, and has not polled since another process invalidated it
//  2. it begins a load of the whole, which reads part 7
func TestNestedReadByNumberDoesNotUseAnL2ThatIsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		rctx, wctx := reader.With(context.Background()), writer.With(context.Background())
		part := memo.NewFunc(reader, "part", func(context.Context, int) (int, error) { return f.db.read("part"), nil })
		often(t, part, rctx, 7)
		f.db.write("part")
		check(t, memo.Invalidate(wctx, part.Key(7)))
		check(t, memo.Invalidate(wctx, "whole"))
		v, err := memo.Do(rctx, "whole", func(ctx context.Context) (int, error) { return part.Do(ctx, 7) })
		if v != 1 || err != nil {
			t.Errorf("the whole is made of version %d of the part, %v, want 1", v, err)
		}
	})
}

// TestARequestOfManyKeysReadsByNumberWhatItHasRead: of so many keys the numbers do not tell which of
// them it has, and L2 is not to answer in its place.
func TestARequestOfManyKeysReadsByNumberWhatItHasRead(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := countingRuns(c, "number")
	outside := c.With(context.Background())
	const many = 10
	for k := range many {
		often(t, f, outside, k)
	}
	before := c.Snapshot().Total
	ctx, end := c.Begin(context.Background())
	defer end()
	for range 3 {
		for k := range many {
			if v, err := f.Do(ctx, k); v != k+1 || err != nil {
				t.Errorf("%d is %d, %v", k, v, err)
			}
		}
	}
	if s := c.Snapshot().Total; s.L2-before.L2 != many || s.L1-before.L1 != 2*many {
		t.Errorf("%d were answered by L2 and %d by the request, want %d and %d", s.L2-before.L2, s.L1-before.L1, many, 2*many)
	}
}

// TestWhatARequestFindsHasItsNumber from then on, whether L2 has slots or not.
func TestWhatARequestFindsHasItsNumber(t *testing.T) {
	t.Parallel()
	l2 := lru.New(100)
	c := newCache(t, memo.Config{Local: l2})
	f := countingRuns(c, "number")
	ctx, end := c.Begin(context.Background())
	defer end()
	for range 2 {
		if _, err := f.Do(ctx, 7); err != nil {
			t.Fatal(err)
		}
	}
	if e := l2.Peek(f.Key(7)); !lru.HasNumber(e, 7) || lru.HasNumber(e, 8) {
		t.Error("it is looked for by its key in each hit")
	}
}

// TestABatchOfNumbersInARequest: the request goes on with what a batch has read, whether it has few
// keys or many, and after it has forgotten one.
func TestABatchOfNumbersInARequest(t *testing.T) {
	t.Parallel()
	for _, ks := range [][]int{{7}, {7, 17}, {7, 8, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}} {
		c := newCache(t, memo.Config{})
		turn := 1000
		load := func(_ context.Context, k int) (int, error) { return turn + k, nil }
		one, two := memo.NewFunc(c, "one", load), memo.NewFunc(c, "two", load)
		outside := c.With(context.Background())
		for _, k := range ks {
			often(t, one, outside, k)
			often(t, two, outside, k)
		}
		is := func(f *memo.Func[int, int], ctx context.Context, turn int) {
			t.Helper()
			for i, r := range batchOf(t, f, ctx, ks...) {
				if r.Value != turn+ks[i] || r.Err != nil {
					t.Errorf("%d of %d: %v, want %d", ks[i], len(ks), r, turn+ks[i])
				}
			}
		}
		ctx, end := c.Begin(context.Background())
		is(one, ctx, 1000)
		turn = 2000
		check(t, one.InvalidateAll(outside))
		check(t, two.InvalidateAll(outside))
		is(one, outside, 2000)
		is(one, ctx, 1000)
		is(two, ctx, 2000)
		turn = 3000
		check(t, one.Invalidate(ctx, ks...))
		is(one, ctx, 3000)
		is(two, ctx, 2000)
		end()
	}
}

// TestEveryHitOfABatchByNumberIsCounted, as what it is.
func TestEveryHitOfABatchByNumberIsCounted(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := memo.NewFunc(c, "number", func(_ context.Context, k int) (int, error) {
		if k < 0 || k == 3 {
			return 0, memo.ErrNotFound
		}
		return k, nil
	}, memo.NegativeTTL(time.Hour))
	ctx := c.With(context.Background())
	ks := []int{1, 2, 3, 1, -4, 1e9}
	for range 100 {
		for i, r := range batchOf(t, f, ctx, ks...) {
			if absent := errors.Is(r.Err, memo.ErrNotFound); absent != (i == 2 || i == 4) || !absent && r.Value != ks[i] {
				t.Fatalf("%d: %v", ks[i], r)
			}
		}
	}
	request, end := c.Begin(context.Background())
	defer end()
	for range 3 {
		batchOf(t, f, request, 1, 2, 3)
	}
	s := c.Snapshot().Funcs[0]
	if s.Loads != 5 || s.L2 != 99*4+2 || s.Negative != 99*2+3 || s.L1 != 2*2 || s.Calls != 600+9 {
		t.Errorf("%+v", s)
	}
}
