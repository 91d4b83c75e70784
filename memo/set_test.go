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

func TestSetReachesAllTiersAndProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		c, _ := f.process(t)
		actx, end := a.Begin(context.Background())
		defer end()
		f.db.do(t, actx, "k")
		f.db.do(t, b.With(context.Background()), "k")
		must(t, memo.Set(actx, "k", 7))
		time.Sleep(150 * time.Millisecond)
		for name, ctx := range map[string]context.Context{
			"the request that set it": actx, "its process": a.With(context.Background()),
			"a process that had the old value": b.With(context.Background()), "one that had none": c.With(context.Background()),
		} {
			if v := f.db.do(t, ctx, "k"); v != 7 {
				t.Errorf("%s reads %d, want 7", name, v)
			}
		}
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1: a Set is not loaded again", n)
		}
	})
}

func TestG06_LoadInFlightDoesNotReplaceASet(t *testing.T) {
	for _, where := range []string{"this process", "another process"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, _ := f.process(t, slowPoll)
				b := a
				if where == "another process" {
					b, _ = f.process(t, slowPoll)
				}
				loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
				go func() {
					defer close(done)
					_, _ = memo.Do(b.With(context.Background()), "k", func(context.Context) (int, error) {
						close(loaded)
						<-release
						return 1, nil
					})
				}()
				<-loaded
				synctest.Wait()
				must(t, memo.Set(a.With(context.Background()), "k", 2))
				close(release)
				<-done
				for _, c := range []*memo.Cache{a, b} {
					if v, err := memo.Get[int](c.With(context.Background()), "k"); v != 2 || err != nil {
						t.Errorf("Get: %d, %v; want 2", v, err)
					}
				}
			})
		})
	}
}

// A load begins while a Set is under way, and reads the old value of the shared
// tier before the Set's lease is there.
func TestG06_LoadThatBeganDuringASetDoesNotReplaceIt(t *testing.T) {
	for _, fault := range []error{nil, errDown} { // the Set succeeds, or is deferred
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			a, store := f.process(t, slowPoll)
			other, _ := f.process(t, slowPoll)
			must(t, memo.Set(other.With(context.Background()), "k", 1))
			ctx := a.With(context.Background())
			// 1. the Set looks at the place
			// 2. a load reads the old value, and its answer is on the way
			// 3. the Set ends
			// 4. the load gets its answer
			answered, done := make(chan struct{}), make(chan struct{})
			first := true
			store.Inject(tiertest.Fault{
				Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:k", Times: 2,
				After: func(context.Context, tiertest.Op, []string) {
					if !first {
						<-answered
						return
					}
					first = false
					go func() {
						defer close(done)
						_, _ = memo.Do(ctx, "k", func(context.Context) (int, error) { return 9, nil })
					}()
					synctest.Wait()
				},
			})
			if fault != nil {
				defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Err: fault})()
			}
			if err := memo.Set(ctx, "k", 2); !errors.Is(err, memo.ErrDeferred) && err != nil {
				t.Fatal(err)
			}
			close(answered)
			<-done
			if v, err := memo.Get[int](ctx, "k"); v != 2 || err != nil {
				t.Errorf("after the Set (%v) this process has %d, %v; want 2", fault, v, err)
			}
		})
	}
}

func TestG06_InvalidationDuringASetWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, store := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		ctx := a.With(context.Background())
		f.db.write("k")
		store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":v:k", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				f.db.write("k")
				must(t, memo.Invalidate(b.With(context.Background()), "k"))
			},
		})
		must(t, memo.Set(ctx, "k", 1))
		for _, c := range []*memo.Cache{a, b} {
			if v := f.db.do(t, c.With(context.Background()), "k"); v != 2 {
				t.Errorf("version %d after the later Invalidate, want 2", v)
			}
		}
	})
}

func TestGetDoesNotLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		ctx, end := b.Begin(context.Background())
		defer end()
		if _, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Fatalf("Get: %v, want ErrMiss", err)
		}
		f.db.write("k")
		f.db.do(t, a.With(context.Background()), "k")
		for _, want := range []func(memo.Counts) uint64{
			func(n memo.Counts) uint64 { return n.L3 }, func(n memo.Counts) uint64 { return n.L1 },
		} {
			before := want(b.Snapshot().Total)
			if v, err := memo.Get[int](ctx, "k"); v != 1 || err != nil {
				t.Fatalf("Get: %d, %v", v, err)
			}
			if want(b.Snapshot().Total) != before+1 {
				t.Errorf("not answered by the tier that should: %+v", b.Snapshot().Total)
			}
		}
		if v, err := memo.Get[int](b.With(context.Background()), "k"); v != 1 || err != nil || b.Snapshot().Total.L2 != 1 {
			t.Errorf("Get did not keep in L2 what it found in L3: %d, %v, %+v", v, err, b.Snapshot().Total)
		}
	})
}

func TestSetOfALossyTypeSurvivesItsOwnRecord(t *testing.T) {
	type lossy struct {
		A int
		b int
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Times: 1,
			After: func(context.Context, tiertest.Op, []string) { time.Sleep(150 * time.Millisecond) }}) // a poll comes by
		must(t, memo.Set(ctx, "k", lossy{1, 2}))
		if v, err := memo.Get[lossy](ctx, "k"); v != (lossy{1, 2}) || err != nil {
			t.Fatalf("Get after Set: %v, %v", v, err)
		}
	})
}
