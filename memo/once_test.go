package memo_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// One run of fn for everyone who asks: in a request (G1), in a process (G2), in
// the fleet (G3).

// nothing is a process tier that keeps nothing: what a request must remember
// without it.
type nothing struct{}

func (nothing) Get(string) *tier.Entry                  { return nil }
func (nothing) Peek(string) *tier.Entry                 { return nil }
func (nothing) Set(string, *tier.Entry)                 {}
func (nothing) Delete(string)                           {}
func (nothing) Clear()                                  {}
func (nothing) Len() int                                { return 0 }
func (nothing) Cap() int                                { return 0 }
func (nothing) OnEvict(func(key string, e *tier.Entry)) {}

func TestG01_OneRequestRunsFnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{Local: nothing{}}), newDatabase()
		ctx, end := c.Begin(context.Background())
		defer end()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // some come while it runs, some after
				_, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
					time.Sleep(50 * time.Millisecond)
					return db.read("k"), nil
				})
				must(t, err)
			})
		}
		wg.Wait()
		if n := db.queries("k"); n != 1 {
			t.Fatalf("one request ran fn %d times, want 1", n)
		}
		must(t, memo.Invalidate(ctx, "k"))
		db.do(t, ctx, "k")
		db.do(t, ctx, "k")
		if n := db.queries("k"); n != 2 {
			t.Fatalf("after its own Invalidate the request ran fn %d times, want 2", n)
		}
	})
}

// 1. a goroutine of the request misses L1, and another one leads a load
// 2. another request invalidates the key: the load will not be kept in L2
// 3. the load ends, before the first goroutine gets to the flight
func TestG01_LoadThatIsNotKeptIsTheRequestsAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		ctx, end := c.Begin(context.Background())
		defer end()
		v, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
			v := db.read("k")
			db.write("k")
			must(t, c.Invalidate(context.Background(), "k"))
			return v, nil
		})
		must(t, err)
		if again := db.do(t, ctx, "k"); again != v || db.queries("k") != 1 {
			t.Fatalf("the request read version %d, then %d, with %d queries; want its snapshot, with 1", v, again, db.queries("k"))
		}
	})
}

func TestG02_OneLoadAtATimeInTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				ctx, end := c.Begin(context.Background())
				defer end()
				_, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
					time.Sleep(50 * time.Millisecond)
					return db.read("k"), nil
				})
				must(t, err)
			})
		}
		wg.Wait()
		if n := db.queries("k"); n != 1 {
			t.Fatalf("1000 requests made %d loads, want 1", n)
		}
		if s := c.Snapshot().Total; s.Loads != 1 || s.Joined != 999 || s.Calls != 1000 || s.Runs != 1 {
			t.Errorf("counted %+v, want 1 load and 999 who joined it", s)
		}
	})
}

func TestG03_OneLoadForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var caches []*memo.Cache
		for range 4 {
			c, _ := f.process(t)
			caches = append(caches, c)
		}
		for expiry := range 5 {
			var wg sync.WaitGroup
			for i := range 40 {
				wg.Go(func() {
					_, err := memo.Do(caches[i%4].With(context.Background()), "k", func(context.Context) (int, error) {
						time.Sleep(5 * time.Second) // longer than a lease that is not renewed
						return f.db.read("k"), nil
					}, memo.TTL(time.Minute))
					must(t, err)
				})
			}
			wg.Wait()
			if n := f.db.queries("k"); n != expiry+1 {
				t.Fatalf("4 processes made %d loads for %d expiries", n, expiry+1)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A hit of a number has no text to look for in L1, where that has more keys than lie in the
// request itself: L2 has what is newer.
func TestG01_RequestWithManyNumbersKeepsWhatItHasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		version := 1
		f := memo.NewFunc(c, "row", func(context.Context, int) (int, error) { return version, nil })
		ctx, end := c.Begin(context.Background())
		defer end()
		for i := range 30 {
			for k := range i + 1 {
				if v, err := f.Do(ctx, k); v != 1 || err != nil {
					t.Fatalf("a request with %d keys reads version %d of row %d, %v; want its own, 1", i+1, v, k, err)
				}
			}
			version = 2
			outside := context.Background()
			must(t, f.Invalidate(outside, i))
			if v, err := f.Do(c.With(outside), i); v != 2 || err != nil {
				t.Fatalf("row %d outside of the request: %d, %v; want 2", i, v, err)
			}
			version = 1
		}
	})
}
