package memo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Fresh: a read sees what any process had invalidated before it began.

func TestFreshReadSeesWhatAnotherProcessInvalidated(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"key":    func(c *memo.Cache) error { return c.Invalidate(context.Background(), "a:k") },
		"tag":    func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "tag") },
		"tree":   func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "a") },
		"all":    func(c *memo.Cache) error { return c.InvalidateAll(context.Background()) },
		"expire": func(c *memo.Cache) error { return c.Expire(context.Background(), "a:k") },
		"set": func(c *memo.Cache) error {
			return memo.Set(c.With(context.Background()), "a:k", 1, memo.Tags("tag"))
		},
	} {
		for _, records := range []int{0, 600} { // that were written before, more than a poll reads at once
			t.Run(fmt.Sprintf("%s after %d records", name, records), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					writer, _ := f.process(t, slowPoll)
					reader, _ := f.process(t, slowPoll)
					request, end := reader.Begin(context.Background())
					defer end()
					read := func(ctx context.Context) int {
						return f.db.do(t, ctx, "a:k", memo.Tags("tag"), memo.Stale(time.Hour))
					}
					read(request)
					for i := range records {
						must(t, writer.Invalidate(context.Background(), fmt.Sprint("other", i)))
					}
					f.db.write("a:k")
					must(t, invalidate(writer))
					begin := time.Now()
					if v := read(request); v != 0 {
						t.Errorf("a plain read of the request got version %d, want its snapshot", v)
					}
					if v := read(reader.With(context.Background())); v != 0 {
						t.Errorf("a plain read beside it got version %d: this process has polled, and the test shows nothing", v)
					}
					if v := read(memo.Fresh(request)); v != 1 {
						t.Errorf("a Fresh read got version %d, want 1", v)
					}
					if v := read(request); v != 1 {
						t.Errorf("a plain read of the request got version %d after that, want 1 too", v)
					}
					if v, err := memo.Get[int](memo.Fresh(request), "a:k"); v != 1 || err != nil {
						t.Errorf("a Fresh Get got %d, %v", v, err)
					}
					if took := time.Since(begin); took > 0 {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

func TestFreshGetReplacesTheRequestsSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		request, end := reader.Begin(context.Background())
		defer end()
		f.db.do(t, request, "k")
		must(t, memo.Set(writer.With(context.Background()), "k", 7))
		for _, ctx := range []context.Context{memo.Fresh(request), request} {
			if v, err := memo.Get[int](ctx, "k"); v != 7 || err != nil {
				t.Errorf("Get: %d, %v; want what another process has set", v, err)
			}
		}
	})
}

// A Fresh read has loaded the old row; its request invalidates; it ends.
func TestInvalidateBesideAFreshReadOfTheSameRequest(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		request, end := open().Begin(context.Background())
		defer end()
		fn, begun, release := db.held("k")
		read := later(t, func() (int, error) { return memo.Do(memo.Fresh(request), "k", fn) })
		<-begun
		synctest.Wait()
		db.write("k")
		must(t, memo.Invalidate(request, "k"))
		close(release)
		if v := read(); v != 0 {
			t.Errorf("the Fresh read got version %d, want what it has loaded", v)
		}
		if v := db.do(t, request, "k"); v != 1 {
			t.Errorf("after its own Invalidate the request reads version %d, want 1", v)
		}
	})
}

// The load that a Fresh read finds under way was begun before the invalidation.
func TestFreshReadDoesNotJoinALoadThatIsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		ctx := reader.With(context.Background())
		for key, invalidate := range map[string]func() error{
			"k":      func() error { return writer.Invalidate(context.Background(), "k") },
			"tagged": func() error { return writer.InvalidateTags(context.Background(), "tag") },
		} {
			fn, begun, release := f.db.held(key)
			first := later(t, func() (int, error) { return memo.Do(ctx, key, fn, memo.Tags("tag")) })
			<-begun
			synctest.Wait()
			f.db.write(key)
			must(t, invalidate())
			read := later(t, func() (int, error) {
				return memo.Do(memo.Fresh(ctx), key, func(context.Context) (int, error) { return f.db.read(key), nil }, memo.Tags("tag"))
			})
			time.Sleep(time.Second)
			close(release)
			first()
			if v := read(); v != 1 {
				t.Errorf("%s: a Fresh read got version %d, want 1", key, v)
			}
		}
	})
}

func TestFreshReadWhereTheSharedTierDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]tiertest.Fault{"hangs": {Hang: true}, "refuses": {Err: errDown}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			c, store := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.OutageBound = cfg.StaleBound })
			request, end := c.Begin(context.Background())
			defer end()
			f.db.do(t, request, "k")
			f.db.write("k") // and whoever did that has told a log that cannot be read
			remove := store.Inject(fault)
			defer remove()
			time.Sleep(time.Millisecond)
			begin := time.Now()
			if v := f.db.do(t, memo.Fresh(request), "k"); v != 1 || time.Since(begin) > 200*time.Millisecond {
				t.Errorf("%s: a Fresh read got version %d after %v; want 1, after at most two ReadTimeouts", name, v, time.Since(begin))
			}
			if v := f.db.do(t, request, "k"); v != 1 {
				t.Errorf("%s: a plain read got version %d after that", name, v)
			}
			time.Sleep(time.Second)
			short, cancel := context.WithTimeout(memo.Fresh(request), 30*time.Millisecond)
			defer cancel()
			begin = time.Now()
			_, err := memo.Do(short, "k", func(context.Context) (int, error) { time.Sleep(time.Second); return 0, nil })
			if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 30*time.Millisecond {
				t.Errorf("%s: with a ctx of 30ms: %v after %v", name, err, took)
			}
			time.Sleep(2 * time.Second)
		})
	}
}

// The log is read in parts, and what the first of them says is not all there is.
func TestFreshReadWhereTheLogCannotBeReadToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, store := f.process(t, slowPoll)
		ctx := reader.With(context.Background())
		f.db.do(t, ctx, "k")
		for i := range 600 {
			must(t, writer.Invalidate(context.Background(), fmt.Sprint("other", i)))
		}
		f.db.write("k")
		must(t, writer.Invalidate(context.Background(), "k"))
		time.Sleep(time.Millisecond)
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":g:", Times: 2})()
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":g:", Err: errDown})()
		if v := f.db.do(t, memo.Fresh(ctx), "k"); v != 1 {
			t.Errorf("a Fresh read got version %d, want 1", v)
		}
	})
}

func TestFreshReadServesNothingPastItsTime(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		ctx, window := open().With(context.Background()), []memo.Option{memo.TTL(time.Second), memo.Stale(time.Hour), memo.StaleIfError(time.Hour)}
		db.do(t, ctx, "k", window...)
		time.Sleep(2 * time.Second)
		fails := func(context.Context) (int, error) { return 0, errDown }
		for range 2 { // the second within the pause after a failure
			if v, err := memo.Do(memo.Fresh(ctx), "k", fails, window...); !errors.Is(err, errDown) {
				t.Errorf("got %d, %v; want the error, and no old value in its place", v, err)
			}
		}
		if _, err := memo.Get[int](memo.Fresh(ctx), "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get: %v", err)
		}
		db.write("k")
		if v := db.do(t, memo.Fresh(ctx), "k", window...); v != 1 {
			t.Errorf("got version %d, want 1, and no old value while it is refreshed", v)
		}
	})
}

func TestFreshCostsOneRoundTripMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		request, end := c.Begin(context.Background())
		defer end()
		f.db.do(t, request, "k")
		before := store.Calls("")
		if f.db.do(t, memo.Fresh(request), "k"); store.Calls("") != before+1 || c.Snapshot().Total.L2 != 1 {
			t.Errorf("a Fresh read of what L2 has made %d calls, want 1: %+v", store.Calls("")-before, c.Snapshot().Total)
		}
		defer store.Inject(tiertest.Fault{Delay: 10 * time.Millisecond})()
		before = store.Calls("")
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { f.db.do(t, memo.Fresh(c.With(context.Background())), "k") })
		}
		all.Wait()
		if n := store.Calls("") - before; n > 2 {
			t.Errorf("100 Fresh reads at once made %d calls, want 2 at most: they share them", n)
		}
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestFreshWithoutASharedTierUsesL2(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	request, end := c.Begin(context.Background())
	defer end()
	db.do(t, request, "k")
	if db.do(t, memo.Fresh(request), "k"); db.queries("k") != 1 || c.Snapshot().Total.L2 != 1 {
		t.Errorf("%d loads: %+v, want one hit in L2", db.queries("k"), c.Snapshot().Total)
	}
	db.write("k")
	must(t, c.Invalidate(context.Background(), "k")) // by another request
	if v := db.do(t, request, "k"); v != 0 {
		t.Errorf("version %d, want the snapshot", v)
	}
	if v := db.do(t, memo.Fresh(request), "k"); v != 1 {
		t.Errorf("a Fresh read got version %d, want 1", v)
	}
}

// Nobody waits for a shared tier that is known to be away, and a Fresh read asks it
// nothing: only the poller does.
func TestG07_FreshReadInAnOutageWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := memo.Fresh(c.With(context.Background()))
		f.db.do(t, ctx, "k")
		repair := store.Inject(tiertest.Fault{Hang: true})
		time.Sleep(5 * time.Second)
		for range 3 {
			v := f.db.write("k")
			begin := time.Now()
			if got := f.db.do(t, ctx, "k"); got != v || time.Since(begin) > 0 {
				t.Errorf("a Fresh read got version %d after %v, want %d at once", got, time.Since(begin), v)
			}
		}
		repair()
		time.Sleep(3 * time.Second)
	})
}
