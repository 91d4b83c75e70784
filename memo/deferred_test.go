package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// An invalidation that did not get through is queued, and in the end done: by its
// process, or, if that has died, by those who wait for its record in vain.

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

// A record that is refused is a hole: the others forget everything, once, and
// nothing else is lost.
func TestG07_RefusedRecordIsAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t)
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: tier.ErrRefused})()
		f.db.do(t, rctx, "k")
		f.db.do(t, rctx, "another")
		f.db.write("k")
		must(t, writer.Invalidate(context.Background(), "k"))
		time.Sleep(time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("the other process has version %d after StaleBound, want 1", v)
		}
		if f.db.do(t, rctx, "another"); f.db.queries("another") != 1 || !writer.Snapshot().Nodes[0].Up {
			t.Errorf("another key was loaded %d times, want 1, of a shared tier that is up: %t", f.db.queries("another"), writer.Snapshot().Nodes[0].Up)
		}
	})
}

func TestG07_RefusedDeleteBecomesANewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Match: ":v:", Err: tier.ErrRefused})()
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		f.db.write("k")
		if err := c.Invalidate(context.Background(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if s := c.Snapshot().Nodes[0]; !s.Up || s.Pending > 0 {
			t.Fatalf("a minute later: %+v", s)
		}
		if v := f.db.do(t, ctx, "k"); v != 1 {
			t.Errorf("version %d, want 1", v)
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

func TestCloseThatGivesUpOnAWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewFaulty(tiertest.NewMemory())
		c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: quiet})
		must(t, err)
		ctx := c.With(context.Background())
		time.Sleep(time.Second)
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Hang: true})
		told := make(chan error, 1)
		go func() { told <- memo.Invalidate(ctx, "k") }()
		synctest.Wait()
		closing, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		err = c.Close(closing)
		inv := <-told
		if !errors.Is(inv, memo.ErrDeferred) || !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate: %v, Close: %v; want both to say that it was lost", inv, err)
		}
	})
}

func TestDeferredTagsAndTreesAreDelivered(t *testing.T) {
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"tags": func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "group") },
		"tree": func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				writer, cut := f.process(t)
				reader, _ := f.process(t)
				wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
				f.db.tagged(t, rctx, "user:7", "group")
				f.db.write("user:7")
				remove := cut.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Err: errDown}) // reads go through
				if err := invalidate(writer); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("got %v, want ErrDeferred", err)
				}
				if v := f.db.do(t, wctx, "user:7"); v != 1 {
					t.Errorf("the writer reads version %d while its invalidation waits, want 1", v)
				}
				if _, err := memo.Get[int](writer.With(context.Background()), "user:70"); !errors.Is(err, memo.ErrMiss) {
					t.Error(err)
				}
				remove()
				time.Sleep(2 * time.Second)
				if n := writer.Snapshot().Nodes[0].Pending; n != 0 {
					t.Fatalf("%d invalidations wait", n)
				}
				if v := f.db.do(t, rctx, "user:7"); v != 1 {
					t.Errorf("another process reads version %d after the delivery, want 1", v)
				}
			})
		})
	}
}

// The server is up, and has refused to raise the marker: what carries the tag must
// not be read from there until it has.
func TestTagThatWaitsIsNotReadFromTheSharedTier(t *testing.T) {
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"tags":            func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "group") },
		"the tree":        func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user") },
		"the tree of one": func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user:7") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, store := f.process(t, slowPoll)
				ctx := c.With(context.Background())
				f.db.tagged(t, ctx, "user:7", "group")
				f.db.write("user:7")
				for _, match := range []string{":t:", ":r:", ":b:", ":v:"} {
					store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd, tiertest.OpCompareAndSwap, tiertest.OpDelete}, Match: match, Err: tier.ErrRefused, Times: 1})
				}
				if err := invalidate(c); !errors.Is(err, memo.ErrDeferred) || !c.Snapshot().Nodes[0].Up {
					t.Fatalf("got %v, of a server that is up: %t", err, c.Snapshot().Nodes[0].Up)
				}
				if v := f.db.do(t, ctx, "user:7"); v != 1 {
					t.Errorf("version %d while the invalidation waits, want 1", v)
				}
			})
		})
	}
}
