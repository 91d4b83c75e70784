package memo_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Single calls of a function whose loader is one of many keys, joined within a window.

// counter is such a function of numbers; what it was asked for is in calls.
type counter struct {
	mu    sync.Mutex
	calls [][]int
	seen  []context.Context
}

func (c *counter) load(ctx context.Context, missing []int) (map[int]int, error) {
	c.mu.Lock()
	c.calls = append(c.calls, slices.Sorted(slices.Values(missing)))
	c.seen = append(c.seen, ctx)
	c.mu.Unlock()
	found := map[int]int{}
	for _, k := range missing {
		if k >= 0 {
			found[k] = 10 * k
			memo.AmendKey(ctx, k, memo.Tags(memo.Key("tag", k)))
		}
	}
	return found, nil
}

func (c *counter) do(ctx context.Context, k int, opts ...memo.Option) (int, error) {
	return memo.DoOne(ctx, c, memo.Key("n", k), k, c.load, opts...)
}

// at returns what n calls under ctx return, made at once, and how often the loader ran.
func (c *counter) at(t *testing.T, ctx context.Context, n int, opts ...memo.Option) (calls int) {
	t.Helper()
	before := len(c.calls)
	var all sync.WaitGroup
	for k := range n {
		all.Go(func() {
			if v, err := c.do(ctx, k, opts...); v != 10*k || err != nil {
				t.Errorf("%d: got %d, %v", k, v, err)
			}
		})
	}
	all.Wait()
	return len(c.calls) - before
}

const window = 2 * time.Millisecond

func TestCallsOfOneRequestAreJoined(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		fn := &counter{}
		ctx, end := c.Begin(context.Background())
		defer end()
		begin := time.Now()
		if calls := fn.at(t, ctx, 20, memo.BatchWindow(window)); calls != 1 {
			t.Errorf("%d calls of the loader, want 1: %d", calls, fn.calls)
		}
		if took := time.Since(begin); took != window {
			t.Errorf("took %v, want %v", took, window)
		}
		begin = time.Now()
		hit(t, 70)(fn.do(ctx, 7, memo.BatchWindow(window)))
		must(t, memo.InvalidateTags(ctx, memo.Key("tag", 7)))
		if !time.Now().Equal(begin) {
			t.Error("a hit, or an invalidation, waited")
		}
		hit(t, 70)(fn.do(ctx, 7, memo.BatchWindow(window)))
		if len(fn.calls) != 2 || !slices.Equal(fn.calls[1], []int{7}) {
			t.Errorf("loaded %d", fn.calls)
		}
	})
}

func TestCallsThatAreNotJoined(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		one, end := c.Begin(context.Background())
		defer end()
		two, end := c.Begin(context.Background())
		defer end()
		other := &counter{}
		for name, calls := range map[string]func(fn *counter) []func() (int, error){
			"without a window": func(fn *counter) []func() (int, error) {
				return []func() (int, error){
					func() (int, error) { return fn.do(one, 1) },
					func() (int, error) { return fn.do(one, 2) },
				}
			},
			"of two requests": func(fn *counter) []func() (int, error) {
				return []func() (int, error){
					func() (int, error) { return fn.do(one, 1, memo.BatchWindow(window)) },
					func() (int, error) { return fn.do(two, 2, memo.BatchWindow(window)) },
				}
			},
			"of none": func(fn *counter) []func() (int, error) {
				ctx := c.With(context.Background())
				return []func() (int, error){
					func() (int, error) { return fn.do(ctx, 1, memo.BatchWindow(window)) },
					func() (int, error) { return fn.do(ctx, 2, memo.BatchWindow(window)) },
				}
			},
			"under another mode": func(fn *counter) []func() (int, error) {
				return []func() (int, error){
					func() (int, error) { return fn.do(one, 1, memo.BatchWindow(window)) },
					func() (int, error) { return fn.do(memo.Fresh(one), 2, memo.BatchWindow(window)) },
				}
			},
			"of two tenants": func(fn *counter) []func() (int, error) {
				return []func() (int, error){
					func() (int, error) { return fn.do(memo.Vary(one, "tenant", 1), 1, memo.BatchWindow(window)) },
					func() (int, error) { return fn.do(memo.Vary(one, "tenant", 2), 2, memo.BatchWindow(window)) },
				}
			},
			"of another function": func(fn *counter) []func() (int, error) {
				return []func() (int, error){
					func() (int, error) { return fn.do(one, 1, memo.BatchWindow(window)) },
					func() (int, error) {
						return memo.DoOne(one, other, memo.Key("n", 2), 2, fn.load, memo.BatchWindow(window))
					},
				}
			},
			"one after the other": func(fn *counter) []func() (int, error) {
				return []func() (int, error){
					func() (int, error) { return fn.do(one, 1, memo.BatchWindow(window)) },
					func() (int, error) {
						time.Sleep(window + 1)
						return fn.do(one, 2, memo.BatchWindow(window))
					},
				}
			},
			"around the cache": func(fn *counter) []func() (int, error) {
				around := memo.Bypass(one)
				return []func() (int, error){
					func() (int, error) { return fn.do(around, 1, memo.BatchWindow(window)) },
					func() (int, error) { return fn.do(around, 2, memo.BatchWindow(window)) },
				}
			},
		} {
			fn := &counter{}
			first, second := later(t, calls(fn)[0]), later(t, calls(fn)[1])
			if a, b := first(), second(); a != 10 || b != 20 {
				t.Errorf("%s: got %d and %d", name, a, b)
			}
			if len(fn.calls) != 2 {
				t.Errorf("%s: %d calls of the loader, want 2", name, len(fn.calls))
			}
			must(t, c.InvalidateAll(context.Background()))
			must(t, memo.InvalidateAll(one))
			must(t, memo.InvalidateAll(two))
		}
	})
}

// A window that is full does not wait for its end.
func TestWindowOfABatchIsShutWhenItIsFull(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		fn := &counter{}
		ctx, end := c.Begin(context.Background())
		defer end()
		begin := time.Now()
		if calls := fn.at(t, ctx, 30, memo.BatchWindow(time.Second), memo.BatchSize(10)); calls != 3 {
			t.Errorf("loaded %d", fn.calls)
		}
		if !time.Now().Equal(begin) {
			t.Errorf("waited for %v", time.Since(begin))
		}
		synctest.Wait()
	})
}

// Who leaves a window does not hold up who stays, nor take them along.
func TestCallerLeavesAWindow(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		fn := &counter{}
		ctx, end := c.Begin(context.Background())
		defer end()
		for i, window := range []time.Duration{window, 10 * time.Second} { // shorter and longer than the grace of a load
			short, cancel := context.WithTimeout(ctx, window/2)
			defer cancel()
			stays := later(t, func() (int, error) { return fn.do(ctx, 10*i+1, memo.BatchWindow(window)) })
			if _, err := fn.do(short, 10*i+2, memo.BatchWindow(window)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who left got %v", err)
			}
			if v := stays(); v != 100*i+10 {
				t.Errorf("who stayed got %d", v)
			}
		}
		if last := fn.calls[len(fn.calls)-1]; !slices.Equal(last, []int{11}) {
			t.Errorf("loaded %d for nobody", last)
		}
	})
}

// Who has left a window does not have it shut for those who come.
func TestWindowStaysOpenWhenACallerHasLeft(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		fn, window := &counter{}, memo.BatchWindow(10*time.Second)
		ctx, end := c.Begin(context.Background())
		defer end()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := fn.do(short, 1, window); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who left got %v", err)
		}
		time.Sleep(2 * time.Second) // beyond the grace
		early := later(t, func() (int, error) { return fn.do(ctx, 2, window) })
		time.Sleep(2 * time.Second)
		late := later(t, func() (int, error) { return fn.do(ctx, 3, window) })
		if early() != 20 || late() != 30 || len(fn.calls) != 1 || !slices.Equal(fn.calls[0], []int{2, 3}) {
			t.Errorf("loaded %d", fn.calls)
		}
	})
}

// A window that New gives is about all functions. One whose loads have less time goes alone.
func TestWindowOfNewGivesWayToALoadTimeout(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		own := memo.Config{Prefix: "t", Shared: tiertest.NewMemory()}
		cfg(&own)
		c := newCache(t, own, memo.BatchWindow(10*time.Second))
		ctx, end := c.Begin(context.Background())
		defer end()
		fn, begin := &counter{}, time.Now()
		hit(t, 10)(fn.do(ctx, 1, memo.LoadTimeout(time.Second)))
		hit(t, 1<<30)(memo.Do(ctx, "single", loadNumber, memo.LoadTimeout(time.Second)))
		if took := time.Since(begin); took > time.Second {
			t.Errorf("waited for %v", took)
		}
		_, err := fn.do(ctx, 2, memo.LoadTimeout(time.Second), memo.BatchWindow(time.Second))
		refusedPair(t, err, "Do", "BatchWindow LoadTimeout")
		_, err = memo.New(memo.Config{}, memo.BatchWindow(time.Minute))
		refusedPair(t, err, "New", "BatchWindow LoadTimeout")
	})
}

func TestOneOfALoaderOfMany(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		fn := &counter{}
		ctx := c.With(context.Background())
		for range 2 {
			if _, err := fn.do(ctx, -1, memo.NegativeTTL(time.Minute)); err != memo.ErrNotFound {
				t.Errorf("an absent one: %v, want ErrNotFound", err)
			}
		}
		if len(fn.calls) != 1 {
			t.Errorf("loaded %d", fn.calls)
		}
		if _, err := fn.do(context.Background(), -1); err != memo.ErrNotFound {
			t.Errorf("an absent one without a cache: %v, want ErrNotFound", err)
		}
		none := context.Context(nil)
		if _, err := fn.do(none, 1); err == nil {
			t.Error("no ctx was no mistake")
		}
		defer func() {
			if p := recover(); p != "one" {
				t.Errorf("panicked with %v", p)
			}
		}()
		_, _ = memo.DoOne(ctx, fn, "p", 1, func(context.Context, []int) (map[int]int, error) { panic("one") })
	})
}

// A loader of one, for several keys: what the tiers have is not loaded, and not all of the
// others at once.
func TestManyOfALoaderOfOne(t *testing.T) {
	t.Parallel()
	withOrWithoutShared(t, func(t *testing.T, f *fleet, cfg func(*memo.Config)) {
		c, _ := f.process(t, cfg)
		var mu sync.Mutex
		running, most := 0, 0
		loaded := map[string]int{}
		load := func(ctx context.Context, key string) (int, error) {
			mu.Lock()
			running++
			most = max(most, running)
			loaded[key]++
			mu.Unlock()
			defer func() {
				mu.Lock()
				running--
				mu.Unlock()
			}()
			time.Sleep(time.Second)
			switch key {
			case "failing":
				return 0, errQuery
			case "absent":
				return 0, memo.ErrNotFound
			}
			return 1, nil
		}
		keys := append(keysOf("k", 40), "failing", "absent", memo.Key("k", 0))
		ctx := c.With(context.Background())
		for _, key := range keys[:10] {
			must(t, memo.Set(ctx, key, 1))
		}
		results, err := memo.DoEach(ctx, keys, keys, load)
		must(t, err)
		for i, r := range results {
			want := map[string]error{"failing": errQuery, "absent": memo.ErrNotFound}[keys[i]]
			if !errors.Is(r.Err, want) || want == nil && r.Value != 1 {
				t.Errorf("%s: %v", keys[i], r)
			}
		}
		if most > 16 || most < 10 {
			t.Errorf("%d loaders ran at once, want 16 at most", most)
		}
		if len(loaded) != 32 || loaded[keys[0]] != 0 {
			t.Errorf("loaded %v", loaded)
		}
		defer func() {
			if p := recover(); p != "its own" {
				t.Errorf("panicked with %v", p)
			}
		}()
		_, _ = memo.DoEach(ctx, []string{"x", "y"}, []string{"x", "y"}, func(context.Context, string) (int, error) { panic("its own") })
	})
}
