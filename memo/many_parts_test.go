package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What the loader of a batch reads for its keys, by way of the cache. It runs once, and
// each of its values is stored with a stamp of its own: what it reads has to be new
// enough for all of them.

// The invalidations of a writer reach this process after the batch has begun:
//
//  1. this process has the old part in its L2
//  2. a writer changes the part, and invalidates it with the last of the keys
//  3. this process loads the keys: that one's stamp is the writer's number
//  4. the loader asks for the part, and would find the old one
//
// Which of the keys is the one must not matter.
func TestPartOfABatchIsAsNewAsTheNewestOfItsLoads(t *testing.T) {
	t.Parallel()
	for _, nodes := range [][]string{{"a"}, {"a", "b", "c"}} {
		for which := range 3 {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(nodes...)
				here, _ := f.process(t, slowPoll)
				there, _ := f.process(t, slowPoll)
				ctx := here.With(context.Background())
				keys := []string{"whole:1", "whole:2", "whole:3"}
				f.db.do(t, ctx, "part")
				f.db.write("part")
				must(t, there.Invalidate(context.Background(), "part", keys[which]))
				values, err := memo.DoMany(ctx, keys, func(ctx context.Context, missing []string) (map[string]int, error) {
					v := f.db.do(t, ctx, "part")
					return map[string]int{keys[0]: v, keys[1]: v, keys[2]: v}, nil
				})
				must(t, err)
				for _, key := range keys {
					if values[key] != 1 {
						t.Errorf("on %q, with key %d: %s is made of the part's version %d, want 1", nodes, which, key, values[key])
					}
				}
			})
		}
	}
}

// The leases of one batch are taken at different times:
//
//  1. the keys are looked at, together, when the counter is n
//  2. the load of b has its lease, and n as its number; that of a is held up
//  3. a writer changes the part, and invalidates it with a: number n+1. The record of that
//     is not read here
//  4. the load of a has its lease, and learns of n+1, late
//  5. the loader asks for the part, which is in L2 here, and good enough for b
//
// An a made of the old part would stay in the shared tier: nothing deletes it any more. A
// poll after 2 changes nothing about that.
func TestPartOfABatchIsAsNewAsTheLastOfItsLeases(t *testing.T) {
	t.Parallel()
	for i, keys := range [][]string{{"a", "b"}, {"b", "a"}, {"a", "b"}, {"b", "a"}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			here, wire := f.process(t, slowPoll)
			there, _ := f.process(t, slowPoll)
			ctx := here.With(context.Background())
			f.db.do(t, ctx, "part")
			defer wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":v:a", Times: 1,
				Before: func(context.Context, tiertest.Op, []string) {
					synctest.Wait() // the lease of b is confirmed
					if i > 1 {
						time.Sleep(time.Millisecond)
						_, _ = memo.Get[int](memo.Fresh(ctx), "another") // as a poll
						time.Sleep(time.Millisecond)
					}
					f.db.write("part")
					must(t, there.Invalidate(context.Background(), "part", "a"))
					wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:a", Delay: 20 * time.Millisecond, Times: 1})
				}})()
			values, err := memo.DoMany(ctx, keys, func(ctx context.Context, missing []string) (map[string]int, error) {
				v := f.db.do(t, ctx, "part")
				return map[string]int{"a": v, "b": v}, nil
			})
			must(t, err)
			if values["a"] != 1 {
				t.Errorf("a is made of the part's version %d, want 1", values["a"])
			}
		})
	}
}
