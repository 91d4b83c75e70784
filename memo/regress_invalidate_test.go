package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The bugs that other caches had with invalidations that came at the wrong moment,
// or in the wrong order, or hit too much.

// Whatever the order of the three tiers, somebody comes in between:
//
//  1. the writer's process is about to delete the item, or has deleted it
//  2. a reader of that process asks
//  3. Invalidate returns
func TestR26_ReaderDuringAnInvalidationBringsNothingBack(t *testing.T) {
	for name, at := range map[string]func(fault *tiertest.Fault, read func()){
		"before the delete": func(fault *tiertest.Fault, read func()) {
			fault.Before = func(context.Context, tiertest.Op, []string) { read() }
		},
		"after the delete": func(fault *tiertest.Fault, read func()) {
			fault.After = func(context.Context, tiertest.Op, []string) { read() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, store := f.process(t, slowPoll)
				other, _ := f.process(t, slowPoll)
				ctx := c.With(context.Background())
				f.db.do(t, ctx, "k")
				fault := tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Match: ":v:k", Times: 1}
				at(&fault, func() { f.db.do(t, ctx, "k") })
				store.Inject(fault)
				f.db.write("k")
				must(t, memo.Invalidate(ctx, "k"))
				for who, c := range map[string]*memo.Cache{"the writer's process": c, "another process": other} {
					if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
						t.Errorf("%s reads version %d after the Invalidate, want 1", who, v)
					}
				}
			})
		})
	}
}

// What stands in the place of a deleted item can be lost with all the rest:
//
//  1. a process takes the lease, and reads version 0
//  2. another one commits version 1, and deletes the lease
//  3. memcached is flushed, and nothing tells that there was a delete
//  4. the first process stores version 0, if it adds what is absent
func TestR28_LoadFromBeforeAFlushIsNotStored(t *testing.T) {
	for name, disaster := range map[string]func(*tiertest.Memory){"flush": (*tiertest.Memory).Flush, "restart": (*tiertest.Memory).Restart} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := tiertest.NewMemory()
				f := &fleet{store: tiertest.NewFaulty(memory), db: newDatabase()}
				a, _ := f.process(t, slowPoll)
				b, _ := f.process(t, slowPoll)
				loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
				go func() {
					defer close(done)
					_, err := memo.Do(a.With(context.Background()), "k", func(context.Context) (int, error) {
						v := f.db.read("k")
						close(loaded)
						<-release
						return v, nil
					})
					must(t, err)
				}()
				<-loaded
				synctest.Wait() // a knows the version of its lease
				f.db.write("k")
				must(t, memo.Invalidate(b.With(context.Background()), "k"))
				disaster(memory)
				close(release)
				<-done
				for who, c := range map[string]*memo.Cache{"the process that loaded": a, "the one that wrote": b} {
					if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
						t.Errorf("%s reads version %d, want 1", who, v)
					}
				}
			})
		})
	}
}

// In the shared tier a prefix is the begin of a key, and the begin of another prefix.
func TestR30_InvalidateAllStopsAtItsOwnPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		prefixes := []string{"user", "users", "usersAbc", "users:abc", "Users"}
		caches := map[string]*memo.Cache{}
		for _, p := range prefixes {
			caches[p], _ = f.process(t, func(cfg *memo.Config) { cfg.Prefix = p })
			f.db.do(t, caches[p].With(context.Background()), "k")
		}
		must(t, caches["users"].InvalidateAll(context.Background()))
		must(t, caches["users"].Invalidate(context.Background(), "k", "Abc:k", "abc:k"))
		time.Sleep(time.Second) // everyone has polled
		for _, p := range prefixes {
			fresh, _ := f.process(t, func(cfg *memo.Config) { cfg.Prefix = p })
			has := func(c *memo.Cache) bool {
				_, err := memo.Get[int](c.With(context.Background()), "k")
				return err == nil
			}
			if mine, theirs := has(caches[p]), has(fresh); mine != (p != "users") || theirs != (p != "users") {
				t.Errorf("after InvalidateAll of %q, prefix %q has its value: %t, and in the shared tier: %t", "users", p, mine, theirs)
			}
		}
	})
}

// In a bubble no time passes: what a clock would have to order happens at one
// instant here, a hundred times over.
func TestR31_WritesAtOneInstantHaveAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		time.Sleep(3 * time.Second) // the cold start is over
		begin := time.Now()
		want := 0
		for i := range 100 {
			w, r := a, b
			if i%2 == 1 {
				w, r = b, a
			}
			wctx, rctx := w.With(context.Background()), r.With(context.Background())
			must(t, memo.Set(rctx, "k", -i-1)) // it was loaded before the write, say
			want = f.db.write("k")
			must(t, memo.Invalidate(wctx, "k"))
			if v := f.db.do(t, wctx, "k"); v != want {
				t.Fatalf("round %d: the writer reads %d, want %d", i, v, want)
			}
		}
		if d := time.Since(begin); d != 0 {
			t.Fatalf("it took %v, and was to take none", d)
		}
		time.Sleep(150 * time.Millisecond) // a poll
		for who, c := range map[string]*memo.Cache{"a": a, "b": b} {
			if v := f.db.do(t, c.With(context.Background()), "k"); v != want {
				t.Errorf("%s reads %d in the end, want %d", who, v, want)
			}
		}
	})
}
