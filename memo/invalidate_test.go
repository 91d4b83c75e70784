package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// When Invalidate has returned nobody in this process reads what was before it,
// even if it was only queued (G4), and the others do not after a poll (G5).

func TestG04_AfterInvalidateThisProcessSeesNothingOlder(t *testing.T) {
	down := errors.New("no route to host")
	for _, test := range []struct {
		name  string
		fault *tiertest.Fault // of the shared tier during the Invalidate
		want  error
	}{
		{"invalidated", nil, nil},
		{"deferred", &tiertest.Fault{Err: down}, memo.ErrDeferred},
		{"deferred after the number was drawn", &tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: down}, memo.ErrDeferred},
		{"deferred by a server that is there and refuses", &tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Err: tier.ErrRefused}, memo.ErrDeferred},
		{"deferred after a delete that hung", &tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Hang: true}, memo.ErrDeferred},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, store := f.process(t, slowPoll)
				before, endBefore := c.Begin(context.Background())
				defer endBefore()
				fresh, endFresh := c.Begin(context.Background())
				defer endFresh()
				writer, endWriter := c.Begin(context.Background())
				defer endWriter()
				f.db.do(t, before, "k")
				f.db.do(t, writer, "k")

				f.db.write("k")
				if test.fault != nil {
					defer store.Inject(*test.fault)()
				}
				err := memo.Invalidate(writer, "k")
				if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Fatalf("Invalidate: %v, want %v", err, test.want)
				}
				after, endAfter := c.Begin(context.Background())
				defer endAfter()
				for _, reader := range []struct {
					who  string
					ctx  context.Context
					want int
				}{
					{"the request that invalidated", writer, 1},
					{"a request that began afterwards", after, 1},
					{"a request that was open and had not read the key", fresh, 1},
					{"a request that was open and had read it", before, 0},
					{"a call without a request", c.With(context.Background()), 1},
				} {
					if v := f.db.do(t, reader.ctx, "k"); v != reader.want {
						t.Errorf("%s read version %d, want %d", reader.who, v, reader.want)
					}
				}
			})
		})
	}
}

func TestG04_InvalidateAllForgetsEverythingHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		for _, fault := range []tiertest.Fault{{Match: "no such key"}, {Err: errors.New("down")}} {
			remove := store.Inject(fault)
			ctx, end := c.Begin(context.Background())
			f.db.do(t, ctx, "k")
			want := f.db.write("k")
			if err := memo.InvalidateAll(ctx); err != nil && !errors.Is(err, memo.ErrDeferred) {
				t.Fatal(err)
			}
			if v := f.db.do(t, ctx, "k"); v != want {
				t.Errorf("the request read version %d, want %d", v, want)
			}
			if v := f.db.do(t, c.With(context.Background()), "k"); v != want {
				t.Errorf("the process read version %d, want %d", v, want)
			}
			end()
			remove()
		}
	})
}

func TestInvalidateUnderACancelledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		f.db.do(t, a.With(context.Background()), "k")
		f.db.do(t, b.With(context.Background()), "k")
		ctx, cancel := context.WithCancel(a.With(context.Background()))
		cancel()
		f.db.write("k")
		if err := memo.Invalidate(ctx, "k"); err != nil {
			t.Fatalf("Invalidate under a cancelled ctx: %v, want it to be applied and delivered", err)
		}
		if v := f.db.do(t, a.With(context.Background()), "k"); v != 1 {
			t.Errorf("this process has version %d, want 1", v)
		}
		time.Sleep(150 * time.Millisecond)
		if v := f.db.do(t, b.With(context.Background()), "k"); v != 1 {
			t.Errorf("the other process has version %d after a poll, want 1", v)
		}
	})
}

func TestG05_OtherProcessesSeeItAfterAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		for range 20 {
			f.db.do(t, actx, "k")
			f.db.do(t, bctx, "k")
			want := f.db.write("k")
			must(t, memo.Invalidate(actx, "k"))
			time.Sleep(101 * time.Millisecond)
			if v := f.db.do(t, bctx, "k"); v != want {
				t.Fatalf("one poll later the other process has version %d, want %d", v, want)
			}
		}
		if n := f.db.queries("k"); n != 21 {
			t.Errorf("%d loads for 20 invalidations, want 21: an invalidation is one load for the fleet", n)
		}
	})
}

// InvalidateAll writes no record: the others see that the epoch is another one.
func TestG05_InvalidateAllReachesTheOthersAfterAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		bctx := b.With(context.Background())
		for range 5 {
			f.db.do(t, bctx, "k")
			want := f.db.write("k")
			must(t, a.InvalidateAll(context.Background()))
			time.Sleep(101 * time.Millisecond)
			if v := f.db.do(t, bctx, "k"); v != want {
				t.Fatalf("one poll later the other process has version %d, want %d", v, want)
			}
		}
	})
}

// 1. a load reads the old value, and goes on
// 2. the key is invalidated
// 3. the next one asks, and finds the load under way
func TestG04_WhoAsksAfterAnInvalidationJoinsNoOlderLoad(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		db, ctx := newDatabase(), c.With(context.Background())
		loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(ctx, "k", func(context.Context) (int, error) {
				v := db.read("k")
				close(loaded)
				<-release
				return v, nil
			})
		}()
		<-loaded
		db.write("k")
		must(t, memo.Invalidate(ctx, "k"))
		later := make(chan int, 1)
		go func() { later <- db.do(t, ctx, "k") }()
		synctest.Wait()
		close(release)
		<-done
		if v := <-later; v != 1 {
			t.Errorf("who asked after the Invalidate got version %d, want 1: it joined a load from before", v)
		}
	})
}
