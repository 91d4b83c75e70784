package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// One Node is sick, for long. The others go on, and hold what they held.

// 1. a tag is invalidated, and a takes too long for it, or takes no writes
// 2. a answers polls, and so is tried at each of them
// 3. each try tells the others, too, and drops what they hold
func TestRetriesLeaveTheOtherNodesAlone(t *testing.T) {
	for name, fault := range map[string]tiertest.Fault{
		"slow":      {Node: "a", Delay: 110 * time.Millisecond},
		"no writes": {Node: "a", Ops: []tiertest.Op{tiertest.OpIncr, tiertest.OpDelete, tiertest.OpAdd}, Err: errDown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(abc...)
				one, _, wire := f.wired(t, abc)
				two, _, _ := f.wired(t, abc)
				b := f.keyOn(t, two, "b", 0)
				must(t, memo.Invalidate(one, b))
				time.Sleep(5 * time.Second)
				f.db.tagged(t, two, b, "x")
				heal := wire.Inject(fault)
				if err := memo.InvalidateTags(one, "x"); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("InvalidateTags, with a Node that is sick: %v", err)
				}
				time.Sleep(time.Second)
				before := f.db.queries(b)
				for range 600 {
					f.db.tagged(t, two, b, "x")
					time.Sleep(50 * time.Millisecond)
				}
				if n := f.db.queries(b) - before; n > 3 {
					t.Errorf("%d loads in 30s of what a Node holds that is well", n)
				}
				heal()
				time.Sleep(5 * time.Second)
			})
		})
	}
}

// 1. a and b have to be told again of what each of them refuses, say for want of memory
// 2. a begins a new epoch in its place, and b is told once more, which it refuses
// 3. b begins anew in turn, and a is told once more, and so on without end
func TestNodesThatRefuseBeginAnewOnce(t *testing.T) {
	for name, nodes := range map[string][]string{"one": {"a"}, "two": {"a", "b"}, "all": abc} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(abc...)
				c, wire := f.process(t)
				time.Sleep(5 * time.Second)
				for _, n := range nodes {
					wire.Inject(tiertest.Fault{Node: n, Ops: []tiertest.Op{tiertest.OpAdd, tiertest.OpCompareAndSwap}, Match: ":t:", Err: tier.ErrRefused})
				}
				if err := memo.InvalidateTags(c.With(context.Background()), "x"); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("InvalidateTags, with %d Nodes that refuse it: %v", len(nodes), err)
				}
				time.Sleep(time.Minute)
				epochs := map[uint64]bool{}
				for range 100 {
					epochs[f.epoch(t, "a")] = true
					time.Sleep(100 * time.Millisecond)
				}
				if len(epochs) > 1 {
					t.Errorf("a minute later a has %d epochs in 10s", len(epochs))
				}
				for _, n := range c.Snapshot().Nodes {
					if n.Pending > 0 {
						t.Errorf("%d invalidations wait for %s", n.Pending, n.Name)
					}
				}
			})
		})
	}
}

// Of more keys than one Node is told one by one, it forgets all. The others are told.
func TestManyKeysThatWaitConcernOneNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, _, wire := f.wired(t, abc)
		two, _, _ := f.wired(t, abc)
		b := f.keyOn(t, two, "b", 0)
		time.Sleep(5 * time.Second)
		f.db.do(t, two, b)
		epoch := f.epoch(t, "b")
		heal := wire.Inject(tiertest.Fault{Node: "a", Err: errDown})
		time.Sleep(time.Second)
		if err := memo.Invalidate(one, keysOf("bulk", 1500)...); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("Invalidate, with a Node that is down: %v", err)
		}
		time.Sleep(time.Second)
		before := f.db.queries(b)
		for range 30 {
			f.db.do(t, one, b)
			time.Sleep(2 * time.Second)
		}
		if n := f.db.queries(b) - before; n > 0 {
			t.Errorf("%d loads of a key that nobody has invalidated, and that b holds", n)
		}
		heal()
		time.Sleep(5 * time.Second)
		if f.epoch(t, "b") != epoch {
			t.Error("b has begun anew when a came back")
		}
	})
}

// What carries a tag that waits for one Node is stored on none: it is in L2 for that.
func TestWhatWaitsForOneNodeIsInL2Meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		ctx, _, wire := f.wired(t, abc)
		b := f.keyOn(t, ctx, "b", 0)
		must(t, memo.Invalidate(ctx, b)) // as it carries no tags yet
		time.Sleep(5 * time.Second)
		f.db.tagged(t, ctx, b, "x")
		heal := wire.Inject(tiertest.Fault{Node: "a", Err: errDown})
		time.Sleep(time.Second)
		if err := memo.InvalidateTags(ctx, "x"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("InvalidateTags, with a Node that is down: %v", err)
		}
		before := f.db.queries(b)
		for range 100 {
			f.db.tagged(t, ctx, b, "x")
			time.Sleep(10 * time.Millisecond)
		}
		if n := f.db.queries(b) - before; n != 1 {
			t.Errorf("%d loads by 100 reads in a second, want 1", n)
		}
		heal()
		time.Sleep(5 * time.Second)
	})
}

// A log that always has a hole.
func TestNodeThatRefusesRecordsConcernsItsKeysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, _, wire := f.wired(t, abc)
		two, _, _ := f.wired(t, abc)
		a, b, c := f.keyOn(t, one, "a", 0), f.keyOn(t, one, "b", 0), f.keyOn(t, one, "c", 0)
		time.Sleep(3 * time.Second)
		wire.Inject(tiertest.Fault{Node: "a", Match: ":g:", Ops: []tiertest.Op{tiertest.OpAdd}, Err: tier.ErrRefused})
		f.db.do(t, two, b)
		before := f.db.queries(b)
		for range 100 {
			must(t, memo.Invalidate(one, a))
			time.Sleep(100 * time.Millisecond)
			f.db.do(t, two, b)
			must(t, memo.Invalidate(one, c))
		}
		if n := f.db.queries(b) - before; n > 0 {
			t.Errorf("%d loads of a key on another Node", n)
		}
	})
}

// 1. a is down, and meanwhile processes start, which have heard nothing of it
// 2. it is back, without its memory: it does not say any more who is in use
// 3. a Node of which it cannot be said since when it is in use begins anew
func TestNodeThatHasLostItsMemoryConcernsItsKeysAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		for range 2 {
			f.process(t)
			time.Sleep(37 * time.Millisecond)
		}
		ctx, _, _ := f.wired(t, abc)
		time.Sleep(30 * time.Second)
		b := f.keyOn(t, ctx, "b", 0)
		epochs := [2]uint64{f.epoch(t, "b"), f.epoch(t, "c")}
		heal := f.store.Inject(tiertest.Fault{Node: "a", Err: errDown})
		time.Sleep(10 * time.Second)
		for range 3 {
			f.process(t)
			time.Sleep(23 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		f.memory().Only("a").Restart()
		heal()
		before := f.db.queries(b)
		for range 300 {
			f.db.do(t, ctx, b)
			time.Sleep(100 * time.Millisecond)
		}
		if epochs != [2]uint64{f.epoch(t, "b"), f.epoch(t, "c")} {
			t.Error("the Nodes begin anew that have lost nothing")
		}
		if n := f.db.queries(b) - before; n > 0 {
			t.Errorf("%d loads of a key on one of them", n)
		}
	})
}
