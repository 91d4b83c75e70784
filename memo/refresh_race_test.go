package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Refresh beside other loads, of this process and of others, and beside
// invalidations.

func TestRefreshJoinsNoLoadOfBeforeAndIsJoined(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		ctx := open().With(context.Background())
		old, begunOld, releaseOld := db.held("k")
		first := later(t, func() (int, error) { return memo.Do(ctx, "k", old) })
		<-begunOld
		synctest.Wait()
		db.write("k")
		fn, begun, release := db.held("k")
		refreshed := later(t, func() (int, error) { return memo.Refresh(ctx, "k", fn) })
		<-begun
		synctest.Wait()
		joined := later(t, func() (int, error) {
			return memo.Do(ctx, "k", func(context.Context) (int, error) { return 9, nil })
		})
		synctest.Wait()
		close(release)
		if a, b := refreshed(), joined(); a != 1 || b != 1 {
			t.Errorf("Refresh got version %d, and who came later %d; want 1 and 1", a, b)
		}
		close(releaseOld)
		if v := first(); v != 0 {
			t.Errorf("the load of before ended with version %d, want its own", v)
		}
		if v := db.do(t, ctx, "k"); v != 1 || db.queries("k") != 2 {
			t.Errorf("version %d is kept after %d loads, want 1 after 2", v, db.queries("k"))
		}
	})
}

// Four loads that are out of date run, and a fifth queues. When its turn comes it
// finds a value, which is good for its own callers and not for a Refresh.
func TestRefreshIsNotAnsweredByALoadThatQueued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		ctx := c.With(context.Background())
		var ends []func()
		for range 4 {
			fn, begun, release := db.held("k")
			wait := later(t, func() (int, error) { return memo.Do(ctx, "k", fn) })
			<-begun
			ends = append(ends, func() { close(release); wait() })
			must(t, c.Invalidate(ctx, "k"))
		}
		queued := later(t, func() (int, error) { return memo.Do(ctx, "k", func(context.Context) (int, error) { return 5, nil }) })
		synctest.Wait()
		must(t, memo.Set(ctx, "k", 6))
		refreshed := later(t, func() (int, error) {
			return memo.Refresh(ctx, "k", func(context.Context) (int, error) { return 7, nil })
		})
		synctest.Wait()
		for _, end := range ends {
			end()
		}
		if v := refreshed(); v != 7 {
			t.Errorf("Refresh got %d, want what fn returns", v)
		}
		if v := queued(); v != 6 {
			t.Errorf("who queued got %d, want what was set meanwhile", v)
		}
	})
}

func TestG06_InvalidationDuringARefreshWins(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"key":    func(c *memo.Cache) error { return c.Invalidate(context.Background(), "a:k") },
		"tag":    func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "tag") },
		"tree":   func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "a") },
		"all":    func(c *memo.Cache) error { return c.InvalidateAll(context.Background()) },
		"expire": func(c *memo.Cache) error { return c.Expire(context.Background(), "a:k") },
	} {
		for _, where := range []string{"this process", "another process"} {
			t.Run(name+" by "+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					here, _ := f.process(t)
					other := here
					if where == "another process" {
						other, _ = f.process(t)
					}
					request, end := here.Begin(context.Background())
					defer end()
					f.db.tagged(t, request, "a:k", "tag")
					f.db.write("a:k")
					fn, begun, release := f.db.held("a:k")
					refreshed := later(t, func() (int, error) { return memo.Refresh(request, "a:k", fn, memo.Tags("tag")) })
					<-begun
					synctest.Wait()
					f.db.write("a:k")
					must(t, invalidate(other))
					close(release)
					if v := refreshed(); v != 1 {
						t.Errorf("Refresh got version %d, want 1, which it has loaded", v)
					}
					third, _ := f.process(t)
					if v := f.db.tagged(t, third.With(context.Background()), "a:k", "tag"); v != 2 {
						t.Errorf("the shared tier has version %d, want 2", v)
					}
					time.Sleep(aPoll)
					if v := f.db.tagged(t, here.With(context.Background()), "a:k", "tag"); v != 2 {
						t.Errorf("L2 has version %d, want 2", v)
					}
				})
			})
		}
	}
}

// The request that refreshes invalidates beside it: its memory keeps nothing older.
func TestInvalidateBesideARefreshOfTheSameRequest(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		request, end := open().Begin(context.Background())
		defer end()
		fn, begun, release := db.held("k")
		refreshed := later(t, func() (int, error) { return memo.Refresh(request, "k", fn) })
		<-begun
		synctest.Wait()
		db.write("k")
		must(t, memo.Invalidate(request, "k"))
		close(release)
		refreshed()
		if v := db.do(t, request, "k"); v != 1 {
			t.Errorf("after its own Invalidate the request reads version %d, want 1", v)
		}
	})
}

func TestRefreshTakesTheLeaseOfAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		third, _ := f.process(t, slowPoll)
		fn, begun, release := f.db.held("k")
		loaded := later(t, func() (int, error) { return memo.Do(there.With(context.Background()), "k", fn) })
		<-begun
		synctest.Wait()
		f.db.write("k")
		begin := time.Now()
		if v, err := f.db.refresh(here.With(context.Background()), "k"); v != 1 || err != nil || time.Since(begin) > 0 {
			t.Errorf("Refresh: %d, %v after %v; want version 1 at once", v, err, time.Since(begin))
		}
		close(release)
		if v := loaded(); v != 0 {
			t.Errorf("the other load got version %d, want its own", v)
		}
		for name, c := range map[string]*memo.Cache{"who refreshed": here, "who lost its lease": there, "the shared tier": third} {
			if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
				t.Errorf("%s has version %d, want 1", name, v)
			}
		}
	})
}

// Two begin at different times, with a commit in between. Of what they load one is
// stored, or none; what was there before them, or is older than what the later one has
// returned, is not served as if nothing had been.
func TestRefreshThatAnotherOneOvertakesLeavesNothingOlder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		processes int // of the two
		shared    bool
		fails     bool // the later one
	}{
		"of one process":                        {1, true, false},
		"of two processes":                      {2, true, false},
		"and fails, of one process":             {1, true, true},
		"and fails, without a shared tier":      {1, false, true},
		"of one process, without a shared tier": {1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				all := make([]*memo.Cache, 2)
				for i := range all {
					switch {
					case i > 0 && test.processes == 1:
						all[i] = all[0]
					case test.shared:
						all[i], _ = f.process(t)
					default:
						all[i] = newCache(t, memo.Config{})
					}
				}
				ctxs := readers(all...)
				for _, ctx := range ctxs {
					f.db.do(t, ctx, "k", memo.TTL(time.Hour))
				}
				f.db.write("k")
				fn, begun, release := f.db.held("k")
				first := later(t, func() (int, error) { return memo.Refresh(ctxs[0], "k", fn, memo.TTL(time.Hour)) })
				<-begun
				synctest.Wait()
				want := 1
				if !test.fails {
					want = f.db.write("k")
				}
				read, begun2, release2 := f.db.held("k")
				second := later(t, func() (int, error) {
					v, err := memo.Refresh(ctxs[1], "k", func(ctx context.Context) (int, error) {
						v, err := read(ctx)
						if test.fails {
							err = errOrigin
						}
						return v, err
					}, memo.TTL(time.Hour))
					if test.fails && errors.Is(err, errOrigin) {
						err = nil
					}
					return v, err
				})
				<-begun2
				synctest.Wait()
				close(release)
				first()
				synctest.Wait()
				close(release2)
				second()
				for i := range 2 {
					for _, ctx := range ctxs {
						if v := f.db.do(t, ctx, "k", memo.TTL(time.Hour)); v != want && (i > 0 || ctx == ctxs[1]) {
							t.Errorf("version %d, want %d", v, want)
						}
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}
