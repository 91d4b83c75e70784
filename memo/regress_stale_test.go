package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

// R7 and R19 of docs/regressions.md: a load that is begun behind the back of its
// reader, in each way in which one is begun. It belongs to nobody, and undoes nothing.

// A behind makes the value of "k", which is version 0, be loaded once more, and
// returns at once, or when that load ends.
type behind struct {
	name  string
	opts  []memo.Option
	begin func(ctx context.Context, load func(context.Context) (int, error), opts []memo.Option)
}

func behinds() []behind {
	read := func(ctx context.Context, load func(context.Context) (int, error), opts []memo.Option) {
		_, _ = memo.Do(ctx, "k", load, opts...)
	}
	return []behind{
		{"Stale", []memo.Option{memo.Stale(time.Hour)}, func(ctx context.Context, load func(context.Context) (int, error), opts []memo.Option) {
			_ = memo.Expire(ctx, "k")
			read(ctx, load, opts)
		}},
		{"EarlyRefresh", []memo.Option{memo.EarlyRefresh(100), memo.TTL(time.Minute)}, func(ctx context.Context, load func(context.Context) (int, error), opts []memo.Option) {
			for range 1000 { // each has one chance in two, or more: the load took a second
				read(memo.From(ctx).With(ctx), load, opts)
			}
		}},
		{"Refresh", nil, func(ctx context.Context, load func(context.Context) (int, error), opts []memo.Option) {
			_, _ = memo.Refresh(ctx, "k", load, opts...)
		}},
	}
}

// prepare loads version 0, in a second.
func (b behind) prepare(t *testing.T, f *fleet, c *memo.Cache) {
	t.Helper()
	_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
		time.Sleep(time.Second)
		return f.db.read("k"), nil
	}, b.opts...)
	must(t, err)
}

func TestR07_RefreshBelongsToNoRequest(t *testing.T) {
	type user struct{}
	for _, way := range behinds() {
		t.Run(way.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, _ := f.process(t, slowPoll)
				way.prepare(t, f, c)
				f.db.write("k")

				ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), user{}, "Ada"), 10*time.Millisecond)
				ctx, end := c.Begin(ctx)
				began, ended := make(chan context.Context, 1), make(chan error, 1)
				go way.begin(ctx, func(ctx context.Context) (int, error) {
					v := f.db.read("k")
					began <- ctx
					time.Sleep(500 * time.Millisecond) // the request has ended long ago
					ended <- ctx.Err()
					return v, nil
				}, way.opts)
				load := <-began
				end()
				cancel()
				if load.Value(user{}) != nil || reqcache.From(load) != nil {
					t.Error("the loader sees the request that made it run")
				}
				if d, ok := load.Deadline(); !ok || time.Until(d) < 20*time.Second {
					t.Errorf("the loader has until %v, want LoadTimeout and nobody's deadline", time.Until(d))
				}
				if err := <-ended; err != nil {
					t.Errorf("the loader ended with its request: %v", err)
				}
				synctest.Wait()
				if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
					t.Errorf("version %d is kept, want that of the refresh", v)
				}
			})
		})
	}
}

func TestR07_RefreshThatFailsHoldsUpNoOther(t *testing.T) {
	for _, way := range behinds() {
		t.Run(way.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, _ := f.process(t, slowPoll)
				b, _ := f.process(t, slowPoll)
				way.prepare(t, f, a)
				f.db.write("k")
				ran := 0
				way.begin(a.With(context.Background()), func(context.Context) (int, error) {
					ran++
					return 0, errors.New("down")
				}, way.opts)
				synctest.Wait()

				at := time.Now()
				go way.begin(b.With(context.Background()), func(context.Context) (int, error) { return f.db.read("k"), nil }, way.opts)
				for ; f.db.queries("k") < 2 && time.Since(at) < time.Minute; time.Sleep(10 * time.Millisecond) {
				}
				if waited := time.Since(at); ran != 1 || waited > 500*time.Millisecond {
					t.Errorf("after %d loads that failed another process waited %v for a lock that nobody holds", ran, waited)
				}
				synctest.Wait()
			})
		})
	}
}

func TestR19_RefreshUndoesNoInvalidation(t *testing.T) {
	for _, way := range behinds() {
		for _, by := range []string{"its own process", "another process", "an only process"} {
			t.Run(way.name+" and "+by, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					own, _ := f.process(t)
					other, _ := f.process(t)
					third, _ := f.process(t)
					readers := map[string]*memo.Cache{"its process": own, "another one": other, "a third": third}
					if by == "an only process" {
						own = newCache(t, memo.Config{})
						readers = map[string]*memo.Cache{by: own}
					}
					way.prepare(t, f, own)

					// 1. a refresh has read version 0
					// 2. version 1 is committed, and the key invalidated
					// 3. the refresh stores what it has
					began, release, done := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
					go func() {
						defer close(done)
						way.begin(own.With(context.Background()), func(context.Context) (int, error) {
							v := f.db.read("k")
							began <- struct{}{}
							<-release
							return v, nil
						}, way.opts)
					}()
					<-began
					synctest.Wait()
					f.db.write("k")
					writer := own
					if by == "another process" {
						writer = other
					}
					must(t, writer.Invalidate(context.Background(), "k"))
					close(release)
					<-done
					time.Sleep(aPoll)
					for who, c := range readers {
						v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return f.db.read("k"), nil }, way.opts...)
						if v != 1 || err != nil {
							t.Errorf("%s reads version %d, %v, want 1: the refresh has brought the old one back", who, v, err)
						}
					}
				})
			})
		}
	}
}
