package memo_test

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
)

// The load of a refresh: nobody waits for it, and so nobody is there to see it panic, or
// to lend it a ctx.

func TestPanicInARefreshIsToldToTheLog(t *testing.T) {
	for name, ends := range map[string]func(){
		"a panic": func() { panic(canary) },
		"Goexit":  runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			log := &diary{}
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, _ := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
				ctx, runs := c.With(context.Background()), 0
				get := func(end func()) (string, error) {
					return memo.Do(ctx, canary, func(context.Context) (string, error) {
						runs++
						end()
						return canary, nil
					}, memo.TTL(ttl), memo.Stale(ttl))
				}
				hit(t, canary)(get(func() {}))
				time.Sleep(over)
				for range 50 { // within a second: one refresh
					hit(t, canary)(get(ends))
					time.Sleep(10 * time.Millisecond)
				}
				if s := c.Snapshot().Total; s.RunPanics != 1 || s.Runs != 2 || s.Stale != 50 || s.Errors != 0 {
					t.Errorf("%d panics in %d runs, %d stale answers, %d errors, want 1, 2, 50, 0", s.RunPanics, s.Runs, s.Stale, s.Errors)
				}
				time.Sleep(time.Second)
				hit(t, canary)(get(func() {}))
				synctest.Wait()
				time.Sleep(10 * time.Millisecond)
				hit(t, canary)(get(ends))
				if runs != 3 {
					t.Errorf("%d runs, want a third one that succeeds", runs)
				}
			})
			said := log.String()
			if strings.Count(said, "a loader panicked in a refresh") != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "at=refreshload_test.go:") || strings.Contains(said, canary) {
				t.Errorf("the log says\n%s\nwant one line that says where, and no key and no value", said)
			}
		})
	}
}

func TestCloseWaitsForARefresh(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := memo.Config{Logger: quiet}
			if shared {
				cfg.Prefix, cfg.Shared = "t", newFleet().store
			}
			c, err := memo.New(cfg)
			must(t, err)
			ctx, o := c.With(context.Background()), &origin{takes: 3 * time.Second}
			_, err = o.get(ctx)
			must(t, err)
			time.Sleep(over)
			o.gives(t, ctx, 1)
			time.Sleep(time.Second)
			begin := time.Now()
			must(t, c.Close(context.Background()))
			if took := time.Since(begin); took != 2*time.Second || len(o.answered) != 2 {
				t.Errorf("Close returned after %v, and %d of 2 loads", took, len(o.answered))
			}
		})
	}
}

// A Close that has no time ends the refresh.
func TestCloseEndsARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := memo.New(memo.Config{Logger: quiet})
		must(t, err)
		ctx, ended := c.With(context.Background()), false
		get := func(fn func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "k", fn, memo.TTL(ttl), memo.Stale(ttl))
		}
		hit(t, 1<<30)(get(loadNumber))
		time.Sleep(over)
		hit(t, 1<<30)(get(func(ctx context.Context) (int, error) {
			<-ctx.Done()
			ended = true
			return 0, ctx.Err()
		}))
		synctest.Wait()
		limited, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := c.Close(limited); err == nil {
			t.Error("Close cut a load short, and says nothing of it")
		}
		synctest.Wait()
		if !ended {
			t.Error("the ctx of the refresh has not ended")
		}
	})
}

// Of its reader a refresh has what LoadContext lets through, and neither the deadline nor
// the end.
func TestRefreshHasTheValuesOfLoadContext(t *testing.T) {
	type trace struct{}
	type secret struct{}
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{LoadContext: func(ctx context.Context) context.Context {
			return context.WithValue(context.Background(), trace{}, ctx.Value(trace{}))
		}})
		hit(t, 1<<30)(memo.Do(c.With(context.Background()), "k", loadNumber, memo.TTL(ttl), memo.Stale(ttl)))
		time.Sleep(over)
		ctx, cancel := context.WithTimeout(context.WithValue(context.WithValue(context.Background(), trace{}, "span"), secret{}, "token"), time.Second)
		request, end := c.Begin(ctx)
		hit(t, 1<<30)(memo.Do(request, "k", func(ctx context.Context) (int, error) {
			time.Sleep(2 * time.Second)
			deadline, _ := ctx.Deadline()
			if ctx.Value(trace{}) != "span" || ctx.Value(secret{}) != nil || ctx.Err() != nil || !deadline.IsZero() && time.Until(deadline) < 20*time.Second {
				t.Errorf("the refresh has the trace %v, the secret %v, the end %v, and the deadline %v", ctx.Value(trace{}), ctx.Value(secret{}), ctx.Err(), deadline)
			}
			return 7, nil
		}, memo.TTL(ttl)))
		end()
		cancel()
		time.Sleep(3 * time.Second)
		hit(t, 7)(memo.Do(c.With(context.Background()), "k", loadNumber))
	})
}

// The reader goes; its refresh runs on, and must not keep the request in memory.
func TestRefreshHoldsNothingOfTheRequest(t *testing.T) {
	c := newCache(t, memo.Config{})
	hit(t, 1<<30)(memo.Do(c.With(context.Background()), "k", loadNumber, memo.TTL(1), memo.Stale(time.Hour)))
	over, began, freed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	slow := func(context.Context) (int, error) {
		close(began)
		<-over
		return 7, nil
	}
	func() {
		body := new([1 << 20]byte)
		runtime.AddCleanup(body, func(int) { close(freed) }, 0)
		type key struct{}
		request, end := c.Begin(context.WithValue(context.Background(), key{}, body))
		defer end()
		_, err := memo.Do(request, "body", func(context.Context) (*[1 << 20]byte, error) { return body, nil }, memo.TTL(1))
		must(t, err)
		must(t, c.Invalidate(context.Background(), "body"))
		for begun := false; !begun; { // a TTL of 1 ns ends with the next tick of the clock
			hit(t, 1<<30)(memo.Do(c.With(request), "k", slow))
			select {
			case <-began:
				begun = true
			default:
				runtime.Gosched()
			}
		}
	}()
	for gone := false; !gone; {
		runtime.GC()
		select {
		case <-freed:
			gone = true
		default:
			runtime.Gosched()
		}
	}
	close(over)
}

// On a real server: the lock, its name, and the swap.
func TestOneRefreshForTheFleetOnMemcached(t *testing.T) {
	t.Parallel()
	server, o := mcserver.ForTest(t), &origin{}
	caches := make([]*memo.Cache, 3)
	for i := range caches {
		caches[i] = newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)}))
	}
	for version := 1; version <= 5; version++ {
		var all sync.WaitGroup
		for _, ctx := range readers(caches...) {
			all.Go(func() {
				for v := 0; v < version; runtime.Gosched() {
					var err error
					if v, err = o.get(ctx, memo.Stale(time.Hour)); err != nil || v < version-1 || v > version {
						t.Errorf("%d, %v, want version %d or the one before", v, err, version)
						return
					}
				}
			})
		}
		all.Wait()
		o.ran(t, version)
		must(t, caches[version%3].Expire(context.Background(), "k"))
	}
}
