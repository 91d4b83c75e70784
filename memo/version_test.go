package memo_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Two versions of the code side by side: the earlier one counts in euros, the later one in
// cents.

// priced is what one version makes of the price in the database.
type priced struct {
	ctx   context.Context
	cents int // in its unit
	db    *database
	opts  []memo.Option
}

func (p priced) read(t *testing.T) int {
	t.Helper()
	v, err := memo.Do(p.ctx, "price", func(context.Context) (int, error) { return p.cents * p.db.read("price"), nil }, p.opts...)
	must(t, err)
	return v
}

// sideBySide tests two versions, each with two processes that have no process tier, as what
// is in L2 says nothing of the shared tier.
func sideBySide(t *testing.T, open func(t *testing.T, change ...func(*memo.Config)) *memo.Cache, db *database) {
	db.write("price")
	var all []priced
	for range 2 {
		all = append(all,
			priced{open(t, withoutL2).With(context.Background()), 1, db, []memo.Option{memo.Version(1)}},
			priced{open(t, withoutL2).With(context.Background()), 100, db, []memo.Option{memo.Version(2)}})
	}
	for round := 1; round < 4; round++ {
		before := db.queries("price")
		for range 5 {
			for _, p := range all {
				if v := p.read(t); v != round*p.cents {
					t.Errorf("a reader in units of %d got %d for the %dth price", p.cents, v, round)
				}
			}
		}
		// Once for the earlier version, once for the later one, which takes the place; from then
		// on the earlier ones load for themselves, having no process tier.
		if n := db.queries("price") - before; n != 1+1+9 {
			t.Errorf("%d loads, want 11: the two load in turn", n)
		}
		db.write("price")
		must(t, memo.Invalidate(all[round%2].ctx, "price"))
	}
}

func TestVersionsSideBySide(t *testing.T) {
	t.Parallel()
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			sideBySide(t, func(t *testing.T, change ...func(*memo.Config)) *memo.Cache {
				c, _ := f.process(t, change...)
				return c
			}, f.db)
		})
	})
	t.Run("on memcached", func(t *testing.T) {
		t.Parallel()
		server := mcserver.ForTest(t)
		sideBySide(t, func(t *testing.T, change ...func(*memo.Config)) *memo.Cache {
			cfg := patient(memo.Config{Prefix: "t", Shared: dial(t, server)})
			for _, c := range change {
				c(&cfg)
			}
			return newCache(t, cfg)
		}, newDatabase())
	})
}

// With a process tier each process of the earlier version loads once, and no more.
func TestEarlierVersionKeepsItsOwnInTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		later, _ := f.process(t)
		earlier, _ := f.process(t)
		for want := range 3 {
			for range 4 {
				hit(t, want)(f.db.do(t, later.With(context.Background()), "k", memo.Version(7)), nil)
				hit(t, want)(f.db.do(t, earlier.With(context.Background()), "k", memo.Version(6)), nil)
			}
			if n := f.db.queries("k"); n != 2*(want+1) {
				t.Errorf("%d loads, want one of each version and invalidation", n)
			}
			item := f.item(t, "t:v:k")
			var v wire.Value
			if err := wire.ParseValue(item.Value, &v); err != nil || v.Version != 7 {
				t.Errorf("the shared tier has version %d, %v", v.Version, err)
			}
			f.db.write("k")
			must(t, []*memo.Cache{later, earlier}[want%2].Invalidate(context.Background(), "k"))
			time.Sleep(aPoll)
		}
	})
}

// Neither version waits for a load of the other one, whose value it could not use.
func TestVersionsWaitForNoLeaseOfTheOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ loading, asking int }{"the later one asks": {1, 2}, "the earlier one asks": {2, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				there, _ := f.process(t, slowPoll)
				here, _ := f.process(t, slowPoll)
				fn, begun, release := f.db.held("k")
				loading := later(t, func() (int, error) {
					return memo.Do(there.With(context.Background()), "k", fn, memo.Version(c.loading))
				})
				<-begun
				begin := time.Now()
				for range 2 {
					f.db.do(t, here.With(context.Background()), "k", memo.Version(c.asking))
				}
				if took := time.Since(begin); took > 0 {
					t.Errorf("waited %v for a load of the other version", took)
				}
				close(release)
				loading()
				var v wire.Value
				if err := wire.ParseValue(f.item(t, "t:v:k").Value, &v); err != nil || v.Version != 2 {
					t.Errorf("in the end the shared tier has version %d, %v, want the later one's", v.Version, err)
				}
				if n := f.db.queries("k"); n != 2 {
					t.Errorf("%d loads, want 2", n)
				}
			})
		})
	}
}

// 1. a Set has its lease in the place, and draws its number
// 2. a reader of the same version comes, and must not take that for an earlier one's
func TestSetIsWaitedForByItsVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Delay: 50 * time.Millisecond})
		setting := later(t, func() (int, error) {
			return 7, memo.Set(here.With(context.Background()), "k", 7, memo.Version(1))
		})
		time.Sleep(10 * time.Millisecond)
		hit(t, 7)(f.db.do(t, there.With(context.Background()), "k", memo.Version(1)), nil)
		setting()
		if n := f.db.queries("k"); n != 0 {
			t.Errorf("%d loads beside a Set", n)
		}
	})
}

func TestVersionOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		earlier, _ := f.process(t)
		later, _ := f.process(t)
		r := &table{empty: true}
		absent[int](t)(memo.Do(earlier.With(context.Background()), "k", r.read, memo.NegativeTTL(time.Hour)))
		r.empty = false
		hit(t, 2)(memo.Do(later.With(context.Background()), "k", r.read, memo.Version(1)))
	})
}

// Set and Expire are about the key. What is set by either version takes the place of the
// other one's value, which is old.
func TestWritesOfTwoVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		earlier, _ := f.process(t, withoutL2)
		later, _ := f.process(t, withoutL2)
		one, two := earlier.With(context.Background()), later.With(context.Background())
		f.db.do(t, two, "k", memo.Version(2))
		f.db.write("k")
		must(t, memo.Set(one, "k", 1, memo.Version(1)))
		hit(t, 1)(f.db.do(t, one, "k", memo.Version(1)), nil)
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1: it was set", n)
		}
		if added, err := memo.Add(two, "k", 1, memo.Version(2)); !added || err != nil {
			t.Errorf("Add of the later version, which has no value: %t, %v", added, err)
		}
		if added, err := memo.Add(one, "k", 9, memo.Version(1)); added || err != nil {
			t.Errorf("Add of the earlier version over the later one's value: %t, %v", added, err)
		}
		if v, err := memo.Get[int](two, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get, which has no version: %d, %v", v, err)
		}
		hit(t, 1)(f.db.do(t, two, "k", memo.Version(2)), nil)

		stale := []memo.Option{memo.Version(2), memo.Stale(time.Hour)}
		must(t, memo.Set(two, "k", 1, stale...))
		f.db.write("k")
		must(t, memo.Expire(one, "k"))
		hit(t, 1)(f.db.do(t, two, "k", stale...), nil)
		synctest.Wait()
		hit(t, 2)(f.db.do(t, two, "k", stale...), nil)
	})
}

// For a whole cache Get, which has no options, is of its version.
func TestVersionOfACache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		open := func(v int) context.Context {
			c := newCache(t, memo.Config{Prefix: "t", Shared: f.store}, memo.Version(v))
			return c.With(context.Background())
		}
		first, second, other := open(3), open(3), open(4)
		f.db.do(t, first, "k")
		hit(t, 0)(memo.Get[int](second, "k"))
		if v, err := memo.Get[int](other, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get of another version: %d, %v", v, err)
		}
		f.db.do(t, other, "nearer", memo.Version(3))
		hit(t, 0)(memo.Get[int](second, "nearer"))
	})
}

func TestVersionThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	most := int64(math.MaxInt32)
	for _, v := range []int{-1, math.MinInt, int(most + 1), int(most << 30)} { // the last two are below 0 on 32 bits
		var misuse *memo.UsageError
		if _, err := memo.Do(c.With(context.Background()), "k", loadNumber, memo.Version(v)); !errors.As(err, &misuse) {
			t.Errorf("Version(%d): %v, want a *UsageError", v, err)
		}
		if _, err := memo.New(memo.Config{}, memo.Version(v)); !errors.As(err, &misuse) {
			t.Errorf("New with Version(%d): %v, want a *UsageError", v, err)
		}
	}
	if _, err := memo.Do(c.With(context.Background()), "k", loadNumber, memo.Version(math.MaxInt32)); err != nil {
		t.Error(err)
	}
}
