package features_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// One test, or more, for each row of docs/features.md, named by it. Here is what they
// share: caches, the database that their loaders read, and what a test says when a
// value is not the one it should be. Other processes are in process_test.go.

func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		serve(os.Stdin, os.Stdout)
		return
	}
	goleak.VerifyTestMain(m)
}

var (
	quiet      = slog.New(slog.DiscardHandler)
	background = context.Background()
)

// newCache returns a cache that ends with the test. In a bubble it must have been made
// there, and its Shared too.
func newCache(tb testing.TB, cfg memo.Config, opts ...memo.Option) *memo.Cache {
	tb.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	if cfg.Shared != nil && cfg.Prefix == "" {
		cfg.Prefix = "t"
	}
	c, err := memo.New(cfg, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(background); err != nil {
			tb.Errorf("closing: %v", err)
		}
	})
	return c
}

// bound is newCache and a ctx with it, without a request: reads use L2 and L3.
func bound(tb testing.TB, cfg memo.Config, opts ...memo.Option) (*memo.Cache, context.Context) {
	tb.Helper()
	c := newCache(tb, cfg, opts...)
	return c, c.With(background)
}

// two are two caches on one shared tier in memory, as two processes of a fleet are on
// one memcached; the processes that are really two are in process_test.go.
func two(tb testing.TB, opts ...memo.Option) (store *tiertest.Memory, a, b context.Context) {
	tb.Helper()
	store = tiertest.NewMemory()
	_, a = bound(tb, memo.Config{Shared: store}, opts...)
	_, b = bound(tb, memo.Config{Shared: store}, opts...)
	return store, a, b
}

// seldom is a Config on store whose processes poll seldom, for tests that let hours pass.
func seldom(store tier.Shared) memo.Config {
	return memo.Config{Shared: store, PollInterval: time.Minute, StaleBound: 5 * time.Minute}
}

// Real memcached, in real time: a busy machine must not be taken for a server that is
// away, so that the budgets are out of reach. But a process that meets a log under way
// trusts it after twice the WriteTimeout, and that is waited for.
const (
	patience  = time.Minute
	writeTime = 2 * time.Second
)

// on is a Config for a cache of prefix "t" on a real server.
func on(tb testing.TB, s *mcserver.Server) memo.Config {
	tb.Helper()
	return memo.Config{Prefix: "t", Shared: dial(tb, s.Addr()), StaleBound: patience, ReadTimeout: patience, WriteTimeout: writeTime}
}

func dial(tb testing.TB, addr string) tier.Shared {
	tb.Helper()
	c, err := memcached.NewFromConfig(memcached.Config{Servers: []string{addr}, Timeout: patience})
	must(tb, err)
	return c
}

// catchUp waits until c has heard of what others had invalidated before the call.
func catchUp(tb testing.TB, c *memo.Cache) {
	tb.Helper()
	for begin := time.Now(); !heard(c, begin); {
		if time.Since(begin) > patience {
			tb.Fatalf("no poll reached the server: %+v", c.Snapshot().Nodes)
		}
		<-time.After(time.Millisecond)
	}
}

func heard(c *memo.Cache, since time.Time) bool {
	s := c.Snapshot()
	for _, node := range s.Nodes {
		if !node.Up || node.Lag >= s.At.Sub(since) { // the last complete poll began before since
			return false
		}
	}
	return true
}

// rows is the database: a folder, so that several processes read the same. A row that
// was never written is "". Each read is counted, whoever reads.
type rows struct{ dir string }

func newRows(tb testing.TB) rows { return rows{tb.TempDir()} }

func (r rows) file(kind, key string) string {
	return filepath.Join(r.dir, kind+url.PathEscape(key))
}

// read is the query that a loader makes.
func (r rows) read(key string) (string, error) {
	f, err := os.OpenFile(r.file("n", key), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(".")
	if err := f.Close(); err != nil {
		return "", err
	}
	if err != nil {
		return "", err
	}
	row, err := os.ReadFile(r.file("r", key))
	if os.IsNotExist(err) {
		return "", nil
	}
	return string(row), err
}

// write commits a row.
func (r rows) write(tb testing.TB, key, row string) {
	tb.Helper()
	must(tb, os.WriteFile(r.file("w", key), []byte(row), 0o600))
	must(tb, os.Rename(r.file("w", key), r.file("r", key)))
}

// reads is how often key was read, by all processes.
func (r rows) reads(tb testing.TB, key string) int {
	tb.Helper()
	n, err := os.ReadFile(r.file("n", key))
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	return len(n)
}

// loader reads key in a load of memo.
func (r rows) loader(key string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return r.read(key) }
}

// do reads key through the cache of ctx.
func (r rows) do(tb testing.TB, ctx context.Context, key string, opts ...memo.Option) string {
	tb.Helper()
	v, err := memo.Do(ctx, key, r.loader(key), opts...)
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// counter is a loader in one process: what it returns, and how often it ran.
type counter struct {
	mu  sync.Mutex
	ran map[string]int
}

// run notes a run of key and returns which one it is, from 1.
func (c *counter) run(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ran == nil {
		c.ran = map[string]int{}
	}
	c.ran[key]++
	return c.ran[key]
}

func (c *counter) runs(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ran[key]
}

// fn is a loader of key: its value is which run it was.
func (c *counter) fn(key string) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return c.run(key), nil }
}

// do reads key: the value is the run of the loader that it is from.
func (c *counter) do(tb testing.TB, ctx context.Context, key string, opts ...memo.Option) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, c.fn(key), opts...)
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// gate holds a loader between what it has read and its return.
type gate struct{ begun, release chan struct{} }

func newGate() gate { return gate{make(chan struct{}), make(chan struct{})} }

// pass is called by the loader.
func (g gate) pass() {
	close(g.begun)
	<-g.release
}

// later runs call on a goroutine of its own.
func later[T any](tb testing.TB, call func() (T, error)) (wait func() T) {
	out := make(chan T, 1)
	go func() {
		v, err := call()
		if err != nil {
			tb.Error(err)
		}
		out <- v
	}()
	return func() T { return <-out }
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// same fails unless got is want; what says what it is.
func same[T comparable](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: %v, want %v", what, got, want)
	}
}

// journal is a slog.Handler that keeps the records, for rows about what is logged.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Write implements io.Writer: one record a call.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, strings.TrimSpace(string(line)))
	return len(line), nil
}

// with are the records that contain all of parts.
func (j *journal) with(parts ...string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
next:
	for _, line := range j.lines {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return fmt.Sprint(strings.Join(j.lines, "\n"))
}
