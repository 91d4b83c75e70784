package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a process makes of Nodes that say nothing.

// 1. b is taken out of all lists, with what it holds; a key of it is invalidated
// 2. b is in all lists again, and nobody has said yet that it comes anew
// 3. of a process all polls of the others fail for a moment: b alone speaks, and says what it
// said before it went
func TestANodeThatComesBackIsNotReadWhileTheOthersAreSilent(t *testing.T) {
	t.Parallel()
	for name, lists := range map[string][2][]string{
		"two nodes":   {{"a", "b"}, {"a"}},
		"three nodes": {{"a", "b", "c"}, {"a", "c"}},
	} {
		for who, starts := range map[string]bool{"a process that runs": false, "a process that starts": true} {
			t.Run(name+", "+who, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { comesBack(t, lists[0], lists[1], starts) })
			})
		}
	}
}

func comesBack(t *testing.T, with, without []string, starts bool) {
	f := newFleetOn(with...)
	ones := f.memory().List(with...)
	wire := tiertest.NewFaulty(ones)
	c, _ := f.process(t, withoutL2, func(cfg *memo.Config) { cfg.Shared = wire })
	one := c.With(context.Background())
	c, twos := f.listed(t, with...)
	two := c.With(context.Background())
	key := f.keyOn(t, two, "b", 0)
	time.Sleep(3 * time.Second)
	f.db.do(t, one, key, memo.TTL(time.Hour))
	ones.Change(without...)
	twos.Change(without...)
	time.Sleep(agreed)
	f.db.write(key)
	must(t, memo.Invalidate(two, key))
	time.Sleep(2 * time.Minute)
	hit(t, 1)(f.db.do(t, one, key), nil)
	ones.Change(with...)
	twos.Change(with...)
	time.Sleep(time.Second)
	if starts {
		wire = tiertest.NewFaulty(f.memory().List(with...))
	}
	for _, n := range without {
		heal := wire.Inject(tiertest.Fault{Node: n, Err: errors.New("connection reset")})
		time.AfterFunc(300*time.Millisecond, heal)
	}
	if starts {
		one = newCache(t, memo.Config{Prefix: "t", Shared: wire}).With(context.Background())
	}
	for i := range 100 {
		if v := f.db.do(t, one, key); v != 1 {
			t.Fatalf("%d ms later version %d is read, which was invalidated two minutes ago", i*10, v)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// As in a deploy while a server is down.
func TestAProcessThatStartsWithoutANodeUsesTheOthersAfterAFewPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b", "c")
		start := func(down ...string) (context.Context, *tiertest.Faulty) {
			wire := tiertest.NewFaulty(f.memory().List("a", "b", "c"))
			for _, n := range down {
				wire.Inject(tiertest.Fault{Node: n, Err: errDown})
			}
			c, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = wire })
			return c.With(context.Background()), wire
		}
		there, wire := start()
		key := f.keyOn(t, there, "b", 0)
		time.Sleep(agreed)
		f.db.do(t, there, key, memo.TTL(time.Hour))
		loads := f.db.queries(key)
		wire.Inject(tiertest.Fault{Node: "c", Err: errDown})
		time.Sleep(agreed)
		ctx, _ := start("c")
		time.Sleep(5 * aPoll)
		f.db.do(t, ctx, key)
		if n := f.db.queries(key) - loads; n > 0 {
			t.Errorf("what b holds was loaded %d times", n)
		}
		must(t, memo.Invalidate(ctx, key))
	})
}
