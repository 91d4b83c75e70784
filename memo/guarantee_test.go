package memo_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
	"github.com/tiermemo/tiermemo/reqcache"
)

// The promises of docs/guarantees.md that one process can keep by itself. G5 and
// G7 are in outage_test.go, G6 in stale_test.go, G11 in limits_test.go, G12 in foreign_test.go.

// nothing is a process tier that keeps nothing: what a request must remember
// without it.
type nothing struct{}

func (nothing) Get(string) *tier.Entry                  { return nil }
func (nothing) Peek(string) *tier.Entry                 { return nil }
func (nothing) Set(string, *tier.Entry)                 {}
func (nothing) Delete(string)                           {}
func (nothing) Clear()                                  {}
func (nothing) Len() int                                { return 0 }
func (nothing) Cap() int                                { return 0 }
func (nothing) OnEvict(func(key string, e *tier.Entry)) {}

func TestG01_OneRequestRunsFnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{Local: nothing{}}), newDatabase()
		ctx, end := c.Begin(context.Background())
		defer end()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // some come while it runs, some after
				_, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
					time.Sleep(50 * time.Millisecond)
					return db.read("k"), nil
				})
				must(t, err)
			})
		}
		wg.Wait()
		if n := db.queries("k"); n != 1 {
			t.Fatalf("one request ran fn %d times, want 1", n)
		}
		must(t, memo.Invalidate(ctx, "k"))
		db.do(t, ctx, "k")
		db.do(t, ctx, "k")
		if n := db.queries("k"); n != 2 {
			t.Fatalf("after its own Invalidate the request ran fn %d times, want 2", n)
		}
	})
}

// 1. a goroutine of the request misses L1, and another one leads a load
// 2. another request invalidates the key: the load will not be kept in L2
// 3. the load ends, before the first goroutine gets to the flight
func TestG01_LoadThatIsNotKeptIsTheRequestsAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		ctx, end := c.Begin(context.Background())
		defer end()
		v, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
			v := db.read("k")
			db.write("k")
			must(t, c.Invalidate(context.Background(), "k"))
			return v, nil
		})
		must(t, err)
		if again := db.do(t, ctx, "k"); again != v || db.queries("k") != 1 {
			t.Fatalf("the request read version %d, then %d, with %d queries; want its snapshot, with 1", v, again, db.queries("k"))
		}
	})
}

func TestG02_OneLoadAtATimeInTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				ctx, end := c.Begin(context.Background())
				defer end()
				_, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
					time.Sleep(50 * time.Millisecond)
					return db.read("k"), nil
				})
				must(t, err)
			})
		}
		wg.Wait()
		if n := db.queries("k"); n != 1 {
			t.Fatalf("1000 requests made %d loads, want 1", n)
		}
		if s := c.Snapshot().Total; s.Loads != 1 || s.Joined != 999 || s.Calls != 1000 || s.Runs != 1 {
			t.Errorf("counted %+v, want 1 load and 999 who joined it", s)
		}
	})
}

func TestG03_OneLoadForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var caches []*memo.Cache
		for range 4 {
			c, _ := f.process(t)
			caches = append(caches, c)
		}
		for expiry := range 5 {
			var wg sync.WaitGroup
			for i := range 40 {
				wg.Go(func() {
					_, err := memo.Do(caches[i%4].With(context.Background()), "k", func(context.Context) (int, error) {
						time.Sleep(5 * time.Second) // longer than a lease that is not renewed
						return f.db.read("k"), nil
					}, memo.TTL(time.Minute))
					must(t, err)
				})
			}
			wg.Wait()
			if n := f.db.queries("k"); n != expiry+1 {
				t.Fatalf("4 processes made %d loads for %d expiries", n, expiry+1)
			}
			time.Sleep(time.Minute)
		}
	})
}

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

func TestG08_EveryCallerObeysItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		load := func(context.Context) (int, error) {
			time.Sleep(400 * time.Millisecond)
			return db.read("k"), nil
		}
		var wg sync.WaitGroup
		for i, patience := range []time.Duration{50 * time.Millisecond, 20 * time.Millisecond, time.Hour} { // the leader is the first
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithTimeout(c.With(context.Background()), patience)
				defer cancel()
				begin := time.Now()
				_, err := memo.Do(ctx, "k", load)
				if took := time.Since(begin); took > patience || patience < time.Second && took != patience {
					t.Errorf("a caller with %v of patience came back after %v", patience, took)
				}
				if impatient := patience < time.Second; impatient != errors.Is(err, context.DeadlineExceeded) || impatient != (err != nil) {
					t.Errorf("a caller with %v of patience got %v", patience, err)
				}
			})
		}
		wg.Wait()
		if n := db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1: who leaves harms nobody", n)
		}
	})
}

func TestG08_GoroutinesOfOneRequestObeyTheirOwnContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, db := newCache(t, memo.Config{}), newDatabase()
		request, end := c.Begin(context.Background())
		defer end()
		load := func(context.Context) (int, error) {
			time.Sleep(400 * time.Millisecond)
			return db.read("k"), nil
		}
		var wg sync.WaitGroup
		wg.Go(func() { // it leads, and leaves
			ctx, cancel := context.WithTimeout(request, 10*time.Millisecond)
			defer cancel()
			if _, err := memo.Do(ctx, "k", load); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the one who left got %v", err)
			}
		})
		for range 3 {
			wg.Go(func() {
				time.Sleep(time.Millisecond)
				if _, err := memo.Do(request, "k", load); err != nil {
					t.Errorf("one who stayed got %v", err)
				}
			})
		}
		wg.Wait()
		if n := db.queries("k"); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestG08_LoadIsCancelledWhenItsLastCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx, cancel := context.WithTimeout(c.With(context.Background()), 10*time.Millisecond)
		defer cancel()
		ended := make(chan time.Duration, 1)
		begin := time.Now()
		_, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			ended <- time.Since(begin)
			return 0, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if d := <-ended; d < 10*time.Millisecond || d > 1100*time.Millisecond {
			t.Errorf("the load's ctx ended after %v, want the grace of at most a second after the last caller", d)
		}
		v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 7, nil })
		if v != 7 || err != nil {
			t.Errorf("the next caller got %d, %v: it inherited the cancellation", v, err)
		}
	})
}

func TestG08_LoadBelongsToNoRequest(t *testing.T) {
	type key string
	outer := context.WithValue(context.Background(), key("user"), "alice")
	outer, cancel := context.WithTimeout(outer, time.Hour)
	defer cancel()
	for _, test := range []struct {
		name string
		pass func(context.Context) context.Context
		want any
	}{
		{"by default", nil, nil},
		{"LoadContext lets a value through", func(ctx context.Context) context.Context {
			return context.WithValue(context.Background(), key("user"), ctx.Value(key("user")))
		}, "alice"},
		{"LoadContext lets everything through", func(ctx context.Context) context.Context { return ctx }, "alice"},
		{"LoadContext returns nil", func(context.Context) context.Context { return nil }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCache(t, memo.Config{LoadContext: test.pass})
			request, end := c.Begin(outer)
			defer end()
			_, err := memo.Do(request, "k", func(ctx context.Context) (int, error) {
				if got := ctx.Value(key("user")); got != test.want {
					t.Errorf("the loader sees the user %v, want %v", got, test.want)
				}
				if d, ok := ctx.Deadline(); !ok || time.Until(d) > 31*time.Second {
					t.Errorf("the loader's deadline is in %v, want LoadTimeout's 30s", time.Until(d))
				}
				if reqcache.From(ctx) != nil {
					t.Error("the loader sees the request's memory")
				}
				if memo.From(ctx) != c {
					t.Error("the loader does not see its cache")
				}
				return 1, nil
			})
			must(t, err)
		})
	}
}

func TestG08_LoadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(context.Background())
		release := make(chan struct{})
		begin := time.Now()
		_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { // heeds no ctx
			<-release
			return 1, nil
		}, memo.LoadTimeout(2*time.Second))
		if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != 2*time.Second {
			t.Errorf("got %v after %v, want the LoadTimeout of 2s", err, took)
		}
		v, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return 2, nil })
		if v != 2 || err != nil {
			t.Errorf("the next caller got %d, %v", v, err)
		}
		close(release)
		synctest.Wait()
		v, err = memo.Do(ctx, "k", func(context.Context) (int, error) { return 3, nil })
		if v != 2 || err != nil {
			t.Errorf("then %d, %v: the late value replaced the good one", v, err)
		}
	})
}

func TestG09_Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // the first one leads
				var recovered any
				var err error
				func() {
					defer func() { recovered = recover() }()
					_, err = memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
						time.Sleep(time.Second)
						panic(http.ErrAbortHandler)
					})
				}()
				var p *memo.PanicError
				switch {
				case i == 0 && recovered != http.ErrAbortHandler:
					t.Errorf("the leader recovered %v, want the loader's own value", recovered)
				case i > 0 && (!errors.As(err, &p) || len(p.Stack) == 0 || !errors.Is(err, http.ErrAbortHandler)):
					t.Errorf("a waiter got %v, want a *PanicError with the loader's stack", err)
				}
			})
		}
		wg.Wait()
		begin := time.Now()
		if f.db.do(t, c.With(context.Background()), "k"); time.Since(begin) > 100*time.Millisecond {
			t.Errorf("the next load waited %v: the panic kept the lease", time.Since(begin))
		}
	})
}

func TestG09_Goexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
			runtime.Goexit()
			return 1, nil
		})
		var p *memo.PanicError
		if !errors.As(err, &p) || p.Value != nil {
			t.Fatalf("got %v, want a *PanicError without a value", err)
		}
		v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 2, nil })
		if v != 2 || err != nil {
			t.Fatalf("the next caller got %d, %v", v, err)
		}
	})
}

func TestG10_ErrorsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t)
		ctx, end := c.Begin(context.Background())
		defer end()
		runs, broken := 0, errors.New("db down")
		for range 2 {
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { runs++; return 7, broken })
			if !errors.Is(err, broken) {
				t.Fatal(err)
			}
		}
		if runs != 2 {
			t.Errorf("fn ran %d times for two failing calls, want 2", runs)
		}
		if v := f.db.do(t, ctx, "k"); v != 0 || f.db.queries("k") != 1 {
			t.Errorf("then version %d with %d queries", v, f.db.queries("k"))
		}
	})
}

func TestG10_NilZeroAndEmptyAreValues(t *testing.T) {
	type row struct{ N int }
	synctest.Test(t, func(t *testing.T) {
		keepsValue(t, "zero", 0, func(v int) bool { return v == 0 })
		keepsValue(t, "empty string", "", func(v string) bool { return v == "" })
		keepsValue(t, "false", false, func(v bool) bool { return !v })
		keepsValue(t, "nil pointer", (*row)(nil), func(v *row) bool { return v == nil })
		keepsValue(t, "nil slice", []int(nil), func(v []int) bool { return v == nil })
		keepsValue(t, "empty slice", []int{}, func(v []int) bool { return v != nil && len(v) == 0 })
		keepsValue(t, "nil bytes", []byte(nil), func(v []byte) bool { return v == nil })
		keepsValue(t, "empty bytes", []byte{}, func(v []byte) bool { return v != nil && len(v) == 0 })
		keepsValue(t, "nil map", map[string]int(nil), func(v map[string]int) bool { return v == nil })
		keepsValue(t, "zero struct", row{}, func(v row) bool { return v == row{} })
		keepsValue(t, "star", "*", func(v string) bool { return v == "*" })
	})
}

// keepsValue loads v once, and finds it in each tier.
func keepsValue[T any](t *testing.T, name string, v T, same func(T) bool) {
	t.Helper()
	f := newFleet()
	a, _ := f.process(t)
	b, _ := f.process(t)
	runs := 0
	for _, c := range []*memo.Cache{a, a, b, b} {
		ctx, end := c.Begin(context.Background())
		for range 2 {
			got, err := memo.Do(ctx, "k", func(context.Context) (T, error) { runs++; return v, nil })
			if err != nil || !same(got) {
				t.Errorf("%s: got %#v, %v", name, got, err)
			}
		}
		end()
	}
	if runs != 1 {
		t.Errorf("%s: fn ran %d times, want 1", name, runs)
	}
	if l3 := b.Snapshot().Total.L3; l3 != 1 {
		t.Errorf("%s: %d hits in the shared tier, want 1", name, l3)
	}
}

func TestG10_NilInterfaceIsAValue(t *testing.T) {
	c := newCache(t, memo.Config{})
	ctx, end := c.Begin(context.Background())
	defer end()
	runs := 0
	for range 3 {
		v, err := memo.Do(ctx, "k", func(context.Context) (error, error) { runs++; return nil, nil })
		if v != nil || err != nil {
			t.Fatal(v, err)
		}
	}
	if runs != 1 {
		t.Errorf("fn ran %d times, want 1", runs)
	}
}
