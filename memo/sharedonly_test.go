package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// SharedOnly, LocalTTL: what the process tier does not keep, or not for as long.

func TestSharedOnlyAsksTheSharedTierOnceARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, local := newFleet(), lru.New(10)
		here, wire := f.process(t, slowPoll, inspected(local))
		there, _ := f.process(t, slowPoll)
		f.db.do(t, there.With(context.Background()), "k", memo.SharedOnly())
		for range 3 {
			request, end := here.Begin(context.Background())
			calls := wire.Calls(tiertest.OpGetMulti)
			for range 3 {
				f.db.do(t, request, "k", memo.SharedOnly())
			}
			if n := wire.Calls(tiertest.OpGetMulti) - calls; n != 1 {
				t.Errorf("%d looks into the shared tier, want 1", n)
			}
			end()
			f.stored(t, "k", local, false, true)
		}
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

// What the process tier had before is older than what is in the shared tier now.
func TestSharedOnlyForgetsWhatTheProcessHad(t *testing.T) {
	t.Parallel()
	for verb, store := range stores {
		if verb == "Do" || verb == "Add" { // they take what is there
			continue
		}
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, local := newFleet(), lru.New(10)
				c, _ := f.process(t, slowPoll, inspected(local))
				ctx := c.With(context.Background())
				f.db.do(t, ctx, "k")
				f.stored(t, "k", local, true, true)
				f.db.write("k")
				store(t, f.db, ctx, memo.SharedOnly())
				f.stored(t, "k", local, false, true)
				hit(t, 1)(memo.Get[int](ctx, "k"))
			})
		})
	}
}

func TestSharedOnlyWithoutASharedTierIsTheRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		away, wire := f.process(t, slowPoll)
		for name, c := range map[string]*memo.Cache{"none": newCache(t, memo.Config{}), "away": away} {
			back := wire.Inject(tiertest.Fault{Err: errors.New("away")})
			db := newDatabase()
			for range 2 {
				request, end := c.Begin(context.Background())
				for range 2 {
					db.do(t, request, "k", memo.SharedOnly())
				}
				end()
			}
			if n := db.queries("k"); n != 2 {
				t.Errorf("%s: %d loads in two requests", name, n)
			}
			request, end := c.Begin(context.Background())
			for range 2 {
				if added, _ := memo.Add(request, "added", 7, memo.SharedOnly()); added {
					t.Errorf("%s: Add says that it stored", name)
				}
			}
			_ = memo.Set(request, "set", 7, memo.SharedOnly())
			if v, ok := memo.Peek[int](request, "set"); v != 7 || !ok {
				t.Errorf("%s: the request has %d, %t of what it set", name, v, ok)
			}
			if v, ok := memo.Peek[int](c.With(context.Background()), "set"); ok {
				t.Errorf("%s: another one has %d", name, v)
			}
			end()
			back()
		}
	})
}

// Past its time a value is served while it is refreshed, and is not asked for anew by each
// reader whose refresh would fail.
func TestSharedOnlyValuesPastTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, local := newFleet(), lru.New(10)
		c, _ := f.process(t, inspected(local))
		ctx, o := c.With(context.Background()), &origin{}
		opts := []memo.Option{memo.SharedOnly(), memo.Stale(time.Hour), memo.StaleIfError(2 * time.Hour)}
		o.gives(t, ctx, 1, opts...)
		time.Sleep(over)
		o.fail(errOrigin)
		for range 3 {
			o.gives(t, ctx, 1, opts...)
			synctest.Wait()
		}
		o.ran(t, 2) // and not again within a second
		o.fail(nil)
		time.Sleep(2 * time.Second)
		o.gives(t, ctx, 1, opts...)
		synctest.Wait()
		o.gives(t, ctx, 3, opts...)
		f.stored(t, "k", local, false, true)
	})
}

// Near its end it is fresh, and nothing that the process has to hold.
func TestSharedOnlyValueThatIsRefreshedEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, local := newFleet(), lru.New(10)
		c, _ := f.process(t, inspected(local))
		ctx, o := c.With(context.Background()), &origin{takes: time.Second}
		opts := []memo.Option{memo.SharedOnly(), memo.EarlyRefresh(100)}
		_, err := o.get(ctx, opts...)
		must(t, err)
		time.Sleep(59 * time.Second)
		for range 10 { // by chance, but a likely one
			o.gives(t, ctx, 1, opts...)
			synctest.Wait()
			f.stored(t, "k", local, false, true)
		}
		o.ran(t, 2)
		time.Sleep(2 * time.Second)
		o.gives(t, ctx, 2, opts...)
		f.stored(t, "k", local, false, true)
	})
}

func TestG03_SharedOnlyIsLoadedOnceForTheFleet(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	db := newDatabase()
	caches := make([]*memo.Cache, 3)
	for i := range caches {
		caches[i] = newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)}))
	}
	for _, ctx := range readers(append(caches, caches...)...) {
		db.do(t, ctx, "k", memo.SharedOnly())
	}
	if n := db.queries("k"); n != 1 {
		t.Errorf("%d loads, want 1", n)
	}
	must(t, memo.Set(caches[0].With(context.Background()), "k", 7, memo.SharedOnly()))
	for _, ctx := range readers(caches...) { // without a poll: nobody has it at home
		hit(t, 7)(db.do(t, ctx, "k", memo.SharedOnly()), nil)
	}
}

func TestLocalTTLEndsInTheProcessTierAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t)
		ctx, o := c.With(context.Background()), &origin{}
		opts := []memo.Option{memo.LocalTTL(10 * time.Second), memo.Stale(time.Hour)}
		o.gives(t, ctx, 1, opts...)
		looked := func() int { return int(c.Snapshot().Total.L3) }
		for looks := range 5 { // 10 s each, below the minute
			time.Sleep(9900 * time.Millisecond)
			o.gives(t, ctx, 1, opts...)
			if looked() != looks {
				t.Fatalf("%d looks into the shared tier before the %dth end, want %d", looked(), looks, looks)
			}
			time.Sleep(200 * time.Millisecond)
			o.gives(t, ctx, 1, opts...)
			if looked() != looks+1 {
				t.Fatalf("%d looks into the shared tier after the %dth end, want %d", looked(), looks, looks+1)
			}
		}
		o.ran(t, 1)
		if s := c.Snapshot().Total; s.Stale != 0 {
			t.Errorf("%d reads were served what L2 has past its time, while the shared tier has what is fresh", s.Stale)
		}
		time.Sleep(ttl)
		o.gives(t, ctx, 1, opts...)
		synctest.Wait()
		o.gives(t, ctx, 2, opts...)

		// Where the shared tier and the database are away, the old one stands in.
		opts = append(opts, memo.StaleIfError(time.Hour))
		_, err := memo.Refresh(ctx, "k", o.load, append(opts, memo.TTL(ttl))...)
		must(t, err)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:", Err: errors.New("away")})
		o.fail(errOrigin)
		time.Sleep(11 * time.Second)
		o.gives(t, ctx, 3, opts...)
	})
}

// Where no other tier has the value, LocalTTL is a TTL with all that belongs to one.
func TestLocalTTLOfWhatOnlyTheProcessKeeps(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]memo.Option{"no shared tier": nil, "LocalOnly": {memo.LocalOnly()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var c *memo.Cache
				if opts == nil {
					c = newCache(t, memo.Config{})
				} else {
					c, _ = newFleet().process(t)
				}
				ctx, o := c.With(context.Background()), &origin{}
				opts := append(opts, memo.LocalTTL(10*time.Second), memo.Stale(time.Hour))
				o.gives(t, ctx, 1, opts...)
				time.Sleep(9900 * time.Millisecond)
				o.gives(t, ctx, 1, opts...)
				synctest.Wait()
				o.ran(t, 1)
				time.Sleep(200 * time.Millisecond)
				o.gives(t, ctx, 1, opts...)
				synctest.Wait()
				o.gives(t, ctx, 2, opts...)
			})
		})
	}
}

// Of two draws of Jitter the second must not cut off what belongs to the first.
func TestLocalTTLWithJitterOfWhatOnlyTheProcessKeeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, o := newCache(t, memo.Config{}).With(context.Background()), &origin{}
		opts := []memo.Option{memo.LocalTTL(10 * time.Second), memo.Stale(time.Hour), memo.Jitter(0.5)}
		for round := range 20 {
			o.gives(t, ctx, 2*round+1, opts...)
			time.Sleep(10*time.Second + late)
			o.gives(t, ctx, 2*round+1, opts...)
			synctest.Wait()
			must(t, memo.Invalidate(ctx, "k"))
		}
	})
}

func TestLocalTTLIsNoLongerThanTheTTL(t *testing.T) {
	t.Parallel()
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, o := c.With(context.Background()), &origin{}
		o.gives(t, ctx, 1, memo.LocalTTL(time.Hour), memo.Stale(0))
		time.Sleep(over)
		o.gives(t, ctx, 2, memo.LocalTTL(time.Hour), memo.Stale(0))
	})
}
