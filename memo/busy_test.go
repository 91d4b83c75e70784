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

// A queue that is filled faster than it is emptied, and one that is too long to be
// emptied at once.

// 1. an outage ends; the poller delivers what is queued
// 2. as the server counts as down until it has, every write is queued meanwhile
// 3. there is always one more to deliver, and the server stays down for ever
func TestG07_BusyWriterDoesNotKeepItsProcessFromTheSharedTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		f.store.Inject(tiertest.Fault{Delay: 2 * time.Millisecond})
		remove := store.Inject(tiertest.Fault{Err: errDown})
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					if err := c.Invalidate(context.Background(), memo.Key("row", i%8)); err != nil && !errors.Is(err, memo.ErrDeferred) {
						t.Error(err)
					}
				}
			}
		}()
		time.Sleep(600 * time.Millisecond)
		remove()
		time.Sleep(2 * time.Second)
		if s := c.Snapshot(); !s.Nodes[0].Up || s.Nodes[0].Pending > 8 {
			t.Errorf("2 s after the outage reads use the shared tier: %t, and %d invalidations wait", s.Nodes[0].Up, s.Nodes[0].Pending)
		}
		close(stop)
		<-stopped
	})
}

// slow is a server that takes a millisecond to delete a key.
type slow struct{ tier.Node }

func (s slow) Delete(ctx context.Context, keys ...string) error {
	select {
	case <-time.After(time.Duration(len(keys)) * time.Millisecond):
		return s.Node.Delete(ctx, keys...)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestG07_QueueThatTakesLongerThanAWriteTimeoutIsDeliveredInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewFaulty(tier.Single(slow{tiertest.NewMemory().Nodes()[0]}))
		c := newCache(t, memo.Config{Prefix: "t", Shared: store})
		time.Sleep(time.Second)
		keys := make([]string, 1000)
		for i := range keys {
			keys[i] = fmt.Sprint("k", i)
		}
		if err := c.Invalidate(context.Background(), keys...); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("a thousand keys in half a second: %v, want ErrDeferred", err)
		}
		time.Sleep(10 * time.Second)
		if s := c.Snapshot(); !s.Nodes[0].Up || s.Nodes[0].Pending > 0 {
			t.Errorf("10 s later reads use the shared tier: %t, and %d invalidations wait", s.Nodes[0].Up, s.Nodes[0].Pending)
		}
	})
}

// What is queued is delivered in the order of the calls, and what one call names at
// once:
//
//  1. the whole is delivered, and the part is not
//  2. another process makes the whole anew, of the old part that it has
//  3. the part is delivered, and nothing to come drops the whole of 2
func TestG06_DeferredKeysThatAreMadeOfEachOther(t *testing.T) {
	others := make([]string, 40)
	for i := range others {
		others[i] = fmt.Sprint("other", i)
	}
	for name, tell := range map[string]func(c *memo.Cache) error{
		"one call": func(c *memo.Cache) error {
			return c.Invalidate(context.Background(), append([]string{"part", "whole"}, others...)...)
		},
		"a key, and tags": func(c *memo.Cache) error {
			_ = c.Invalidate(context.Background(), "part")
			return c.InvalidateTags(context.Background(), append([]string{"wholes"}, others...)...)
		},
	} {
		for round := range 5 { // a queue without an order has the right one now and then
			t.Run(fmt.Sprint(name, " ", round), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					writer, store := f.process(t)
					reader, _ := f.process(t, slowPoll)
					ctx := reader.With(context.Background())
					part := func(ctx context.Context) (int, error) { return f.db.do(t, ctx, "part"), nil }
					whole := func(ctx context.Context) int {
						v, err := memo.Do(ctx, "whole", part, memo.Tags("wholes"))
						must(t, err)
						return v
					}
					whole(ctx)
					down := store.Inject(tiertest.Fault{Err: errDown})
					f.db.write("part")
					if err := tell(writer); !errors.Is(err, memo.ErrDeferred) {
						t.Fatal(err)
					}
					down()
					refused := []tiertest.Op{tiertest.OpDelete, tiertest.OpIncr} // at once: it is not too much for the server
					store.Inject(tiertest.Fault{Ops: refused, Times: 8, Err: errDown})
					store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:",
						After: func(context.Context, tiertest.Op, []string) { whole(memo.Fresh(ctx)) }})
					time.Sleep(5 * time.Second)
					late, _ := f.process(t)
					if v := whole(late.With(context.Background())); v != 1 {
						t.Errorf("the whole is made of version %d of the part, want 1", v)
					}
				})
			})
		}
	}
}

// Its deliveries leave nothing of the poll's own time, and every poll has one.
func TestG07_BusyWriterOnASlowServerGetsItsNewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		down := store.Inject(tiertest.Fault{Err: errDown})
		time.Sleep(5 * time.Second)
		down()
		defer store.Inject(tiertest.Fault{Delay: 80 * time.Millisecond})()
		for i := range 200 {
			_ = c.Invalidate(context.Background(), fmt.Sprint("k", i%10))
			time.Sleep(50 * time.Millisecond)
		}
		if s := c.Snapshot().Nodes[0]; !s.Up {
			t.Errorf("%d s after the outage: %+v", 10, s)
		}
	})
}
