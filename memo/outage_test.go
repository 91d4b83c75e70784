package memo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The shared tier goes away, and comes back: the tests of G5 and G7.

var errDown = errors.New("connection refused")

func TestG05_OtherProcessesSeeItAfterAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		for range 20 {
			f.db.do(t, actx, "k")
			f.db.do(t, bctx, "k")
			want := f.db.write("k")
			must(t, memo.Invalidate(actx, "k"))
			time.Sleep(101 * time.Millisecond)
			if v := f.db.do(t, bctx, "k"); v != want {
				t.Fatalf("one poll later the other process has version %d, want %d", v, want)
			}
		}
		if n := f.db.queries("k"); n != 21 {
			t.Errorf("%d loads for 20 invalidations, want 21: an invalidation is one load for the fleet", n)
		}
	})
}

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

func TestG07_DeferredInvalidationIsDelivered(t *testing.T) {
	for _, outage := range []time.Duration{400 * time.Millisecond, 5 * time.Second} {
		t.Run(fmt.Sprint(outage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, store := f.process(t)
				b, _ := f.process(t)
				actx, bctx := a.With(context.Background()), b.With(context.Background())
				f.db.do(t, actx, "k")
				f.db.do(t, bctx, "k")
				remove := store.Inject(tiertest.Fault{Err: errDown}) // only a is cut off
				f.db.write("k")
				if err := memo.Invalidate(actx, "k"); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("Invalidate: %v, want ErrDeferred", err)
				}
				if s := a.Snapshot(); s.Nodes[0].Pending != 1 || s.Nodes[0].Up || s.Total.Invalidations.Deferred != 1 {
					t.Errorf("snapshot says %+v, want one pending", s.Nodes[0])
				}
				time.Sleep(outage)
				remove()
				time.Sleep(250 * time.Millisecond) // a poll of a, and one of b
				if v := f.db.do(t, bctx, "k"); v != 1 {
					t.Errorf("after the outage the other process has version %d, want 1", v)
				}
				if s := a.Snapshot(); s.Nodes[0].Pending != 0 {
					t.Errorf("%d invalidations still wait", s.Nodes[0].Pending)
				}
				time.Sleep(time.Second)
				if s := a.Snapshot(); !s.Nodes[0].Up {
					t.Error("the shared tier is back and reads do not use it")
				}
			})
		})
	}
}

// 1. two processes lose the shared tier, which keeps an old value
// 2. one of them invalidates the value, and dies with its queue
// 3. the other one comes back, and would read the old value until its TTL ends
func TestG07_InvalidationLostWithItsProcessIsCoveredByANewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, cut := f.process(t)
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		f.db.do(t, rctx, "k")
		down := f.store.Inject(tiertest.Fault{Err: errDown})
		cut.Inject(tiertest.Fault{Err: errDown}) // for ever: it never comes back
		f.db.write("k")
		if err := memo.Invalidate(writer.With(context.Background()), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		if err := writer.Close(context.Background()); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Close: %v, want it to say that invalidations were lost", err)
		}
		time.Sleep(2 * time.Second)
		down()
		time.Sleep(time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("after the outage the survivor reads version %d, want 1", v)
		}
		if s := reader.Snapshot(); !s.Nodes[0].Up {
			t.Error("the survivor does not use the shared tier")
		}
	})
}

func TestG07_EpochThatCouldNotBeginIsOwed(t *testing.T) {
	for name, faults := range map[string][]tiertest.Fault{
		"the guard is placed, and its answer lost": {{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":rot", Lost: errDown, Times: 1}},
		"the counter cannot be moved":              {{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Err: errDown, Times: 1}},
		"and then the guard cannot be read": {
			{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Err: errDown, Times: 1},
			{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":rot", Err: errDown, Times: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				writer, cut := f.process(t)
				reader, own := f.process(t)
				rctx := reader.With(context.Background())
				f.db.do(t, rctx, "k")
				down := f.store.Inject(tiertest.Fault{Err: errDown})
				cut.Inject(tiertest.Fault{Err: errDown}) // for ever
				f.db.write("k")
				if err := memo.Invalidate(writer.With(context.Background()), "k"); !errors.Is(err, memo.ErrDeferred) {
					t.Fatal(err)
				}
				_ = writer.Close(context.Background())
				time.Sleep(2 * time.Second)
				for _, fault := range faults {
					own.Inject(fault)
				}
				down()
				time.Sleep(time.Second)
				if v := f.db.do(t, rctx, "k"); v != 1 || !reader.Snapshot().Nodes[0].Up {
					t.Errorf("the survivor reads version %d, want 1, of a shared tier that is up: %t", v, reader.Snapshot().Nodes[0].Up)
				}
			})
		})
	}
}

func TestG07_InvalidationThatWasStoppedOnItsWayIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		// Its record is written, and the process stopped for a second before it sees
		// the answer. By then others may have given the number up as a hole.
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Times: 1,
			After: func(context.Context, tiertest.Op, []string) { time.Sleep(time.Second) },
		})()
		if err := memo.Invalidate(c.With(context.Background()), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate: %v, want ErrDeferred: it draws another number later", err)
		}
	})
}

func TestG07_ShortOutageKeepsWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		other, _ := f.process(t)
		f.db.do(t, other.With(context.Background()), "k")
		remove := store.Inject(tiertest.Fault{Err: errDown})
		time.Sleep(300 * time.Millisecond)
		remove()
		ctx := c.With(context.Background())
		time.Sleep(150 * time.Millisecond)
		if f.db.do(t, ctx, "quiet"); c.Snapshot().Nodes[0].Up {
			t.Error("reads use the shared tier at once, while other processes may have invalidations to deliver")
		}
		time.Sleep(time.Second)
		if f.db.do(t, ctx, "k"); f.db.queries("k") != 1 {
			t.Errorf("%d loads of k, want 1: a blip must not empty the shared tier", f.db.queries("k"))
		}
	})
}

func TestG07_NewEpochsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		sick, store := f.process(t)
		healthy, _ := f.process(t)
		hctx := healthy.With(context.Background())
		for range 20 { // one process loses the shared tier for 1.5s, 20 times in a minute
			remove := store.Inject(tiertest.Fault{Err: errDown})
			time.Sleep(1500 * time.Millisecond)
			remove()
			time.Sleep(1500 * time.Millisecond)
			f.db.do(t, hctx, "k")
		}
		_ = sick
		if n := f.db.queries("k"); n > 3 {
			t.Errorf("a sick process made a healthy one load %d times in a minute, want at most once more per minute", n)
		}
	})
}

func TestG07_FlushAndRestart(t *testing.T) {
	for name, disaster := range map[string]func(*tiertest.Memory){"flush": (*tiertest.Memory).Flush, "restart": (*tiertest.Memory).Restart} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := tiertest.NewMemory()
				f := &fleet{store: tiertest.NewFaulty(memory), db: newDatabase()}
				a, _ := f.process(t)
				b, _ := f.process(t)
				for range 20 {
					f.db.do(t, a.With(context.Background()), "k")
					f.db.do(t, b.With(context.Background()), "k")
					want := f.db.write("k")
					disaster(memory)
					must(t, memo.Invalidate(a.With(context.Background()), "k"))
					time.Sleep(150 * time.Millisecond)
					if v := f.db.do(t, b.With(context.Background()), "k"); v != want {
						t.Fatalf("the other process has version %d, want %d", v, want)
					}
				}
			})
		})
	}
}

// After a restart CAS ids begin again: a swap that was under way can hit a new
// item. Its value carries the old epoch, and no reader takes it.
func TestG07_SwapFromBeforeARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := tiertest.NewMemory()
		f := &fleet{store: tiertest.NewFaulty(memory), db: newDatabase()}
		a, store := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		c, _ := f.process(t, slowPoll)
		store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":v:k", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				memory.Restart()
				f.db.write("k")
				for i := range 8 { // b's items take the ids that a knows
					f.db.do(t, b.With(context.Background()), "k")
					if i < 7 {
						must(t, memo.Invalidate(b.With(context.Background()), "k"))
					}
				}
			},
		})
		f.db.do(t, a.With(context.Background()), "k")
		if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
			t.Errorf("a third process reads version %d, want 1", v)
		}
	})
}

func TestHoleIsWaitedForAndThenEverythingIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, store := f.process(t)
		b, _ := f.process(t)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		f.db.do(t, actx, "k")
		f.db.do(t, bctx, "k")
		f.db.do(t, bctx, "other")
		// a draws its number, deletes k, and dies before its record: to b nothing
		// says what the number was about.
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: errDown})()
		f.db.write("k")
		_ = memo.Invalidate(actx, "k")
		defer store.Inject(tiertest.Fault{Err: errDown})()
		time.Sleep(1500 * time.Millisecond) // twice WriteTimeout, and some polls
		before := b.Snapshot().Total.L2
		if v := f.db.do(t, bctx, "k"); v != 1 {
			t.Errorf("b has version %d, want 1", v)
		}
		f.db.do(t, bctx, "other")
		if b.Snapshot().Total.L2 != before {
			t.Error("b answered from an L2 that a lost invalidation may concern")
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

func TestG07_RefusedRecordDoesNotKeepTheSharedTierDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		// memcached has no room for a record of this size
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: tier.ErrRefused})()
		if err := c.Invalidate(context.Background(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := c.Snapshot().Nodes[0]; !s.Up || s.Pending > 0 {
			t.Fatalf("a minute later: %+v", s)
		}
	})
}

func TestG06_LoadThatOverlappedADeferredInvalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, store := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(actx, "k", func(context.Context) (int, error) {
				v := f.db.read("k")
				close(loaded)
				<-release
				return v, nil
			})
		}()
		<-loaded
		synctest.Wait()
		remove := store.Inject(tiertest.Fault{Err: errDown})
		f.db.write("k")
		if err := memo.Invalidate(actx, "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		remove()
		close(release)
		<-done
		if v := f.db.do(t, bctx, "k"); v != 1 {
			t.Errorf("the load that an invalidation of its own process overtook was stored for everyone: b reads %d", v)
		}
	})
}
