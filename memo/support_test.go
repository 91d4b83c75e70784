package memo_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

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

// do reads key through the cache of ctx.
func (d *database) do(tb testing.TB, ctx context.Context, key string) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, func(context.Context) (int, error) { return d.read(key), nil })
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// must fails the test on an error.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
