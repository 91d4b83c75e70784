package memo_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What is counted for each name, in runs whose numbers are known.

// byName returns the Counts of each name of s, and fails unless they add up: Calls
// from its outcomes, Total from the names. With others at work, Entries is left out.
func byName(t *testing.T, s memo.Stats, quiet bool) map[string]memo.Counts {
	t.Helper()
	if !slices.IsSortedFunc(s.Funcs, func(a, b memo.FuncStats) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("the names are not sorted: %+v", s.Funcs)
	}
	names, sums := map[string]memo.Counts{}, map[string]int64{}
	for _, f := range s.Funcs {
		if _, twice := names[f.Name]; twice {
			t.Errorf("%q is there twice", f.Name)
		}
		names[f.Name] = f.Counts
		for name, n := range numbers(f.Counts) {
			sums[name] += n
		}
	}
	all := withTotal(names, s.Total)
	for name, n := range all {
		if sum := n.L1 + n.L2 + n.L3 + n.Loads + n.Joined + n.Stale + n.Negative + n.Bypass + n.Miss + n.Errors; n.Calls != sum {
			t.Errorf("%s: %d calls, and %d outcomes", name, n.Calls, sum)
		}
	}
	for name, n := range numbers(s.Total) {
		switch {
		case name == "Entries" && !quiet:
		case slices.Contains([]string{"Tags", "All", "Deferred"}, name):
			if sums[name] != 0 {
				t.Errorf("%s of names: %d, and it is no name's", name, sums[name])
			}
		case name == "Peer" && n >= sums[name]: // others' tags are no name's
		case n != sums[name]:
			t.Errorf("%s: %d in Total, and %d in Funcs", name, n, sums[name])
		}
	}
	return names
}

func withTotal(names map[string]memo.Counts, total memo.Counts) map[string]memo.Counts {
	all := map[string]memo.Counts{"Total": total}
	for name, n := range names {
		all["Funcs "+name] = n
	}
	return all
}

// numbers are the fields of n and of its Invalidations.
func numbers(n memo.Counts) map[string]int64 {
	all := map[string]int64{}
	for _, v := range []reflect.Value{reflect.ValueOf(n), reflect.ValueOf(n.Invalidations)} {
		for i := range v.NumField() {
			switch field := v.Field(i); {
			case field.CanUint():
				all[v.Type().Field(i).Name] = int64(field.Uint())
			case field.CanInt():
				all[v.Type().Field(i).Name] = field.Int()
			}
		}
	}
	return all
}

// counted fails unless c has counted exactly want.
func counted(t *testing.T, c *memo.Cache, want map[string]memo.Counts) {
	t.Helper()
	got := byName(t, c.Snapshot(), true)
	for name := range withTotal(got, memo.Counts{}) {
		if name := strings.TrimPrefix(name, "Funcs "); name != "Total" && got[name] != want[name] {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got[name], want[name])
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

var errBroken = errors.New("broken")

func broken(context.Context) (int, error)       { return 0, errBroken }
func findsNothing(context.Context) (int, error) { return 0, memo.ErrNotFound }

// takes is a loader that takes d.
func takes(d time.Duration) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { time.Sleep(d); return 1, nil }
}

// atOnce runs n goroutines of f.
func atOnce(n int, f func(worker int)) {
	var all sync.WaitGroup
	for worker := range n {
		all.Go(func() { f(worker) })
	}
	all.Wait()
}

// outlived runs f on a goroutine of its own, however it ends.
func outlived(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		f()
	}()
	<-done
}

func TestStatisticsOfEachName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(context.Background())
		request, end := c.Begin(context.Background())
		defer end()
		do := func(ctx context.Context, key string, fn func(context.Context) (int, error), opts ...memo.Option) {
			_, _ = memo.Do(ctx, key, fn, opts...)
		}
		do(ctx, "user:1", takes(time.Second))     // Loads
		do(ctx, "user:1", takes(time.Second))     // L2
		do(request, "user:1", takes(time.Second)) // L2
		do(request, "user:1", takes(time.Second)) // L1
		do(request, "user:1", takes(time.Second)) // L1
		do(request, "user:2", broken)             // Errors
		outlived(func() { do(ctx, "user:3", func(context.Context) (int, error) { panic("broken") }) })
		outlived(func() { do(ctx, "user:4", func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }) })
		_, _ = memo.Get[int](ctx, "user:9")                                                                    // Miss
		_, _ = memo.Get[int](ctx, "user:1")                                                                    // L2
		_, _ = memo.Get[string](ctx, "user:1")                                                                 // of another type: Errors
		do(memo.Bypass(ctx), "user:1", takes(0))                                                               // Bypass
		_, _ = memo.Refresh(ctx, "user:1", takes(2*time.Second))                                               // Loads
		do(ctx, "user:1", takes(0), memo.Name("front page"))                                                   // L2 of another name
		do(request, "user:1", takes(0), memo.TTL(time.Minute), memo.Name("not this"), memo.Name("front page")) // L1 of it
		do(memo.Bypass(ctx), "user:1", broken, memo.Name("front page"))                                        // Bypass of it
		do(ctx, "user:5", takes(time.Millisecond), memo.Name("front page"))                                    // Loads of it; the entry is a user
		do(ctx, "order:1", findsNothing)                                                                       // Loads, and nothing kept
		do(ctx, "order:2", findsNothing, memo.NegativeTTL(time.Hour))                                          // Loads
		do(ctx, "order:2", findsNothing)                                                                       // Negative
		do(request, "order:2", findsNothing)                                                                   // Negative
		do(ctx, "order:3", takes(0), memo.TTL(time.Second), memo.Stale(time.Hour))                             // Loads
		time.Sleep(2 * time.Second)                                                                            // past its TTL
		do(ctx, "order:3", takes(time.Second), memo.Stale(time.Hour), memo.TTL(time.Hour))                     // Stale, and a refresh
		synctest.Wait()
		if n := byName(t, c.Snapshot(), true)["order"].InFlight; n != 1 {
			t.Errorf("%d orders in flight while one is refreshed, want 1", n)
		}
		go do(ctx, "order:4", takes(time.Second)) // Loads
		synctest.Wait()
		do(ctx, "order:4", takes(0))                // Joined
		time.Sleep(time.Second)                     // for the refresh
		do(ctx, "a-token-that-is-secret", takes(0)) // Loads, of no name
		do(ctx, "me@example.com:7", takes(0))       // Loads, of no name
		_ = memo.Set(ctx, "order:5", 1)             // no call
		_, _ = memo.Peek[int](ctx, "order:5")       // no call
		do(ctx, "", takes(0))                       // a mistake: no call
		do(ctx, "order:1", takes(0), memo.TTL(-1))  // a mistake: no call
		must(t, memo.Invalidate(ctx, "user:1", "user:8", "order:5", "me@example.com:7"))
		must(t, memo.Expire(ctx, "order:3", "user:1"))
		must(t, memo.InvalidateTree(ctx, "user"))
		must(t, memo.InvalidateTree(ctx, "order:4"))
		must(t, memo.InvalidateTree(ctx, "unheard"))
		must(t, memo.InvalidateTags(ctx, "red", "green"))
		synctest.Wait()

		want := map[string]memo.Counts{
			"user": {
				Calls: 13, L1: 2, L2: 3, Loads: 2, Errors: 4, Miss: 1, Bypass: 1,
				Runs: 5, RunErrors: 1, RunPanics: 2, RunTime: 3 * time.Second, Entries: 1,
				Invalidations: memo.InvalidationStats{Keys: 2, Expired: 1, Trees: 1},
			},
			"front page": {Calls: 4, L1: 1, L2: 1, Loads: 1, Bypass: 1, Runs: 1, RunTime: time.Millisecond},
			"order": {
				Calls: 8, Loads: 4, Negative: 2, Stale: 1, Joined: 1,
				Runs: 5, RunTime: 2 * time.Second, Refreshes: 1, Entries: 3,
				Invalidations: memo.InvalidationStats{Keys: 1, Expired: 1, Trees: 1},
			},
			"other": {
				Calls: 2, Loads: 2, Runs: 2, Entries: 1,
				Invalidations: memo.InvalidationStats{Keys: 1, Trees: 1},
			},
		}
		counted(t, c, want)
		if n := c.Snapshot().Total.Invalidations; n.Tags != 2 || n.All != 0 {
			t.Errorf("%+v, want 2 tags", n)
		}

		must(t, memo.InvalidateAll(ctx))
		for name, n := range want {
			n.Entries = 0
			want[name] = n
		}
		counted(t, c, want)
		do(ctx, "order:6", takes(0))
		if n := byName(t, c.Snapshot(), true)["order"]; n.Entries != 1 {
			t.Errorf("%d entries after everything was forgotten and one was loaded, want 1", n.Entries)
		}
	})
}

// Two caches, of one process and of two: each counts its own.
func TestStatisticsOfTwoCaches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		a, b := here.With(context.Background()), there.With(context.Background())
		f.db.do(t, a, "user:1")
		f.db.do(t, b, "user:1")
		f.db.do(t, there.With(a), "user:1") // the one that was bound last
		must(t, memo.Set(a, "order:1", 7))
		must(t, memo.Invalidate(a, "user:1", "unheard:1"))
		must(t, memo.InvalidateTags(a, "red"))
		must(t, memo.InvalidateTree(a, "user"))
		time.Sleep(time.Second)
		mine, theirs := byName(t, here.Snapshot(), true), byName(t, there.Snapshot(), true)
		if bytes := mine["user"].ValueBytes; bytes == 0 || mine["order"].ValueBytes == 0 || theirs["user"].ValueBytes != 0 {
			t.Errorf("bytes written: %d of users and %d of orders, and %d of users by who read them", bytes, mine["order"].ValueBytes, theirs["user"].ValueBytes)
		}
		for _, c := range []struct {
			got, want memo.Counts
		}{
			{mine["user"], memo.Counts{Calls: 1, Loads: 1, Runs: 1, Invalidations: memo.InvalidationStats{Keys: 1, Trees: 1}}},
			{theirs["user"], memo.Counts{Calls: 2, L3: 1, L2: 1, Invalidations: memo.InvalidationStats{Peer: 2}}},
			{theirs["other"], memo.Counts{Calls: 1, Miss: 1, Invalidations: memo.InvalidationStats{Peer: 2}}}, // an order, and what is unheard of
		} {
			c.got.ValueBytes, c.got.RunTime = 0, 0
			if c.got != c.want {
				t.Errorf("\n got %+v\nwant %+v", c.got, c.want)
			}
		}
		if n := there.Snapshot().Total.Invalidations.Peer; n != 5 {
			t.Errorf("told of %d, want 3 keys, a tag and a tree", n)
		}
	})
}

// What a Snapshot says adds up at every moment, of every name.
func TestStatisticsAddUpUnderTraffic(t *testing.T) {
	t.Parallel()
	const workers, rounds, size = 8, 100, 40
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), Local: lru.New(size)}))
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		before := map[string]map[string]int64{}
		for {
			for name, n := range byName(t, c.Snapshot(), false) {
				now := numbers(n)
				for field, is := range now {
					if was := before[name][field]; is < was && field != "InFlight" && field != "Entries" {
						t.Errorf("%s.%s went from %d to %d", name, field, was, is)
					}
				}
				if now["Entries"] > size {
					t.Errorf("%d entries of %s, where there is room for %d", now["Entries"], name, size)
				}
				before[name] = now
			}
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	names := []string{"user", "order", "page", "front page"}
	atOnce(workers, func(worker int) {
		for round := range rounds {
			ctx, end := c.Begin(context.Background())
			name := names[(worker+round)%len(names)]
			key := memo.Key(name, (worker*round)%50)
			load := takes(0)
			if round%7 == 0 {
				load = broken
			}
			_, _ = memo.Do(ctx, key, load)
			_, _ = memo.Do(ctx, key, load, memo.Name(name))
			switch round % 50 {
			case 3, 13, 23:
				must(t, memo.Invalidate(ctx, key, memo.Key("page", round)))
			case 9:
				must(t, memo.InvalidateTree(ctx, key))
			case 17:
				must(t, memo.Set(ctx, key, 7))
			case 19:
				must(t, memo.Expire(ctx, key))
			case 27:
				must(t, memo.InvalidateAll(ctx))
			}
			end()
		}
	})
	close(done)
	<-watched
	s := c.Snapshot()
	byName(t, s, true)
	if s.Total.Calls != workers*rounds*2 || s.Total.InFlight != 0 {
		t.Errorf("%d calls and %d in flight, want %d and none", s.Total.Calls, s.Total.InFlight, workers*rounds*2)
	}
	if s.Total.Evictions == 0 || s.Total.L1 == 0 || s.Total.L2 == 0 || s.Total.Errors == 0 {
		t.Errorf("the traffic was too plain: %+v", s.Total)
	}
}
