package memo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Of all who Add at once, one does: of processes by the shared tier, and of one
// process's callers also where it does not decide.

// One process stops at each call that its Add makes, and another one adds.
func TestOfTwoProcessesThatAddOneDoes(t *testing.T) {
	t.Parallel()
	const calls = 12 // more than an Add makes
	for at := range calls {
		for _, moment := range []string{"before", "after"} {
			t.Run(fmt.Sprintf("%s call %d", moment, at), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					a, store := f.process(t, slowPoll)
					b, _ := f.process(t, slowPoll)
					third, _ := f.process(t, slowPoll)
					var made atomic.Int64
					second := false
					stop := func(context.Context, tiertest.Op, []string) {
						if made.Add(1) != int64(at+1) {
							return
						}
						var err error
						if second, err = memo.Add(b.With(context.Background()), "k", 2); err != nil {
							t.Error(err)
						}
					}
					fault := tiertest.Fault{Before: stop}
					if moment == "after" {
						fault = tiertest.Fault{After: stop}
					}
					remove := store.Inject(fault)
					first, err := memo.Add(a.With(context.Background()), "k", 1)
					must(t, err)
					remove()
					if made.Load() <= int64(at) {
						second, err = memo.Add(b.With(context.Background()), "k", 2)
						must(t, err)
					}
					if first == second {
						t.Fatalf("the one added: %t, the other: %t", first, second)
					}
					want := 1
					if second {
						want = 2
					}
					for name, c := range map[string]*memo.Cache{"the one": a, "the other": b, "L3": third} {
						finds(t, name, c.With(context.Background()), "k", want)
					}
				})
			})
		}
	}
}

func TestOfManyThatAddOneDoes(t *testing.T) {
	t.Parallel()
	type lossy struct {
		A int
		b int
	}
	number := func(ctx context.Context, key string, i int) (bool, error) { return memo.Add(ctx, key, i) }
	for name, test := range map[string]struct {
		fault     *tiertest.Fault // nil: no shared tier
		processes int
		add       func(ctx context.Context, key string, i int) (bool, error)
	}{
		"a fleet":                {&tiertest.Fault{Delay: time.Millisecond}, 3, number},
		"L2 alone":               {nil, 1, number},
		"the shared tier hangs":  {&tiertest.Fault{Hang: true}, 1, number},
		"the shared tier is off": {&tiertest.Fault{Err: errDown}, 1, number},
		"a type that it cannot hold": {&tiertest.Fault{Delay: time.Millisecond}, 1, func(ctx context.Context, key string, i int) (bool, error) {
			return memo.Add(ctx, key, lossy{i, i})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				var fleet []context.Context
				for range test.processes {
					if test.fault == nil {
						fleet = append(fleet, newCache(t, memo.Config{}).With(context.Background()))
						continue
					}
					c, store := f.process(t, slowPoll)
					defer store.Inject(*test.fault)()
					fleet = append(fleet, c.With(context.Background()))
				}
				for k := range 20 {
					key := fmt.Sprint("k", k)
					var added atomic.Int64
					var all sync.WaitGroup
					for i := range 12 {
						all.Go(func() {
							ok, err := test.add(fleet[i%len(fleet)], key, i)
							if ok {
								added.Add(1)
							}
							if err != nil && !errors.Is(err, memo.ErrDeferred) {
								t.Error(err)
							}
						})
					}
					all.Wait()
					if n := added.Load(); n != 1 {
						t.Fatalf("%d have added %s, want 1", n, key)
					}
				}
			})
		})
	}
}

// meanwhile calls then, once, after an entry was looked for and before that is known.
type meanwhile struct {
	tier.Local
	then func()
}

func (l *meanwhile) Peek(key string) *tier.Entry {
	e := l.Local.Peek(key)
	if then := l.then; then != nil {
		l.then = nil
		then()
	}
	return e
}

// 1. the one finds no value
// 2. the other adds
// 3. the one would add
func TestOfTwoCallersThatAddOneDoes(t *testing.T) {
	t.Parallel()
	local := &meanwhile{Local: lru.New(8)}
	c := newCache(t, memo.Config{Local: local})
	ctx := c.With(context.Background())
	local.then = func() { adds(t, "the other", ctx, "k", 2, true) }
	adds(t, "the one", ctx, "k", 1, false)
	finds(t, "L2", ctx, "k", 2)
}

// 1. the one is about to store what only this process can hold
// 2. the other does
// 3. the one is out of date, and leaves it
func TestOfTwoCallersThatAddWhatOnlyTheirProcessHoldsOneDoes(t *testing.T) {
	t.Parallel()
	type lossy struct {
		A int
		b int
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		ctx := c.With(context.Background())
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				if added, err := memo.Add(ctx, "k", lossy{2, 2}); !added || err != nil {
					t.Errorf("the other: %t, %v", added, err)
				}
			}})
		if added, err := memo.Add(ctx, "k", lossy{1, 1}); added || err != nil {
			t.Errorf("the one: %t, %v", added, err)
		}
		if v, ok := memo.Peek[lossy](ctx, "k"); v != (lossy{2, 2}) || !ok {
			t.Errorf("L2 has %+v, %t; want what the other has added", v, ok)
		}
	})
}

func TestG06_InvalidationDuringAnAddWins(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"this process", "another process"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			here, store := f.process(t, slowPoll)
			other := here
			if where == "another process" {
				other, _ = f.process(t, slowPoll)
			}
			request, end := here.Begin(context.Background())
			defer end()
			store.Inject(tiertest.Fault{
				Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":v:k", Times: 1,
				Before: func(context.Context, tiertest.Op, []string) {
					must(t, other.Invalidate(context.Background(), "k"))
				},
			})
			adds(t, "invalidated by "+where, request, "k", 1, false)
			third, _ := f.process(t, slowPoll)
			for name, ctx := range map[string]context.Context{"L1": request, "L2": here.With(context.Background()), "L3": third.With(context.Background())} {
				if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("%s: %s has %d, %v", where, name, v, err)
				}
			}
		})
	}
}
