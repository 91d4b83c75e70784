package memo_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What waits for a Node is kept while the Node may be in use, and costs the others nothing.

// 1. a process is cut off, and an invalidation waits for c
// 2. it hears of a list without c, or of none at all, and nobody hears that of it
// 3. its list has c again, maybe as another Node of that name, and c was in use all the time
func TestQueueOfANodeSurvivesAListThatNobodyHeardOf(t *testing.T) {
	for name, test := range map[string]struct {
		cut     tiertest.Fault
		between []string
		renewed bool
	}{
		"without it":                  {tiertest.Fault{}, []string{"a", "b"}, false},
		"empty":                       {tiertest.Fault{Node: "c"}, nil, false},
		"without it, and another one": {tiertest.Fault{}, []string{"a", "b"}, true},
		"short, and another one":      {tiertest.Fault{Node: "c"}, abc, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(abc...)
				list := f.memory().List(abc...)
				faulty := tiertest.NewFaulty(list)
				shared := &renewed{Shared: faulty}
				one, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = shared })
				two, _ := f.listed(t, abc...)
				ctx, other := one.With(context.Background()), two.With(context.Background())
				key := f.keyOn(t, ctx, "c", 0)
				time.Sleep(10 * time.Second)
				f.db.do(t, other, key)
				test.cut.Err = errors.New("cut off")
				heal := faulty.Inject(test.cut)
				want := f.db.write(key)
				if err := memo.Invalidate(ctx, key); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("Invalidate of a process that is cut off: %v", err)
				}
				list.Change(test.between...)
				time.Sleep(5 * time.Second)
				if test.renewed {
					shared.renew()
				}
				list.Change(abc...)
				time.Sleep(time.Second)
				heal()
				for range 60 {
					time.Sleep(time.Second)
					if v := f.db.do(t, one.With(context.Background()), key); v != want {
						t.Fatalf("the process that invalidated reads %d, want %d", v, want)
					}
				}
				if v := f.db.do(t, two.With(context.Background()), key); v != want {
					t.Errorf("the other reads %d a minute later, want %d", v, want)
				}
			})
		})
	}
}

// What does not fit into what a Node says of all is used by nobody, and the log says why.
func TestTooManyListsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		f := newFleetOn(names...)
		log := &listener{}
		one, two := f.memory().List(names...), f.memory().List(names...)
		f.process(t, func(cfg *memo.Config) { cfg.Shared = one })
		f.process(t, func(cfg *memo.Config) { cfg.Shared, cfg.Logger = two, log.logger() })
		time.Sleep(agreed)
		for some := range 64 {
			with, without := []string{"a"}, []string{"a"}
			for i, name := range names[1:] {
				if some>>i&1 == 1 {
					with = append(with, name)
				} else {
					without = append(without, name)
				}
			}
			one.Change(with...)
			two.Change(without...)
			time.Sleep(130 * time.Millisecond)
		}
		if len(log.about("too many servers")) != 1 {
			t.Error("nobody says why the servers are not used")
		}
	})
}

// renewed is a Shared whose Nodes can become others, of the same names.
type renewed struct {
	tier.Shared
	life atomic.Int64
}

type another struct {
	tier.Node
	life int64
}

func (r *renewed) renew() { r.life.Add(1) }

func (r *renewed) Nodes() []tier.Node {
	var nodes []tier.Node
	for _, n := range r.Shared.Nodes() {
		nodes = append(nodes, another{n, r.life.Load()})
	}
	return nodes
}

// More waits than a Node is told key by key when it was away; but these were not.
func TestALongQueueEmptiesNoNodeThatWasThere(t *testing.T) {
	const many = 3000
	some := func(kind string) (names []string) {
		for i := range many {
			names = append(names, fmt.Sprint(kind, i))
		}
		return names
	}
	for name, write := range map[string]func(t *testing.T, ctx context.Context, change func(), die func()){
		"a dead one leaves": func(t *testing.T, ctx context.Context, change, die func()) {
			die()
			for _, tag := range some("tag") {
				if err := memo.InvalidateTags(ctx, tag); !errors.Is(err, memo.ErrDeferred) {
					t.Fatal(err)
				}
			}
			change()
		},
		"the list changes": func(t *testing.T, ctx context.Context, change, _ func()) {
			change()
			time.Sleep(2 * aPoll)
			deferred := 0
			for _, key := range some("key") {
				if memo.Invalidate(ctx, key) != nil {
					deferred++
				}
				time.Sleep(time.Millisecond)
			}
			if deferred < many*9/10 {
				t.Errorf("%d of %d are deferred", deferred, many)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(abc...)
				list := f.memory().List(abc...)
				faulty := tiertest.NewFaulty(list)
				one, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = faulty })
				two, twos := f.listed(t, abc...)
				ctx := one.With(context.Background())
				f.keyOn(t, ctx, "c", 0)
				time.Sleep(10 * time.Second)
				write(t, ctx, func() { list.Change("a", "c"); twos.Change("a", "c") }, func() {
					faulty.Inject(tiertest.Fault{Node: "b", Err: errors.New("dead")})
				})
				time.Sleep(time.Minute)
				for _, n := range two.Snapshot().Nodes {
					if n.Epochs > 0 {
						t.Errorf("%s has begun anew", n.Name)
					}
				}
				for _, n := range one.Snapshot().Nodes {
					if n.Pending > 0 {
						t.Errorf("%d wait for %s, a minute later", n.Pending, n.Name)
					}
				}
			})
		})
	}
}
