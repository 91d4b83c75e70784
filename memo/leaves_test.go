package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What waits for a Node that leaves the list, and lists that are empty.

// 1. a row is on b, what is made of it on a; an invalidation of both reaches a, and not b
// 2. another process, which still reaches b, makes the one anew of the old other
// 3. b leaves all lists, as an operator does with a server that some cannot reach
func TestWhatWaitedForANodeThatLeavesIsToldToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b")
		list := f.memory().List("a", "b")
		faulty := tiertest.NewFaulty(list)
		one, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared, cfg.Local = faulty, lru.New(1) })
		two, twos := f.listed(t, "a", "b")
		ctx, other := one.With(context.Background()), two.With(context.Background())
		row, made := f.keyOn(t, ctx, "b", 0), f.keyOn(t, ctx, "a", 0)
		time.Sleep(2 * time.Second) // a process forgets in the end what it kept in its first second
		version := 1
		read := func(ctx context.Context) int {
			t.Helper()
			v, err := memo.Do(ctx, made, func(ctx context.Context) (int, error) {
				return memo.Do(ctx, row, func(context.Context) (int, error) { return version, nil })
			})
			must(t, err)
			return v
		}
		must(t, memo.Invalidate(ctx, made, row))
		read(other)
		faulty.Inject(tiertest.Fault{Node: "b", Err: errors.New("cut off")})
		time.Sleep(3 * time.Second)
		version = 2
		if err := memo.Invalidate(ctx, made, row); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("Invalidate, with one Node that this process cannot reach: %v", err)
		}
		time.Sleep(aPoll)
		read(two.With(context.Background())) // the old row, by what this process can know
		list.Change("a")
		twos.Change("a")
		time.Sleep(agreed)
		for name, c := range map[string]*memo.Cache{"that invalidated": one, "other": two} {
			if v := read(c.With(context.Background())); v != 2 {
				t.Errorf("the process %s reads version %d, a minute after the Node has left", name, v)
			}
		}
	})
}

// Otherwise each of them would tell where the other does not read.
func TestProcessesWithDifferentPlacementKeysReadNothingOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		started := func(key string) *memo.Cache {
			c, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared, cfg.PlacementKey = f.memory().List(abc...), key })
			return c
		}
		one := started("")
		keys := keysOf("user", 60)
		for _, key := range keys {
			f.db.do(t, one.With(context.Background()), key)
		}
		two := started("a secret")
		for range 2 {
			for _, by := range []*memo.Cache{one, two} {
				for _, key := range keys {
					for _, c := range []*memo.Cache{one, two} {
						f.db.do(t, c.With(context.Background()), key)
					}
					f.db.write(key)
					if err := memo.Invalidate(by.With(context.Background()), key); (by == two) != errors.Is(err, memo.ErrDeferred) || by == one && err != nil {
						t.Fatalf("Invalidate by the process that is alone with its key %t: %v", by == two, err)
					}
				}
				time.Sleep(time.Second + aPoll)
				for _, key := range keys {
					for name, c := range map[string]*memo.Cache{"that was first": one, "that came": two} {
						if v := f.db.do(t, c.With(context.Background()), key); v != f.db.read(key) {
							t.Fatalf("the process %s reads version %d of %s, want %d", name, v, key, f.db.read(key))
						}
					}
				}
			}
		}
		if n := f.held("a", keys) + f.held("b", keys) + f.held("c", keys); n != len(keys) {
			t.Errorf("the process that was first has %d of %d values in the shared tier", n, len(keys))
		}
		must(t, one.Close(context.Background()))
		time.Sleep(agreed)
		loads := func() (n int) {
			for _, key := range keys {
				n += f.db.queries(key)
			}
			return n
		}
		before := loads()
		for range 2 {
			for _, key := range keys {
				f.db.do(t, two.With(context.Background()), key)
			}
		}
		if n := loads() - before; n != len(keys) {
			t.Errorf("%d loads of %d keys, when the one has gone: the Nodes begin anew, for the other", n, len(keys))
		}
		f.db.write(keys[0])
		must(t, memo.Invalidate(two.With(context.Background()), keys[0]))
		three := started("a secret")
		before = loads()
		for _, key := range keys {
			f.db.do(t, three.With(context.Background()), key)
		}
		if n := loads() - before; n != 1 {
			t.Errorf("%d loads by a third process, want that of the key that was invalidated", n)
		}
	})
}

// A fleet whose list comes later, from DNS, is as new as one that has it at once.
func TestNewFleetThatHearsOfItsNodesLaterBeginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		list, log := f.memory().List(), &listener{}
		one, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared, cfg.Logger = list, log.logger() })
		time.Sleep(time.Minute)
		if n := len(log.about("is empty")); n != 1 {
			t.Errorf("the log says %d times in a minute that the list is empty", n)
		}
		begin := time.Now()
		f.db.do(t, one.With(context.Background()), "k")
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("a load waits %v for a list that was empty for a minute", waited)
		}
		if err := memo.Invalidate(one.With(context.Background()), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate without a Node: %v", err)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("an invalidation waits %v for a list that was empty for a minute", waited)
		}
		list.Change(abc...)
		time.Sleep(3 * aPoll)
		must(t, memo.Invalidate(one.With(context.Background()), "k"))
		f.db.do(t, one.With(context.Background()), "k")
		if f.held("a", []string{"k"})+f.held("b", []string{"k"})+f.held("c", []string{"k"}) != 1 {
			t.Error("the shared tier is not used")
		}
	})
}

func TestServersThatAllHaveLostTheirMemoryAreUsedAtTheNextPolls(t *testing.T) {
	for _, names := range [][]string{{"a"}, abc} {
		t.Run(fmt.Sprint(names), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(names...)
				one, _ := f.listed(t, names...)
				two, _ := f.listed(t, names...)
				time.Sleep(10 * time.Second)
				for times := range 5 { // in a row, as a flush_all of each of several applications
					for _, name := range names {
						f.memory().Only(name).Flush()
					}
					time.Sleep(3 * aPoll)
					must(t, memo.Invalidate(one.With(context.Background()), "k"))
					f.db.do(t, one.With(context.Background()), "k")
					f.db.do(t, two.With(context.Background()), "k")
					if n := f.db.queries("k"); n != times+1 {
						t.Errorf("%d queries", n)
					}
				}
			})
		})
	}
}

func TestCloseCountsWhatNoNodeWasToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var none tier.Shared = tiertest.NewMemory("a").List()
		c, err := memo.New(memo.Config{Prefix: "t", Shared: none})
		must(t, err)
		if err := memo.Invalidate(c.With(context.Background()), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Invalidate without a Node: %v", err)
		}
		if err := c.Close(context.Background()); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Close, with an invalidation that nobody heard of: %v", err)
		}
	})
}
