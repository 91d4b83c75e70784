package memo_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What waits, or is invalidated, while Nodes are taken out of the list and come back.

// 1. a process has another list since a moment ago, without c, and has to tell somebody of it who is in use
// 2. while a Node is told, another one comes into the list, and one more while that is told, and so on
// 3. at each look the Nodes are others; nobody has told c
func TestInvalidationWhileNodesKeepComingIsDeferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d", "e", "f", "g")
		ctx, list, wire := f.wired(t, abc)
		there, _, _ := f.wired(t, abc)
		key := f.keyOn(t, ctx, "c", 0)
		must(t, memo.Invalidate(ctx, key)) // as it carries no tags yet
		time.Sleep(3 * time.Second)
		f.db.tagged(t, there, key, "x")
		f.db.write(key)
		names := []string{"a", "b"}
		list.Change(names...)
		time.Sleep(110 * time.Millisecond)
		for _, step := range []struct{ told, comes string }{{"a", "d"}, {"d", "e"}, {"e", "f"}, {"f", "g"}} {
			wire.Inject(tiertest.Fault{Node: step.told, Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:t:", Times: 1, Before: func(context.Context, tiertest.Op, []string) {
				names = append(names, step.comes)
				list.Change(names...)
				time.Sleep(110 * time.Millisecond)
			}})
		}
		if err := memo.InvalidateTags(ctx, "x"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("InvalidateTags, with other Nodes at each look: %v", err)
		}
		if len(names) != 6 {
			t.Errorf("of the Nodes %q some came later, or never", names)
		}
		time.Sleep(agreed) // each of the lists is known for ten seconds
		if v := f.db.tagged(t, there, key, "x"); v != 1 {
			t.Errorf("version %d is read a minute later", v)
		}
	})
}

// The list is empty for a few seconds, as that of a DNS that fails.
func TestInvalidationWhileTheListIsEmptyIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		ctx, list, _ := f.wired(t, abc)
		there, _, _ := f.wired(t, abc)
		time.Sleep(3 * time.Second)
		f.db.do(t, there, "k")
		list.Change()
		time.Sleep(time.Second)
		f.db.write("k")
		if err := memo.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate without a Node: %v", err)
		}
		time.Sleep(5 * time.Second)
		list.Change(abc...)
		time.Sleep(agreed)
		for _, ctx := range []context.Context{ctx, there} {
			hit(t, 1)(f.db.do(t, ctx, "k"), nil)
		}
	})
}

// Nodes that have just left are not those to tell.
func TestCloseWhileTheListIsEmptyCountsWhatNobodyWasToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		f.process(t)
		list := f.memory().List(abc...)
		c, err := memo.New(memo.Config{Prefix: "t", Shared: list, Logger: quiet})
		must(t, err)
		time.Sleep(3 * time.Second)
		list.Change()
		time.Sleep(time.Second)
		if err := memo.Invalidate(c.With(context.Background()), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate without a Node: %v", err)
		}
		if err := c.Close(context.Background()); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Close, with an invalidation that nobody heard of: %v", err)
		}
	})
}

// 1. a row is on d, what is made of it on a; d leaves the list of one process, which invalidates both
// 2. another process, which has d, makes the one anew of the old other, and stores it on a
// 3. c leaves, before the first has done with d: what waits, waits for Nodes that are gone
func TestWhatWaitsWhileNodesLeaveOneAfterTheOtherIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d")
		ctx, list, _ := f.wired(t, []string{"a", "b", "c", "d"})
		there, others, _ := f.wired(t, []string{"a", "b", "c", "d"})
		p := f.pairOn(t, ctx, "d", "a")
		hit(t, 0)(p.read(there))
		list.Change(abc...)
		time.Sleep(time.Second)
		f.db.write(p.row)
		if err := p.invalidate(ctx); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate without a Node that others have: %v", err)
		}
		time.Sleep(aPoll)
		hit(t, 0)(p.read(there))
		time.Sleep(time.Second)
		list.Change("a", "b")
		others.Change("a", "b")
		time.Sleep(agreed)
		for _, ctx := range []context.Context{ctx, there} {
			hit(t, 1)(p.read(ctx))
		}
	})
}

// attentive is a list that is told when a Node of it is about to be closed.
type attentive struct {
	*tiertest.List
	closes func()
}

func (a *attentive) Nodes() (nodes []tier.Node) {
	for _, n := range a.List.Nodes() {
		nodes = append(nodes, attentiveNode{n, a})
	}
	return nodes
}

type attentiveNode struct {
	tier.Node
	list *attentive
}

func (n attentiveNode) Close() error {
	n.list.closes()
	return n.Node.(io.Closer).Close()
}

// 1. a Node has left the list for long enough: this process has done with it, and will close it
// 2. the name comes back into the list, and with it the Node, which is open
// 3. it is closed, and the list has another one of that name
func TestNodeThatComesBackWhileItIsClosedIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		list := &attentive{List: f.memory().List(abc...)}
		c, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = list })
		closed := 0
		list.closes = func() {
			if closed++; closed == 1 {
				list.Change(abc...)
				time.Sleep(2 * aPoll) // the Node is used again
			}
		}
		time.Sleep(3 * time.Second)
		list.Change("a", "b")
		time.Sleep(agreed)
		synctest.Wait() // which is how the race detector knows that Close was before this
		if closed == 0 {
			t.Fatal("a Node that has left the list is never closed")
		}
		for _, n := range c.Snapshot().Nodes {
			if !n.Up {
				t.Errorf("%s is not used a minute later", n.Name)
			}
		}
		list.closes = func() {}
	})
}
