package memo_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// SetEnabled: the switch of a whole cache.

func TestCacheThatIsOffRunsFnEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		request, end := c.Begin(context.Background())
		defer end()
		f.db.do(t, request, "k")
		if !c.Enabled() || !c.Snapshot().Enabled {
			t.Error("a new cache is off")
		}
		for range 2 { // to say it twice is to say it
			c.SetEnabled(false)
		}
		calls := store.Calls("")
		for range 5 {
			f.db.do(t, request, "k")
		}
		if s := c.Snapshot(); f.db.queries("k") != 6 || s.Total.Bypass != 5 || s.Enabled || c.Enabled() || store.Calls("") != calls {
			t.Errorf("%d loads, %d calls of the shared tier, %+v", f.db.queries("k"), store.Calls("")-calls, s)
		}
		c.SetEnabled(true)
		if f.db.do(t, request, "k"); f.db.queries("k") != 6 || c.Snapshot().Total.L1 != 1 || !c.Enabled() {
			t.Errorf("%d loads when it is on again", f.db.queries("k"))
		}
	})
}

func TestNothingOldComesBackWithACache(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"key": func(c *memo.Cache) error { return c.Invalidate(context.Background(), "a:k") },
		"tag": func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "tag") },
		"all": func(c *memo.Cache) error { return c.InvalidateAll(context.Background()) },
		"set": func(c *memo.Cache) error { return memo.Set(c.With(context.Background()), "a:k", 1) },
	} {
		for _, who := range []string{"it", "another one"} {
			t.Run(name+" by "+who, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					off, _ := f.process(t)
					on, _ := f.process(t)
					for _, c := range []*memo.Cache{off, on} {
						f.db.tagged(t, c.With(context.Background()), "a:k", "tag")
					}
					off.SetEnabled(false)
					f.db.write("a:k")
					if who == "it" {
						must(t, invalidate(off))
					} else {
						must(t, invalidate(on))
					}
					time.Sleep(aPoll)
					off.SetEnabled(true)
					for name, c := range map[string]*memo.Cache{"that was off": off, "that was on": on} {
						if v := f.db.tagged(t, c.With(context.Background()), "a:k", "tag"); v != 1 {
							t.Errorf("the cache %s reads version %d, want 1", name, v)
						}
					}
				})
			})
		}
	}
}

func TestLoadsGoOnInACacheThatIsTurnedOff(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		ctx := c.With(context.Background())
		fn, begun, release := db.held("k")
		loading := later(t, func() (int, error) { return memo.Do(ctx, "k", fn) })
		<-begun
		synctest.Wait()
		c.SetEnabled(false)
		db.do(t, ctx, "k") // does not wait for it
		close(release)
		loading()
		c.SetEnabled(true)
		if db.do(t, ctx, "k"); db.queries("k") != 2 {
			t.Errorf("%d loads, want the one that went on and one beside it", db.queries("k"))
		}
	})
}

func TestSwitchingWhileOthersReadAndWrite(t *testing.T) {
	t.Parallel()
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory()}))
	ctx := c.With(context.Background())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			db := newDatabase()
			key := string(rune('a' + i))
			for n := range 300 {
				if v := db.do(t, ctx, key); v != n {
					t.Errorf("version %d, want %d: one of before the last Invalidate", v, n)
				}
				db.write(key)
				if err := memo.Invalidate(ctx, key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 1000 {
		c.SetEnabled(false)
		c.SetEnabled(true)
	}
	all.Wait()
}

func TestEnabledOfWhatIsNoCache(t *testing.T) {
	t.Parallel()
	closed := newCache(t, memo.Config{})
	must(t, closed.Close(context.Background()))
	for name, c := range map[string]*memo.Cache{"nil": nil, "zero": {}, "closed": closed} {
		for _, on := range []bool{false, true} {
			c.SetEnabled(on)
			if c.Enabled() || c.Snapshot().Enabled {
				t.Errorf("%s, turned on: %t: it says that it is enabled", name, on)
			}
		}
	}
	if _, err := memo.Get[int](closed.With(context.Background()), "k"); err != memo.ErrClosed {
		t.Errorf("a closed cache that was turned on: %v", err)
	}
}

func TestHitAllocationsAfterASwitch(t *testing.T) { // not parallel, see allocates
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	number := hit(t, 1<<30)
	number(memo.Do(ctx, "number", loadNumber))
	c.SetEnabled(false)
	c.SetEnabled(true)
	allocates(t, "a hit", 0, func() { number(memo.Do(ctx, "number", loadNumber)) })
}
