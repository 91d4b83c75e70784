package memo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What Close does with invalidations that are pending when the shared tier does
// not answer: how long it tries, and what it says when that was in vain.

// withPending returns a cache whose invalidations wait for a shared tier that has
// the fault; repair ends it.
func (f *fleet) withPending(t *testing.T, fault tiertest.Fault, change func(*memo.Config), keys ...string) (c *memo.Cache, repair func()) {
	t.Helper()
	own := tiertest.NewFaulty(f.store)
	cfg := memo.Config{Prefix: "t", Shared: own, Logger: quiet}
	change(&cfg)
	c, err := memo.New(cfg)
	must(t, err)
	synctest.Wait()
	repair = own.Inject(fault)
	for _, key := range keys {
		f.db.write(key)
	}
	if err := c.Invalidate(context.Background(), keys...); !errors.Is(err, memo.ErrDeferred) {
		t.Fatal(err)
	}
	return c, repair
}

var faults = map[string]tiertest.Fault{"refuses connections": {Err: errDown}, "hangs": {Hang: true}}

func TestCloseDeliversWhatIsPendingWhenTheSharedTierComesBack(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		for poll, change := range map[string]func(*memo.Config){"often": func(*memo.Config) {}, "seldom": slowPoll} {
			t.Run(name+", polled "+poll, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					reader, _ := f.process(t)
					rctx := reader.With(context.Background())
					f.db.do(t, rctx, "k")
					c, repair := f.withPending(t, fault, change, "k")
					begin := time.Now()
					time.AfterFunc(7*time.Second, repair)
					ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
					defer cancel()
					if err := c.Close(ctx); err != nil || time.Since(begin) < 7*time.Second || time.Since(begin) > 9*time.Second {
						t.Errorf("Close: %v after %v, want nil soon after the shared tier was back at 7s", err, time.Since(begin))
					}
					time.Sleep(150 * time.Millisecond)
					if v := f.db.do(t, rctx, "k"); v != 1 {
						t.Errorf("another process reads version %d, want 1", v)
					}
				})
			})
		}
	}
}

func TestCloseGivesUpAtItsDeadlineAndSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	many := make([]string, 1001)
	for i := range many {
		many[i] = memo.Key("k", i)
	}
	for what, keys := range map[string][]string{
		"1 invalidation was": {"a"}, "3 invalidations were": {"a", "b", "c"}, "an invalidation of everything was": many,
	} {
		for name, fault := range faults {
			t.Run(what+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					c, _ := newFleet().withPending(t, fault, func(*memo.Config) {}, keys...)
					const given = 7300 * time.Millisecond
					ctx, cancel := context.WithTimeout(context.Background(), given)
					defer cancel()
					begin := time.Now()
					err := c.Close(ctx)
					if took := time.Since(begin); took != given {
						t.Errorf("Close gave up after %v, want %v", took, given)
					}
					want := "memo: " + what + " not delivered: other processes may serve what they had until its TTL ends"
					if !errors.Is(err, memo.ErrDeferred) || err.Error() != want {
						t.Errorf("Close: %v, want an ErrDeferred that reads %s", err, want)
					}
				})
			})
		}
	}
}

// Nobody has said how long the process may wait.
func TestCloseWithoutADeadlineTriesOnce(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]time.Duration{"refuses connections": 0, "hangs": 1500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, _ := newFleet().withPending(t, faults[name], func(*memo.Config) {}, "k")
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				begin := time.Now()
				if err := c.Close(ctx); !errors.Is(err, memo.ErrDeferred) || time.Since(begin) > most {
					t.Errorf("Close: %v after %v, want ErrDeferred after %v at most", err, time.Since(begin), most)
				}
			})
		})
	}
}

func TestCloseWithNothingPendingDoesNotWaitForTheSharedTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewFaulty(tiertest.NewMemory())
		c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: quiet})
		must(t, err)
		synctest.Wait()
		store.Inject(tiertest.Fault{Err: errDown})
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		if err := c.Close(ctx); err != nil || time.Since(begin) > 0 {
			t.Errorf("Close: %v after %v, want nil at once", err, time.Since(begin))
		}
	})
}

func TestCloseSaysThatWritesWereUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := tiertest.NewFaulty(tiertest.NewMemory()), &diary{}
		c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: log.logger(), WriteTimeout: time.Minute})
		must(t, err)
		synctest.Wait()
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Hang: true})
		told := make(chan error, 1)
		go func() { told <- c.Invalidate(context.Background(), "k") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = c.Close(ctx)
		if !errors.Is(err, memo.ErrDeferred) || !strings.Contains(err.Error(), "writes were under way, and ") || !strings.Contains(err.Error(), " not delivered: ") {
			t.Errorf("Close: %v, want it to say that a write was under way", err)
		}
		<-told
		if text := log.String(); text != "" {
			t.Errorf("that Close had no more time is no fault of the shared tier:\n%s", text)
		}
	})
}
