// Package memotest is for the tests of applications that use package memo. New
// returns a cache as in production, with a fake memcached behind it: the test
// sees how often each key was loaded, starts a second process on the same
// server, and stops the server to see what the application does without it.
// RoundTrip says whether a value would come back from the shared tier as it
// was.
//
// Everything works in a bubble of testing/synctest, where the polls, TTLs and
// timeouts of a cache take no real time; call New inside of the bubble then.
package memotest

// This file is one process of the fake fleet: the cache of a test, from New to
// the end of the test.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/loads"
	"github.com/tiermemo/tiermemo/memo"
)

// patience bounds what a test waits for. It only passes where something hangs.
const patience = 10 * time.Second

// Cache is a *memo.Cache of one process, and what a test wants to know of it.
// All methods are safe for concurrent use. Process and CatchUp may end the test,
// so they belong on its own goroutine.
type Cache struct {
	*memo.Cache

	// Server is the shared tier, the same for all processes of this fleet.
	Server *Server

	t     testing.TB
	cfg   memo.Config
	opts  []memo.Option
	mu    sync.Mutex // guards loads
	loads map[string]int
}

// New returns a cache on a fake server of its own. It is closed when the test
// ends, which fails the test if a loader is still running 10 seconds later. What
// the cache logs is a part of the test's output. The options are the defaults of
// the cache, as with memo.New.
func New(t testing.TB, opts ...memo.Option) *Cache {
	t.Helper()
	return NewFromConfig(t, memo.Config{}, opts...)
}

// NewFromConfig is New with a Config: the application's own, for example. Its
// Shared must be nil, since memotest brings its own; a Prefix, a Name and a
// Logger are given to it if it has none.
func NewFromConfig(t testing.TB, cfg memo.Config, opts ...memo.Option) *Cache {
	t.Helper()
	if cfg.Shared != nil {
		t.Fatalf("memotest: Config.Shared is set, and memotest brings a server of its own: leave it nil")
	}
	cfg.Prefix = cmp.Or(cfg.Prefix, "memotest")
	cfg.Name = cmp.Or(cfg.Name, "memotest")
	return start(t, newServer(t, cfg.Prefix), cfg, opts)
}

// Process returns another process of the same fleet: a cache with memory of its
// own, on the same server and with the same Config and options. It knows nothing
// of what the first one has in memory, and hears of its invalidations as a
// process does: by a poll. See CatchUp.
func (c *Cache) Process() *Cache {
	c.t.Helper()
	if c.cfg.Local != nil {
		c.t.Fatalf("memotest: Config.Local is the memory of one process, and a second one cannot share it: leave it nil")
	}
	return start(c.t, c.Server, c.cfg, c.opts)
}

func start(t testing.TB, server *Server, cfg memo.Config, opts []memo.Option) *Cache {
	t.Helper()
	c := &Cache{Server: server, t: t, cfg: cfg, opts: opts, loads: map[string]int{}}
	cfg.Shared = server.faulty
	cfg.LoadContext = c.listen
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	cache, err := memo.New(cfg, opts...)
	if err != nil {
		t.Fatalf("memotest: %v", err)
	}
	c.Cache = cache
	t.Cleanup(c.end)
	return c
}

// listen is Config.LoadContext: the application's own, and below it this test's
// ear.
func (c *Cache) listen(ctx context.Context) context.Context {
	base := context.Background()
	if own := c.cfg.LoadContext; own != nil {
		if passed := own(ctx); passed != nil {
			base = passed
		}
	}
	return loads.Listen(base, c.hear)
}

func (c *Cache) hear(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads[key]++
}

// end closes the cache. Invalidations that wait for a server which the test has
// stopped are no failure of the test.
func (c *Cache) end() {
	ctx, cancel := context.WithCancelCause(context.Background()) // not a deadline: Close would wait that long for a server which is stopped
	defer time.AfterFunc(patience, func() { cancel(context.DeadlineExceeded) }).Stop()
	defer cancel(nil)
	err := c.Close(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		c.t.Errorf("memotest: a loader was still running %v after the end of the test: %s", patience, c.told())
	case err != nil && !errors.Is(err, memo.ErrDeferred):
		c.t.Errorf("memotest: closing the cache: %v", err)
	}
}

// Loads returns how often this process has run a loader of key, failures and
// background runs included, and of all tenants where memo.Vary parts them. A load that is
// running counts.
func (c *Cache) Loads(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads[key]
}

// WantLoads fails the test unless this process has run a loader of key exactly n
// times, and says what it has loaded.
func (c *Cache) WantLoads(key string, n int) {
	c.t.Helper()
	if got := c.Loads(key); got != n {
		c.t.Errorf("memotest: %s was loaded %d times, want %d; loaded were: %s", key, got, n, c.told())
	}
}

// told is all that was loaded, for a failure: a key that is not the one the
// application uses is the usual reason.
func (c *Cache) told() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.loads) == 0 {
		return "nothing"
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(c.loads)) {
		all = append(all, fmt.Sprintf("%s %d×", key, c.loads[key]))
	}
	return strings.Join(all, ", ")
}

// CatchUp waits until this process has heard of every invalidation that others
// had made before the call: it takes a poll, Config.PollInterval at most. After
// the server was stopped and started again, CatchUp also waits until reads use
// it. It fails the test if that takes 10 seconds, which it does while the server
// is stopped.
func (c *Cache) CatchUp() {
	c.t.Helper()
	begin := time.Now()
	for {
		s := c.Snapshot()
		if node := s.Nodes[0]; node.Up && node.Lag < s.At.Sub(begin) { // the last complete poll began after begin
			return
		}
		if time.Since(begin) > patience {
			c.t.Fatalf("memotest: no poll reached the server within %v; stopped: %t", patience, c.Server.Stopped())
		}
		time.Sleep(time.Millisecond)
	}
}
