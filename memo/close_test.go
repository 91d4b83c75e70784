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

func TestClosedCache(t *testing.T) {
	t.Parallel()
	c, err := memo.New(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), Logger: quiet})
	must(t, err)
	db := newDatabase()
	request, end := c.Begin(context.Background())
	defer end()
	db.do(t, request, "k")
	must(t, c.Close(context.Background()))
	after, endAfter := c.Begin(context.Background())
	defer endAfter()
	for name, ctx := range map[string]context.Context{
		"a request that was open": request, "one that began later": after, "no request": c.With(context.Background()),
	} {
		db.write("k")
		for verb, err := range map[string]error{
			"Get":           verbs["Get"](ctx, "k"),
			"Set":           verbs["Set"](ctx, "k"),
			"Invalidate":    verbs["Invalidate"](ctx, "k"),
			"InvalidateAll": memo.InvalidateAll(ctx),
			"c.Invalidate":  c.Invalidate(context.Background(), "k"),
		} {
			if !errors.Is(err, memo.ErrClosed) {
				t.Errorf("%s, %s: %v, want ErrClosed", name, verb, err)
			}
		}
		before := db.queries("k")
		for range 2 {
			if v := db.do(t, ctx, "k"); v != db.versions["k"] {
				t.Errorf("%s: Do returned version %d, want %d", name, v, db.versions["k"])
			}
		}
		if n := db.queries("k") - before; n != 2 {
			t.Errorf("%s: two calls ran fn %d times, want 2", name, n)
		}
	}
	if s := c.Snapshot().Total; s.Bypass != 6 || s.Calls != 7 {
		t.Errorf("counted %d calls around the cache of %d, want 6 of 7", s.Bypass, s.Calls)
	}
	for range 2 {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("another Close: %v", err)
		}
	}
}

func TestCloseWaitsForLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := tiertest.NewMemory()
		c, err := memo.New(memo.Config{Prefix: "t", Shared: memory, Logger: quiet})
		must(t, err)
		ended := false
		done := make(chan error)
		go func() {
			_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
				time.Sleep(5 * time.Second)
				ended = true
				return 7, nil
			})
			done <- err
		}()
		synctest.Wait()
		begin := time.Now()
		go func() { done <- c.Close(context.Background()) }()
		for range 2 {
			if err := <-done; err != nil || !ended {
				t.Errorf("the load or Close ended after %v with %v, the load's own end: %t", time.Since(begin), err, ended)
			}
		}
		next := newCache(t, memo.Config{Prefix: "t", Shared: memory})
		if v, err := memo.Get[int](next.With(context.Background()), "k"); v != 7 || err != nil {
			t.Errorf("the next process gets %d, %v: what was loaded last is not in the shared tier", v, err)
		}
	})
}

func TestCloseWhoseContextEndsFirst(t *testing.T) {
	t.Parallel()
	const given = 100 * time.Millisecond // a call to a shared tier that hangs takes longer
	for _, test := range []struct {
		pending bool
		load    bool
		fault   tiertest.Fault
	}{
		{false, true, tiertest.Fault{}},
		{true, true, tiertest.Fault{Err: errDown}},
		{true, false, tiertest.Fault{Err: errDown}},
		{true, false, tiertest.Fault{Hang: true}},
	} {
		t.Run(fmt.Sprintf("pending %t, loading %t, hanging %t", test.pending, test.load, test.fault.Hang), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := tiertest.NewFaulty(tiertest.NewMemory())
				c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: quiet})
				must(t, err)
				ctx := c.With(context.Background())
				if test.pending {
					store.Inject(test.fault)
					if err := memo.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrDeferred) {
						t.Fatal(err)
					}
				}
				heard := make(chan error, 1)
				if test.load {
					go func() {
						_, _ = memo.Do(ctx, "loading", func(ctx context.Context) (int, error) {
							<-ctx.Done()
							heard <- context.Cause(ctx)
							return 0, ctx.Err()
						})
					}()
					synctest.Wait()
				}
				closing, cancel := context.WithTimeout(context.Background(), given)
				defer cancel()
				begin := time.Now()
				err = c.Close(closing)
				took := time.Since(begin)
				if test.load != errors.Is(err, context.DeadlineExceeded) || test.pending != errors.Is(err, memo.ErrDeferred) {
					t.Errorf("Close: %v, want ctx's error: %t, ErrDeferred: %t", err, test.load, test.pending)
				}
				if test.load && took != given || took > given {
					t.Errorf("Close took %v of the %v that it had", took, given)
				}
				if !test.load {
					return
				}
				if cause := <-heard; !errors.Is(cause, context.DeadlineExceeded) {
					t.Errorf("the load was cancelled with %v, want the cause of Close's ctx", cause)
				}
			})
		})
	}
}

func TestCloseThatCutsAPollShortDoesNotBlameTheSharedTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := tiertest.NewFaulty(tiertest.NewMemory()), &diary{}
		c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: log.logger()})
		must(t, err)
		synctest.Wait()
		store.Inject(tiertest.Fault{Hang: true})
		time.Sleep(150 * time.Millisecond) // a poll is under way
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close: %v, want nil: nothing was lost", err)
		}
		if text := log.String(); text != "" {
			t.Errorf("Close logged %s", text)
		}
	})
}

func TestCloseDeliversWhatIsPending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		reader, _ := f.process(t)
		f.db.do(t, reader.With(context.Background()), "k")
		own := tiertest.NewFaulty(f.store)
		c, err := memo.New(memo.Config{Prefix: "t", Shared: own, Logger: quiet, PollInterval: time.Hour, StaleBound: 2 * time.Hour})
		must(t, err)
		synctest.Wait()
		remove := own.Inject(tiertest.Fault{Err: errDown})
		f.db.write("k")
		if err := c.Invalidate(context.Background(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		remove()
		must(t, c.Close(context.Background()))
		time.Sleep(150 * time.Millisecond)
		if v := f.db.do(t, reader.With(context.Background()), "k"); v != 1 {
			t.Errorf("another process reads version %d, want 1", v)
		}
	})
}

// closing counts what is closed.
type closing struct {
	tier.Shared
	closed atomic.Int64
	err    error
}

func (c *closing) Close() error { c.closed.Add(1); return c.err }

type closingLocal struct {
	tier.Local
	closed atomic.Int64
}

func (c *closingLocal) Close() error { c.closed.Add(1); return nil }

func TestCloseClosesTheTiers(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	shared, local := &closing{Shared: tiertest.NewMemory(), err: broken}, &closingLocal{Local: lru.New(10)}
	c, err := memo.New(memo.Config{Prefix: "t", Shared: shared, Local: local, Logger: quiet})
	must(t, err)
	newDatabase().do(t, c.With(context.Background()), "k")
	if err := c.Close(context.Background()); !errors.Is(err, broken) {
		t.Errorf("Close: %v, want what the tier's Close returned", err)
	}
	must(t, c.Close(context.Background()))
	if shared.closed.Load() != 1 || local.closed.Load() != 1 {
		t.Errorf("the shared tier was closed %d times and the process tier %d times, want once each", shared.closed.Load(), local.closed.Load())
	}
}

// The bubble ends only when every goroutine has.
func TestCloseAmongCalls(t *testing.T) {
	t.Parallel()
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			c, err := memo.New(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), Logger: quiet})
			must(t, err)
			db := newDatabase()
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					ctx, end := c.Begin(context.Background())
					defer end()
					for j := range 20 {
						key := memo.Key("k", (i+j)%5)
						db.do(t, ctx, key)
						if err := memo.Invalidate(ctx, key); err != nil && !errors.Is(err, memo.ErrClosed) {
							t.Errorf("Invalidate: %v", err)
						}
					}
				})
			}
			for range 3 {
				wg.Go(func() { must(t, c.Close(context.Background())) })
			}
			wg.Wait()
		})
	}
}

// closer is a shared tier that fails when it is closed, as a client does.
type closer struct {
	tier.Shared
	store *tiertest.Faulty
}

func (c closer) Close() error { c.store.Inject(tiertest.Fault{Err: errDown}); return nil }

func TestCloseWaitsForInvalidations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		f.db.do(t, rctx, "k")
		own := tiertest.NewFaulty(f.store)
		c, err := memo.New(memo.Config{Prefix: "t", Shared: closer{own, own}, Logger: quiet})
		must(t, err)
		synctest.Wait()
		f.db.write("k")
		closed := make(chan error, 1)
		own.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				go func() { closed <- c.Close(context.Background()) }()
				synctest.Wait()
			}})
		ierr := c.Invalidate(context.Background(), "k")
		cerr := <-closed
		time.Sleep(5 * time.Second)
		if v := f.db.do(t, rctx, "k"); ierr != nil || cerr != nil || v != 1 {
			t.Fatalf("Invalidate: %v, Close: %v, others read version %d; want what was under way to be done first", ierr, cerr, v)
		}
	})
}
