package memo_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The shared tier comes back. What it kept may be void, because an invalidation
// was lost meanwhile: a new epoch. Or it kept nothing, not even the counter.

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
		f := newFleet()
		a, store := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		for i := range 10 {
			f.db.do(t, actx, memo.Key("before", i)) // so that the id of a's lease is not one of the first
		}
		store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":v:k", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				known := f.item(t, "t:v:k").CAS // by a
				f.memory().Restart()
				f.db.write("k")
				f.db.do(t, bctx, "another") // the counter is there again
				for i, id := 0, uint64(0); id != known-2; i++ {
					key := memo.Key("t:v:after", i)
					must(t, f.store.Nodes()[0].Add(context.Background(), key, nil, tier.NoExpiry))
					id = f.item(t, key).CAS
				}
				f.db.do(t, bctx, "k") // its lease takes the next id, and its value the one that a knows
			},
		})
		f.db.do(t, actx, "k")
		if swapped := f.item(t, "t:v:k"); !bytes.Contains(swapped.Value, []byte("0")) {
			t.Fatal("the swap did not hit, so that this shows nothing")
		}
		c, _ := f.process(t, slowPoll)
		if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
			t.Errorf("a third process reads version %d, want 1", v)
		}
	})
}

// The counter is moved by a swap. A command that a client repeats, because the
// answer was lost, is refused then:
//
//  1. a begins an epoch; the command is applied, and its answer is lost
//  2. others count in the new epoch, and hear of each other
//  3. the command comes again: applied, it would turn the counter back to the epoch's
//     begin, and the next invalidation would draw a number that everybody has read
func TestG07_SwapOfTheCounterThatWasRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, store := f.process(t, slowPoll)
		writer, _ := f.process(t)
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Times: 1, Lost: tier.ErrConflict,
			After: func(context.Context, tiertest.Op, []string) {
				time.Sleep(aPoll)
				must(t, writer.Invalidate(context.Background(), "k"))
				time.Sleep(aPoll + 7*time.Millisecond) // nobody polls at the moment when the command comes again
				f.db.do(t, rctx, "k")
			},
		})
		must(t, a.InvalidateAll(context.Background()))
		f.db.write("k")
		must(t, writer.Invalidate(context.Background(), "k"))
		time.Sleep(1100 * time.Millisecond)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("after StaleBound the reader has version %d, want 1: it has read that number before", v)
		}
	})
}

// A server that is out of memory refuses even a counter.
func TestEpochThatIsRefusedWaitsForTheNextPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		const many = 1000
		remove := store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Err: tier.ErrRefused, Times: many})
		if err := c.InvalidateAll(context.Background()); !errors.Is(err, memo.ErrDeferred) || !errors.Is(err, tier.ErrRefused) {
			t.Errorf("InvalidateAll: %v, want ErrDeferred, and why", err)
		}
		if n := store.Calls(tiertest.OpCompareAndSwap); n != 1 {
			t.Errorf("the server was asked %d times in a row, want once", n)
		}
		remove()
	})
}
