package memo_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The shared tier stops to answer while loads hold leases in it.

// The load began when all was well, and ends when everybody knows that it is not.
func TestG07_LoadThatEndsInAnOutageWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		var ended time.Time
		_, err := memo.Do(c.With(context.Background()), "user:1", func(context.Context) (int, error) {
			synctest.Wait() // the lease is there, and the markers
			defer time.AfterFunc(5*time.Second, store.Inject(tiertest.Fault{Hang: true}))
			time.Sleep(2 * time.Second)
			ended = time.Now()
			return 1, nil
		})
		must(t, err)
		if took := time.Since(ended); took > 0 {
			t.Errorf("its result was held for %v, on a server that was known to hang", took)
		}
	})
}

// The fifth time-out in a row is that of the value which the load would store. It
// does not wait once more, to give its lease back.
func TestG07_LoadWaitsOnceForAServerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		var others sync.WaitGroup
		var ended time.Time
		_, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
			synctest.Wait()
			time.AfterFunc(5*time.Second, store.Inject(tiertest.Fault{Hang: true}))
			for i := range 4 {
				others.Go(func() { f.db.do(t, ctx, fmt.Sprint("other", i)) })
			}
			time.Sleep(time.Millisecond)
			ended = time.Now()
			return 1, nil
		})
		must(t, err)
		if took := time.Since(ended); took > 100*time.Millisecond {
			t.Errorf("it waited for %v, more than one ReadTimeout", took)
		}
		others.Wait()
	})
}

// 1. a load places its lease on a server that hangs, and goes on without
// 2. the server goes on, and does what it was asked
// 3. the next load in this process would wait for nobody until the lease lapses
func TestG07_LeaseThatArrivesLateIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		load := func() time.Duration {
			began := time.Now()
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return f.db.read("k"), nil }, memo.TTL(500*time.Millisecond))
			must(t, err)
			return time.Since(began)
		}
		remove := store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":v:k", Hang: true, Lost: errDown, Late: 300 * time.Millisecond})
		load()
		remove()
		must(t, store.WaitIdle(context.Background()))
		time.Sleep(600 * time.Millisecond)
		if took := load(); took > 0 {
			t.Errorf("the next load waited for %v", took)
		}
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want 2", n)
		}
		other, _ := f.process(t)
		if f.db.do(t, other.With(context.Background()), "k"); f.db.queries("k") != 2 {
			t.Error("its value was not stored in place of the lease")
		}
	})
}
