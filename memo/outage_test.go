package memo_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The shared tier does not answer: what that costs those who read, and how old
// what they read may be. How it comes back is in back_test.go, what becomes of
// invalidations meanwhile in deferred_test.go.

var errDown = errors.New("connection refused")

func TestG05_BoundHoldsWhenTheLogIsNotHeard(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault tiertest.Fault // of what b reads of the log, or of everything
	}{
		{"polls fail", tiertest.Fault{Err: errDown}},
		{"polls hang", tiertest.Fault{Hang: true}},
		{"the process was stopped", tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":g:", Delay: time.Hour}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, _ := f.process(t)
				b, store := f.process(t)
				actx, bctx := a.With(context.Background()), b.With(context.Background())
				f.db.do(t, actx, "k")
				f.db.do(t, bctx, "k")
				defer store.Inject(test.fault)()
				time.Sleep(time.Millisecond)
				f.db.write("k")
				must(t, memo.Invalidate(actx, "k"))
				invalidated := time.Now()
				last := time.Time{}
				for time.Since(invalidated) < 3*time.Second {
					if f.db.do(t, bctx, "k") == 0 {
						last = time.Now()
					}
					time.Sleep(10 * time.Millisecond)
				}
				if late := last.Sub(invalidated); late > time.Second {
					t.Errorf("the old value was served %v after Invalidate had returned, want at most StaleBound (1s)", late)
				}
			})
		})
	}
}

// A load in flight is as old as its begin.
func TestG05_LoadThatIsOlderThanTheBoundIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, store := f.process(t)
		bctx := b.With(context.Background())
		loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(bctx, "k", func(context.Context) (int, error) {
				v := f.db.read("k")
				close(loaded)
				<-release
				return v, nil
			})
		}()
		<-loaded
		defer store.Inject(tiertest.Fault{Err: errDown})()
		f.db.write("k")
		must(t, a.Invalidate(context.Background(), "k"))
		time.Sleep(time.Second) // StaleBound, in which b has not heard of it
		later := make(chan int, 1)
		go func() { later <- f.db.do(t, bctx, "k") }()
		synctest.Wait()
		close(release)
		<-done
		if v := <-later; v != 1 {
			t.Errorf("after StaleBound a caller got version %d, want 1: it joined a load from before", v)
		}
	})
}

func TestG05_OutageBoundTradesFreshnessForLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, func(cfg *memo.Config) { cfg.OutageBound = time.Minute })
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		defer store.Inject(tiertest.Fault{Err: errDown})()
		for range 50 {
			time.Sleep(time.Second)
			f.db.do(t, ctx, "k")
		}
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads in 50s of outage, want 1: OutageBound is a minute", n)
		}
		time.Sleep(time.Minute)
		if f.db.do(t, ctx, "k"); f.db.queries("k") != 2 {
			t.Errorf("%d loads after OutageBound, want 2", f.db.queries("k"))
		}
	})
}

func TestG07_DeadSharedTierCostsNothingAfterTheFirstFailures(t *testing.T) {
	for _, fault := range []tiertest.Fault{{Err: errDown}, {Hang: true}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			c, store := f.process(t)
			ctx := c.With(context.Background())
			defer store.Inject(fault)()
			time.Sleep(700 * time.Millisecond) // one poll and its time-out
			begin := time.Now()
			for i := range 100 {
				f.db.do(t, ctx, memo.Key("k", i))
			}
			if took := time.Since(begin); took > 0 {
				t.Errorf("100 reads took %v more than without a shared tier", took)
			}
			if err := memo.Invalidate(ctx, memo.Key("k", 1)); !errors.Is(err, memo.ErrDeferred) || time.Since(begin) > 0 {
				t.Errorf("Invalidate: %v after %v, want ErrDeferred at once", err, time.Since(begin))
			}
		})
	}
}

func TestG07_ReadInsideALoadDoesNotAskADeadSharedTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		defer store.Inject(tiertest.Fault{Hang: true})()
		time.Sleep(700 * time.Millisecond) // one poll and its time-out
		begin := time.Now()
		for i := range 10 {
			_, err := memo.Do(ctx, memo.Key("whole", i), func(ctx context.Context) (int, error) {
				return memo.Do(ctx, "part", func(context.Context) (int, error) { return f.db.read("part"), nil })
			})
			must(t, err)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("10 loads took %v more than without a shared tier: each asked it for the log", took)
		}
	})
}

// The log is read within the time of a read. A poll has more, one may be under way
// already, and they are made one after the other:
//
//  1. the shared tier hangs, and nobody knows yet
//  2. a load inside of a load waits for the poll under way, and for the next one, and tries again
func TestG07_ReadInsideALoadWaitsForTheLogNoLongerThanForARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		time.Sleep(time.Second)
		defer store.Inject(tiertest.Fault{Hang: true})()
		begin := time.Now()
		_, err := memo.Do(ctx, "whole", func(ctx context.Context) (int, error) {
			return memo.Do(ctx, "part", func(context.Context) (int, error) { return f.db.read("part"), nil })
		})
		must(t, err)
		if took := time.Since(begin); took > 350*time.Millisecond {
			t.Errorf("it took %v, want a ReadTimeout for the whole, one for the log and one for the part", took)
		}
	})
}

func TestG07_FiveReadsThatFailAreEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		ctx := c.With(context.Background())
		defer store.Inject(tiertest.Fault{Hang: true})()
		begin := time.Now()
		for i := range 20 {
			f.db.do(t, ctx, memo.Key("k", i))
		}
		if took := time.Since(begin); took > 5*100*time.Millisecond {
			t.Errorf("20 reads of a shared tier that hangs took %v, want 5 times ReadTimeout", took)
		}
	})
}

// A dead shared tier at the start: the cache works, degraded, and says so once.
func TestUnreachableAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var mu sync.Mutex
		store := tiertest.NewFaulty(tiertest.NewMemory())
		remove := store.Inject(tiertest.Fault{Err: errDown})
		logger := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}), nil))
		c := newCache(t, memo.Config{Prefix: "t", Shared: store, Logger: logger})
		db := newDatabase()
		ctx := c.With(context.Background())
		for range 100 {
			db.do(t, ctx, "secret-key")
			time.Sleep(50 * time.Millisecond)
		}
		if n := db.queries("secret-key"); n > 7 {
			t.Errorf("%d loads in 5s, want about one for each StaleBound", n)
		}
		mu.Lock()
		text := log.String()
		mu.Unlock()
		if n := strings.Count(text, "\n"); n != 1 || !strings.Contains(text, "does not answer") {
			t.Errorf("%d lines were logged, want one that says it:\n%s", n, text)
		}
		if strings.Contains(text, "secret-key") {
			t.Error("a key was logged")
		}
		remove()
		time.Sleep(2 * time.Second)
		other := newCache(t, memo.Config{Prefix: "t", Shared: store})
		db.do(t, ctx, "k")
		if db.do(t, other.With(context.Background()), "k"); db.queries("k") != 1 {
			t.Error("the shared tier is not used although it is there")
		}
	})
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
