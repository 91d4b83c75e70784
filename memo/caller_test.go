package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

// A caller waits as long as its own ctx says, and a load belongs to all of its
// callers and to no request: the tests of G8.

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
