package memo_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What waits for one Node is told to the others once more: meanwhile somebody may have
// made something, which they hold, of what the one still had.

// 1. a row is on a, what is made of it on b; both are invalidated, and a does not hear
// 2. another process, which still reaches a, makes it anew of the old row, and stores it on b
// 3. the process that has invalidated both is closed when a is back
func TestCloseTellsTheOtherNodesOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		wire := tiertest.NewFaulty(f.store)
		closes, err := memo.New(memo.Config{Prefix: "t", Shared: wire, Logger: quiet})
		must(t, err)
		other, _ := f.process(t)
		writer, ctx := closes.With(context.Background()), other.With(context.Background())
		time.Sleep(time.Second) // nobody waits for the Nodes of closes, which has read nothing
		p := f.pairOn(t, ctx, "a", "b")
		hit(t, 0)(p.read(ctx))
		f.db.write(p.row)
		heal := wire.Inject(tiertest.Fault{Node: "a", Err: errDown})
		if err := p.invalidate(writer); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate, with a Node that is down: %v", err)
		}
		time.Sleep(aPoll)
		hit(t, 0)(p.read(ctx)) // it could not hear of the row, and b has this now
		heal()
		wire.Inject(tiertest.Fault{Delay: time.Millisecond}) // as over a network
		limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(t, closes.Close(limited))
		time.Sleep(time.Second)
		third, _ := f.process(t)
		for _, ctx := range readers(third, other) {
			hit(t, 1)(p.read(ctx))
		}
	})
}

// wholeQueue has a process for which everything waits for the Node a, which has the row
// of a pair. When a begins anew for that, another process loads the row there; it is
// written and invalidated, with what is made of it on b, and then is called.
func wholeQueue(t *testing.T, f *fleet, then func(p pair, writer, other context.Context, wire *tiertest.Faulty, more func())) (pair, *memo.Cache) {
	t.Helper()
	writer, wire := f.process(t)
	there, _ := f.process(t)
	ctx, other := writer.With(context.Background()), there.With(context.Background())
	p := f.pairOn(t, other, "a", "b")
	heal := wire.Inject(tiertest.Fault{Node: "a", Err: errDown})
	time.Sleep(500 * time.Millisecond)
	more := func() {
		for _, key := range keysOf("bulk", 3500) {
			_ = memo.Invalidate(ctx, key)
		}
	}
	more()
	wire.Inject(tiertest.Fault{Node: "a", Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: "t:seq", Times: 1,
		After: func(context.Context, tiertest.Op, []string) {
			time.Sleep(200 * time.Millisecond) // the other one has heard of the epoch
			hit(t, 0)(p.readRow(other))
			f.db.write(p.row)
			if err := p.invalidate(ctx); !errors.Is(err, memo.ErrDeferred) {
				t.Errorf("Invalidate, with a Node that begins anew: %v", err)
			}
			then(p, ctx, other, wire, more)
		}})
	heal()
	return p, writer
}

// 1. everything waits for a, which begins a new epoch; an invalidation comes, and waits
// 2. the other Nodes are told again of all that waits, of this one, too
// 3. another process makes something of the row that a still has, and stores it on b
func TestWhatComesWhileANodeBeginsAnewIsNotReadAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		var read atomic.Bool
		wholeQueue(t, f, func(p pair, writer, other context.Context, wire *tiertest.Faulty, _ func()) {
			wire.Inject(tiertest.Fault{Node: "a", Ops: []tiertest.Op{tiertest.OpIncr}, Times: 1,
				Before: func(context.Context, tiertest.Op, []string) {
					time.Sleep(10 * time.Millisecond)
					if _, err := p.read(other); err != nil {
						t.Error(err)
					}
					hit(t, 1)(p.read(writer))
					read.Store(true)
				}})
		})
		time.Sleep(3 * time.Second)
		if !read.Load() {
			t.Error("a is told of nothing when it has begun anew")
		}
	})
}

// The same, and meanwhile so much waits again that everything does: a is told of no key
// any more, and the others have to be of this one.
func TestWhatComesWhileANodeBeginsAnewIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		var again atomic.Bool
		p, writer := wholeQueue(t, f, func(p pair, _, other context.Context, wire *tiertest.Faulty, more func()) {
			more()
			wire.Inject(tiertest.Fault{Node: "a", Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: "t:seq", Times: 1,
				Before: func(context.Context, tiertest.Op, []string) {
					time.Sleep(10 * time.Millisecond)
					if _, err := p.read(other); err != nil {
						t.Error(err)
					}
					again.Store(true)
				}})
		})
		time.Sleep(30 * time.Second)
		if !again.Load() {
			t.Error("a does not begin anew once more")
		}
		for _, n := range writer.Snapshot().Nodes {
			if n.Pending > 0 {
				t.Errorf("%d invalidations wait for %s, which is back", n.Pending, n.Name)
			}
		}
		third, _ := f.process(t)
		hit(t, 1)(p.read(third.With(context.Background())))
	})
}
