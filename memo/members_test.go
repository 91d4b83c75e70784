package memo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Lists of Nodes that change, and that differ from process to process.

// listed starts a process that has the Nodes of these names.
func (f *fleet) listed(t *testing.T, names ...string) (*memo.Cache, *tiertest.List) {
	t.Helper()
	list := f.memory().List(names...)
	c, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = list })
	return c, list
}

// agreed is long enough for every process to use what all lists have.
const agreed = time.Minute

// held is how many values of keys are on node.
func (f *fleet) held(node string, keys []string) (n int) {
	there := f.memory().Only(node).Keys()
	for _, key := range keys {
		if slices.Contains(there, "t:v:"+key) {
			n++
		}
	}
	return n
}

func TestNodeIsUsedWhenEveryProcessHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d")
		one, ones := f.listed(t, "a", "b", "c")
		two, twos := f.listed(t, "c", "b", "a")
		keys := keysOf("user", 200)
		load := func(c *memo.Cache) (loads int) {
			for _, key := range keys {
				before := f.db.queries(key)
				f.db.do(t, c.With(context.Background()), key)
				loads += f.db.queries(key) - before
			}
			return loads
		}
		used := func(c *memo.Cache, want string) {
			t.Helper()
			got := ""
			for _, n := range c.Snapshot().Nodes {
				if n.Used {
					got += n.Name
				}
			}
			if got != want {
				t.Errorf("Snapshot says that %q are used, want %q", got, want)
			}
		}
		load(one)
		if n := load(two); n != 0 {
			t.Errorf("%d of 200 keys are loaded again by a process with another order of its list", n)
		}
		ones.Change("d", "a", "b", "c")
		time.Sleep(agreed)
		if n := load(one) + load(two); n != 0 || f.held("d", keys) != 0 {
			t.Errorf("%d loads, and %d keys on a Node that not everybody has", n, f.held("d", keys))
		}
		used(one, "abc")
		twos.Change("a", "b", "c", "d")
		time.Sleep(agreed)
		used(one, "abcd")
		used(two, "abcd")
		moved := load(one)
		if n := load(two); n != 0 {
			t.Errorf("%d keys are loaded by each process alone", n)
		}
		if moved < 30 || moved > 70 || f.held("d", keys) != moved {
			t.Errorf("%d of 200 keys moved from 3 Nodes to 4, and the new one holds %d", moved, f.held("d", keys))
		}
	})
}

// A process with a shorter list is enough: it could tell nobody else.
func TestNodeThatOneProcessDoesNotHaveIsUsedByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, _ := f.listed(t, abc...)
		ctx := one.With(context.Background())
		key := f.keyOn(t, ctx, "c", 0)
		two, _ := f.listed(t, "a", "b")
		f.db.write(key)
		if err := memo.Invalidate(two.With(context.Background()), key); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate of a key that is on a Node which the process does not have: %v", err)
		}
		time.Sleep(10 * time.Second) // what that means: it takes them a while
		if v := f.db.do(t, ctx, key); v != 1 {
			t.Errorf("version %d is read from a Node that was told nothing", v)
		}
		time.Sleep(agreed)
		f.db.do(t, ctx, key)
		if f.held("a", []string{key})+f.held("b", []string{key}) != 1 {
			t.Error("the key has no new place")
		}
		f.db.write(key)
		must(t, memo.Invalidate(two.With(context.Background()), key))
		time.Sleep(aPoll)
		if v := f.db.do(t, ctx, key); v != 2 {
			t.Errorf("version %d is read after an Invalidate", v)
		}
	})
}

// 1. a key is on a; it moves to d
// 2. it is invalidated at d, and a is told no more
// 3. d goes, and the key is on a again, and in this process's L2
func TestKeyThatMovesAndComesBackIsNotReadAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d")
		one, ones := f.listed(t, abc...)
		two, twos := f.listed(t, abc...)
		change := func(names ...string) {
			ones.Change(names...)
			twos.Change(names...)
			time.Sleep(agreed)
		}
		time.Sleep(2 * time.Second) // a process forgets in the end what it kept in its first second
		keys := keysOf("user", 100)
		for _, key := range keys {
			f.db.do(t, one.With(context.Background()), key)
			f.db.do(t, two.With(context.Background()), key)
		}
		change("a", "b", "c", "d")
		for _, key := range keys {
			f.db.write(key)
		}
		must(t, memo.Invalidate(one.With(context.Background()), keys...))
		change(abc...)
		third, _ := f.listed(t, abc...)
		for _, c := range []*memo.Cache{one, two, third} {
			for _, key := range keys {
				if v := f.db.do(t, c.With(context.Background()), key); v != 1 {
					t.Fatalf("version %d of %s is read from where it was before it moved", v, key)
				}
			}
		}
	})
}

func TestKeyThatMovesIsNotReadFromWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d")
		one, ones := f.listed(t, abc...)
		twos := f.memory().List(abc...)
		wire := tiertest.NewFaulty(twos)
		two, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = wire })
		time.Sleep(2 * time.Second) // a process forgets in the end what it kept in its first second
		keys := keysOf("user", 100)
		for _, key := range keys {
			f.db.do(t, two.With(context.Background()), key)
			f.db.write(key)
		}
		ones.Change("a", "b", "c", "d")
		twos.Change("a", "b", "c", "d")
		time.Sleep(agreed)
		wire.Inject(tiertest.Fault{Node: "d", Hang: true})
		must(t, memo.Invalidate(one.With(context.Background()), keys...))
		time.Sleep(2 * time.Second)
		for _, key := range keys {
			if v := f.db.do(t, two.With(context.Background()), key); v != 1 {
				t.Fatalf("version %d of %s is read from L2, where the key does not belong any more", v, key)
			}
		}
	})
}

func TestNodeThatComesBackHasNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, list := f.listed(t, abc...)
		ctx := one.With(context.Background())
		keys := keysOf("user", 100)
		for _, key := range keys {
			f.db.do(t, ctx, key)
		}
		list.Change("a", "b")
		time.Sleep(agreed)
		if open := list.Open(); !slices.Equal(open, []string{"a", "b"}) {
			t.Errorf("the connections to %q are open", open)
		}
		for _, key := range keys {
			f.db.write(key)
		}
		must(t, memo.Invalidate(ctx, keys...))
		list.Change(abc...)
		time.Sleep(agreed)
		two, _ := f.listed(t, abc...)
		for _, c := range []*memo.Cache{one, two} {
			for _, key := range keys {
				if v := f.db.do(t, c.With(context.Background()), key); v != 1 {
					t.Fatalf("version %d of %s is read from a Node that was away", v, key)
				}
			}
		}
		if f.held("c", keys) == 0 {
			t.Error("the Node that has come back is not used")
		}
	})
}

// 1. a process looks which Node holds a key, and is stopped
// 2. the others take it for dead, and use a Node that it does not have on its list
// 3. it goes on, and tells the Node of before
func TestInvalidationOfAProcessThatWasStoppedReachesANewNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d")
		own := tiertest.NewFaulty(f.memory().List(abc...))
		one, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = own })
		two, twos := f.listed(t, abc...)
		keys := keysOf("user", 100)
		for _, key := range keys {
			f.db.do(t, two.With(context.Background()), key)
			f.db.write(key)
		}
		resume := make(chan struct{})
		remove := own.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti, tiertest.OpTouch}, // its polls
			Before: func(context.Context, tiertest.Op, []string) { <-resume }})
		time.Sleep(time.Second)
		twos.Change("a", "b", "c", "d")
		time.Sleep(agreed)
		for _, key := range keys {
			f.db.do(t, two.With(context.Background()), key) // what is on d is of before the Invalidate
			f.db.write(key)
		}
		err := memo.Invalidate(one.With(context.Background()), keys...)
		remove()
		close(resume)
		switch {
		case err == nil:
			time.Sleep(aPoll)
		case errors.Is(err, memo.ErrDeferred):
			time.Sleep(30 * time.Second)
		default:
			t.Fatal(err)
		}
		for _, key := range keys {
			if v := f.db.do(t, two.With(context.Background()), key); v != 2 {
				t.Fatalf("version %d of %s is read, after %v", v, key, err)
			}
		}
	})
}

// A name that nobody can resolve yet is no Node yet.
func TestSharedThatHasNoNodeYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		other, _ := f.listed(t, abc...)
		f.db.do(t, other.With(context.Background()), "k")
		c, list := f.listed(t)
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		f.db.write("k")
		if err := memo.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate without a Node: %v", err)
		}
		if v := f.db.do(t, ctx, "k"); v != 1 {
			t.Errorf("version %d after an Invalidate", v)
		}
		list.Change(abc...)
		time.Sleep(agreed)
		if v := f.db.do(t, other.With(context.Background()), "k"); v != 1 {
			t.Errorf("another process reads version %d, as nobody has told it", v)
		}
		if !slices.ContainsFunc(f.memory().Keys(), func(key string) bool { return strings.HasSuffix(key, ":v:k") }) {
			t.Error("the Nodes are not used")
		}
	})
}

// What a process keeps of a key that is on no Node for the moment, as the Nodes do not
// agree yet, is from a time of which no log tells.
//
//  1. the row is on no Node: it is loaded, and kept here for a moment
//  2. the row is on a Node again, and another process invalidates its tag there
//  3. this one makes something of the row that it has kept, and stores that for everyone
func TestNothingIsMadeOfWhatWasOnNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c", "d")
		changes := make(chan struct{}, 100)
		process := func() (context.Context, *tiertest.List) {
			list := f.memory().List(abc...)
			wire := tiertest.NewFaulty(list)
			wire.Inject(tiertest.Fault{Match: ":roster", Node: "b", Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, // b says later than the others who is in use
				Before: func(context.Context, tiertest.Op, []string) {
					changes <- struct{}{}
					time.Sleep(300 * time.Millisecond)
				}})
			c, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = wire })
			return c.With(context.Background()), list
		}
		ctx, list := process()
		there, lists := process()
		whole := f.keyOn(t, ctx, "b", 3)
		rows := keysOf("row", 12)
		load := func(row string) func(context.Context) (int, error) {
			return func(context.Context) (int, error) { return f.db.read(row), nil }
		}
		sum := func(ctx context.Context) (n int, err error) {
			time.Sleep(time.Millisecond) // the polls for the rows begin after the load
			for _, row := range rows {
				v, err := memo.Do(ctx, row, load(row), memo.Tags("t"))
				if n += v; err != nil {
					return 0, err
				}
			}
			return n, nil
		}
		must(t, memo.Invalidate(ctx, whole))
		time.Sleep(3 * time.Second)
		for len(changes) > 0 {
			<-changes
		}
		list.Change("a", "b", "c", "d")
		lists.Change("a", "b", "c", "d")
		end := time.After(agreed)
		for round, over := 1, false; !over; round++ {
			select {
			case <-changes:
			case <-end:
				over = true
			}
			time.Sleep(150 * time.Millisecond)
			for _, row := range rows {
				hit(t, round-1)(memo.Do(ctx, row, load(row), memo.Tags("t")))
			}
			time.Sleep(350 * time.Millisecond)
			for _, row := range rows {
				f.db.write(row)
			}
			must(t, memo.InvalidateTags(there, "t"))
			time.Sleep(time.Millisecond)
			for _, ctx := range []context.Context{ctx, there} {
				v, err := memo.Do(memo.Fresh(ctx), whole, sum, memo.Tags("t"))
				if must(t, err); v != round*len(rows) {
					t.Fatalf("round %d: whole is %d, want %d", round, v, round*len(rows))
				}
			}
			time.Sleep(time.Second)
		}
	})
}
