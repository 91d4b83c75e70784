package memo_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// What is kept is bounded and ends with its request: the tests of G11. That the
// requests of a real server are freed, however they end, is in adapters/nethttp.

func TestG11_RequestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const most, asked = 10, 100
	c, db := newCache(t, memo.Config{Local: nothing{}, MaxRequestEntries: most}), newDatabase()
	ctx, end := c.Begin(context.Background())
	defer end()
	total := 0
	for range 2 {
		for i := range asked {
			key := memo.Key("k", i)
			v, err := memo.Do(ctx, key, func(context.Context) (int, error) { db.read(key); return i, nil })
			if v != i || err != nil {
				t.Fatalf("key %d: %d, %v", i, v, err)
			}
		}
	}
	for i := range asked {
		total += db.queries(memo.Key("k", i))
	}
	if want := most + 2*(asked-most); total != want {
		t.Errorf("%d queries for %d keys read twice, want %d: the request keeps %d", total, asked, want, most)
	}
	must(t, memo.Invalidate(ctx, memo.Key("k", 0)))
	db.do(t, ctx, "late")
	db.do(t, ctx, "late")
	if n := db.queries("late"); n != 1 {
		t.Errorf("%d queries for a key that came when there was room again, want 1", n)
	}
}

func TestG11_ProcessTierIsBounded(t *testing.T) {
	t.Parallel()
	const size, asked = 100, 1000
	c, db := newCache(t, memo.Config{Local: lru.New(size)}), newDatabase()
	ctx := c.With(context.Background())
	for i := range asked {
		db.do(t, ctx, memo.Key("k", i))
	}
	s := c.Snapshot()
	if s.Local.Entries != size || s.Local.Capacity != size || s.Total.Evictions != asked-size {
		t.Errorf("after %d keys: %+v with %d evictions, want %d entries and %d evictions", asked, s.Local, s.Total.Evictions, size, asked-size)
	}
}

// page is a value that is large enough to be missed.
type page [4096]byte

// freed fails unless the collector frees what p points to.
func freed[T any](tb testing.TB, what string, p weak.Pointer[T]) {
	tb.Helper()
	for range 50 {
		if runtime.GC(); p.Value() == nil {
			return
		}
		runtime.Gosched()
	}
	tb.Errorf("%s is not freed", what)
}

// readPage reads a page in ctx and lets go of it.
//
//go:noinline
func readPage(tb testing.TB, ctx context.Context) weak.Pointer[page] {
	p, err := memo.Do(ctx, "page", func(context.Context) (*page, error) { return new(page), nil })
	must(tb, err)
	return weak.Make(p)
}

func TestG11_RequestsValuesAreFreedAtItsEnd(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: nothing{}})
	ctx, end := c.Begin(context.Background())
	before := readPage(t, ctx)
	if runtime.GC(); before.Value() == nil {
		t.Fatal("a request that is open has lost its value")
	}

	// A goroutine is left in a call, and goes on holding ctx.
	loading, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = memo.Do(ctx, "slow", func(context.Context) (int, error) {
			close(loading)
			<-release
			return 7, nil
		})
	})
	<-loading
	end()
	freed(t, "the value of a request that has ended, while a goroutine of it still waits for a load,", before)
	freed(t, "a value that was read after the end", readPage(t, ctx))
	close(release)
	wg.Wait()
	runtime.KeepAlive(ctx)
}

// crowd is the timers of other requests, so that those of one lie among them.
func crowd(tb testing.TB, d time.Duration) {
	tb.Helper()
	for range 300 {
		timer := time.AfterFunc(d, func() {})
		tb.Cleanup(func() { timer.Stop() })
	}
}

// A timer that was stopped can stay in the runtime's heap until its time has
// come: what bounds a load must not hold what was loaded. It has one P, which
// has all the timers, and is not parallel.
func TestG11_ValuesAreFreedBeforeTheTimersOfTheirLoads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := newCache(t, memo.Config{Local: nothing{}})
	ctx, end := c.Begin(context.Background())
	crowd(t, 10*time.Second)
	value := func() weak.Pointer[page] {
		p, err := memo.Do(ctx, "page", func(context.Context) (*page, error) {
			crowd(t, time.Hour)
			return new(page), nil
		})
		must(t, err)
		return weak.Make(p)
	}()
	end()
	freed(t, "the value of a request that has ended", value)
	runtime.KeepAlive(ctx)
}

// Loads that have ended and were each begun by the one before, as where a loader leaves a
// goroutine behind that loads the next page ahead, do not pile up.
func TestG11_RowOfLoadsHoldsNoneThatHaveEnded(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: nothing{}})
	values, running, release := make(chan weak.Pointer[page], 2), make(chan struct{}), make(chan struct{})
	var left sync.WaitGroup
	var load func(ctx context.Context, n int) (*page, error)
	load = func(ctx context.Context, n int) (*page, error) {
		if n == 2 {
			close(running)
			<-release
			return nil, nil
		}
		left.Go(func() {
			_, err := memo.Do(context.WithoutCancel(ctx), memo.Key("page", n+1), func(ctx context.Context) (*page, error) { return load(ctx, n+1) })
			must(t, err)
		})
		p := new(page)
		values <- weak.Make(p)
		return p, nil
	}
	_, err := memo.Do(c.With(context.Background()), memo.Key("page", 0), func(ctx context.Context) (*page, error) { return load(ctx, 0) })
	must(t, err)
	<-running
	freed(t, "the value of the first load, while the third one runs", <-values)
	close(release)
	left.Wait()
}

// 1. a goroutine of the request begins a load
// 2. the request ends
// 3. the load ends, and the goroutine goes on with its ctx
func TestG11_GoroutineThatOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		other, _ := f.process(t, slowPoll)
		f.db.do(t, other.With(context.Background()), "in the shared tier")
		c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Local = lru.New(100) })
		ctx, end := c.Begin(context.Background())
		f.db.do(t, ctx, "in both")
		loading, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			v, err := memo.Do(ctx, "running", func(context.Context) (int, error) {
				close(loading)
				<-release
				return 7, nil
			})
			if v != 7 || err != nil {
				t.Errorf("the goroutine that was left got %d, %v", v, err)
			}
		})
		<-loading
		end()
		close(release)
		wg.Wait()
		before := c.Snapshot().Total
		for range 2 {
			f.db.do(t, ctx, "in both")
			f.db.do(t, ctx, "running")
			f.db.do(t, ctx, "in the shared tier")
		}
		after := c.Snapshot().Total
		if l1, l2, l3 := after.L1-before.L1, after.L2-before.L2, after.L3-before.L3; l1 != 0 || l2 != 5 || l3 != 1 {
			t.Errorf("after its request's end a goroutine had %d hits in L1, %d in L2 and %d in L3, want 0, 5 and 1", l1, l2, l3)
		}
		must(t, memo.Set(ctx, "in both", 9))
		must(t, memo.Invalidate(ctx, "running"))
		must(t, memo.InvalidateAll(ctx))
	})
}

// In each turn the request before last is still loading, and the last one's ctx
// is still used: neither may be seen by the present one.
func TestG11_RequestsNeverShareMemory(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: nothing{}})
	read := func(ctx context.Context, user int) int {
		v, err := memo.Do(ctx, "me", func(context.Context) (int, error) { return user, nil })
		must(t, err)
		return v
	}
	late := func() {}
	old := c.With(context.Background())
	for user := range 1000 {
		ctx, end := c.Begin(context.Background())
		late()
		read(old, -1)
		if got := read(ctx, user); got != user {
			t.Fatalf("request %d sees the value of request %d", user, got)
		}
		end()
		if got := read(ctx, -user-1); got != -user-1 {
			t.Fatalf("request %d sees %d after its end", user, got)
		}

		left, endLeft := c.Begin(context.Background())
		loading, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(left, "me", func(context.Context) (int, error) {
				close(loading)
				<-release
				return -2, nil
			})
		}()
		<-loading
		endLeft()
		late = func() { close(release); <-done }
		old = ctx
	}
	late()
}
