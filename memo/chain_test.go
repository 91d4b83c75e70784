package memo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Loads of loads of loads: chains of keys, and of caches.

// stepwise deletes key after key, as memcached does.
type stepwise struct {
	tier.Node
	after func(key string)
}

func (s *stepwise) Delete(ctx context.Context, keys ...string) error {
	for _, k := range keys {
		if err := s.Node.Delete(ctx, k); err != nil {
			return err
		}
		if s.after != nil {
			s.after(k)
		}
	}
	return nil
}

// whole is made of part, and part of sub:
//
//  1. before the keys are counted somebody makes part of his old sub
//  2. whole is deleted, and part is about to be
//  3. another process makes whole of the part that it finds in the shared tier
func TestG06_ChainOfThreeAcrossProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		node := &stepwise{Node: f.store.Nodes()[0]}
		faulty := tiertest.NewFaulty(tier.Single(node))
		writer := newCache(t, memo.Config{Prefix: "t", Shared: faulty, PollInterval: time.Hour, StaleBound: 2 * time.Hour})
		stale, _ := f.process(t, slowPoll)
		other, _ := f.process(t, slowPoll)
		wctx, sctx, octx := writer.With(context.Background()), stale.With(context.Background()), other.With(context.Background())
		sub := func(ctx context.Context) (int, error) { return f.db.read("sub"), nil }
		part := func(ctx context.Context) (int, error) { return memo.Do(ctx, "sub", sub) }
		whole := func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) }
		_, err := memo.Do(sctx, "sub", sub)
		must(t, err)
		f.db.write("sub")
		made := false
		node.after = func(key string) {
			if strings.HasSuffix(key, ":whole") {
				_, err := memo.Do(octx, "whole", whole)
				must(t, err)
				made = true
			}
		}
		defer faulty.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				_, err := memo.Do(sctx, "part", part)
				must(t, err)
			}})()
		must(t, memo.Invalidate(wctx, "whole", "part", "sub"))
		if !made {
			t.Fatal("nobody came in between")
		}
		third, _ := f.process(t, slowPoll)
		v, err := memo.Do(third.With(context.Background()), "whole", whole)
		must(t, err)
		if v != 1 {
			t.Fatalf("the shared tier holds a whole made of version %d of sub, want 1", v)
		}
	})
}

// Each cache has a clock of its own, and counts on its own Node.
func TestNestedReadThroughACacheWithAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		prefix := func(p string) func(*memo.Config) {
			return func(c *memo.Config) { slowPoll(c); c.Prefix = p }
		}
		wparts, _ := f.process(t, prefix("parts"))
		wwholes, _ := f.process(t, prefix("wholes"))
		parts, _ := f.process(t, func(c *memo.Config) { c.Prefix = "parts" })
		time.Sleep(time.Minute)
		f.db.do(t, parts.With(context.Background()), "part") // version 0 is in its L2
		time.Sleep(time.Second)
		wholes, _ := f.process(t, prefix("wholes")) // its clock begins now
		f.db.write("part")
		must(t, wparts.Invalidate(context.Background(), "part"))
		must(t, wwholes.Invalidate(context.Background(), "whole"))
		v, err := memo.Do(wholes.With(context.Background()), "whole", func(ctx context.Context) (int, error) {
			return f.db.do(t, parts.With(ctx), "part"), nil
		})
		must(t, err)
		if v != 1 {
			t.Fatalf("whole is made of part version %d, want 1", v)
		}
	})
}

// What the one cache has counted says nothing of the other: that one's L2 is good
// enough when it has heard of all that came before the load began.
func TestNestedReadUsesTheL2OfAnotherCacheThatHasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		wholes, _ := f.process(t, slowPoll)
		parts, store := f.process(t, func(c *memo.Config) { slowPoll(c); c.Prefix = "parts" })
		f.db.do(t, parts.With(context.Background()), "part")
		asked := 0
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:part",
			Before: func(context.Context, tiertest.Op, []string) { asked++ },
		})()
		_, err := memo.Do(wholes.With(context.Background()), "whole", func(ctx context.Context) (int, error) {
			time.Sleep(time.Millisecond) // the poll that the next line makes begins after the load
			return f.db.do(t, parts.With(ctx), "part"), nil
		})
		must(t, err)
		if asked > 0 || f.db.queries("part") != 1 {
			t.Fatalf("the shared tier was asked %d times, and the database %d times, for what L2 has", asked, f.db.queries("part"))
		}
	})
}

func TestG09_RecursionThroughTwoCaches(t *testing.T) {
	a, b := newCache(t, memo.Config{}), newCache(t, memo.Config{})
	var fa, fb func(context.Context) (int, error)
	fa = func(ctx context.Context) (int, error) { return memo.Do(b.With(ctx), "B", fb) }
	fb = func(ctx context.Context) (int, error) { return memo.Do(a.With(ctx), "A", fa) }
	if _, err := memo.Do(a.With(context.Background()), "A", fa); !errors.Is(err, memo.ErrRecursive) {
		t.Fatal(err)
	}
}
