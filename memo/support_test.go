package memo_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// newCache returns a cache that ends with the test. In a bubble it must have
// been made there.
func newCache(tb testing.TB, cfg memo.Config, opts ...memo.Option) *memo.Cache {
	tb.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	c, err := memo.New(cfg, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// database is what loaders read: a version for each key, and how often it was
// asked.
type database struct {
	mu       sync.Mutex
	versions map[string]int
	reads    map[string]int
}

func newDatabase() *database { return &database{versions: map[string]int{}, reads: map[string]int{}} }

// read is a query; the version of a key that was never written is 0.
func (d *database) read(key string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads[key]++
	return d.versions[key]
}

// write commits the next version of key.
func (d *database) write(key string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.versions[key]++
	return d.versions[key]
}

func (d *database) queries(key string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reads[key]
}

// do reads key through the cache of ctx; what has to be loaded is stored as opts say.
func (d *database) do(tb testing.TB, ctx context.Context, key string, opts ...memo.Option) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, func(context.Context) (int, error) { return d.read(key), nil }, opts...)
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// tagged reads key as an entry with tags.
func (d *database) tagged(tb testing.TB, ctx context.Context, key string, tags ...string) int {
	tb.Helper()
	return d.do(tb, ctx, key, memo.Tags(tags...))
}

// amended is tagged for tags that only the loader knows.
func (d *database) amended(tb testing.TB, ctx context.Context, key string, tags ...string) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, func(ctx context.Context) (int, error) {
		memo.Amend(ctx, memo.Tags(tags...))
		return d.read(key), nil
	})
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// refresh loads key anew through the cache of ctx.
func (d *database) refresh(ctx context.Context, key string, opts ...memo.Option) (int, error) {
	return memo.Refresh(ctx, key, func(context.Context) (int, error) { return d.read(key), nil }, opts...)
}

// slow is a query that takes took.
func (d *database) slow(key string, took time.Duration) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		v := d.read(key)
		time.Sleep(took)
		return v, nil
	}
}

// held is a loader of key that has read the database and waits: begun is closed when
// it has, and it ends when release is closed.
func (d *database) held(key string) (fn func(context.Context) (int, error), begun, release chan struct{}) {
	begun, release = make(chan struct{}), make(chan struct{})
	return func(context.Context) (int, error) {
		v := d.read(key)
		close(begun)
		<-release
		return v, nil
	}, begun, release
}

// must fails the test on an error.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// hit fails unless a call that found a value found want.
func hit[T comparable](tb testing.TB, want T) func(got T, err error) {
	return func(got T, err error) {
		if got != want || err != nil {
			tb.Fatalf("got %v, %v, want %v", got, err, want)
		}
	}
}

// later is what a call on a goroutine of its own returns.
func later(t *testing.T, call func() (int, error)) (wait func() int) {
	out := make(chan int, 1)
	go func() {
		v, err := call()
		if err != nil {
			t.Error(err)
		}
		out <- v
	}()
	return func() int { return <-out }
}
