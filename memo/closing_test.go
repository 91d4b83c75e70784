package memo_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Close at bad moments, and what is left after it: nothing. What it delivers and
// what it reports is in close_test.go.

// 1. main has `defer c.Close(ctx)`, and a signal handler calls Close as well
// 2. the first one delivers what is pending, the second one returns at once
// 3. main ends, and the invalidations with it
func TestCloseWaitsForTheCloseThatIsAtWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := memo.New(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), Logger: quiet})
		must(t, err)
		go func() {
			_, _ = memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { time.Sleep(5 * time.Second); return 7, nil })
		}()
		synctest.Wait()
		begin := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := c.Close(context.Background()); err != nil || time.Since(begin) != 5*time.Second {
					t.Errorf("Close: %v after %v, want nil when the load has ended", err, time.Since(begin))
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("another one that has a second: %v after %v, want its ctx's error", err, time.Since(begin))
		}
		wg.Wait()
		for range 50 {
			if err := c.Close(ctx); err != nil {
				t.Fatalf("Close of a closed cache: %v, whatever its ctx", err)
			}
		}
	})
}

func TestCloseInALoaderIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{Prefix: "t", Shared: tiertest.NewMemory()})
		db := newDatabase()
		ctx := c.With(context.Background())
		_, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
			inner, end := c.Begin(context.WithoutCancel(ctx))
			defer end()
			mistake(t, c.Close(inner), "Close", "a loader closes its own cache", "close it where the program ends")
			other, err := memo.New(memo.Config{Logger: quiet})
			must(t, err)
			must(t, other.Close(ctx)) // another one it may
			return 7, nil
		})
		must(t, err)
		var none context.Context
		mistake(t, c.Close(none), "Close", "ctx is nil")
		if db.do(t, ctx, "open"); db.do(t, ctx, "open") != 0 || db.queries("open") != 1 {
			t.Error("a Close that was refused has closed the cache")
		}
	})
}

func TestCloseDuringTheFirstPoll(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]tiertest.Fault{"hangs": {Hang: true}, "is slow": {Delay: 10 * time.Millisecond}, "fails": {Err: errDown}, "is well": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 20 { // the poller's tick and its end may come together
				synctest.Test(t, func(t *testing.T) {
					store := tiertest.NewFaulty(tiertest.NewMemory())
					store.Inject(fault)
					c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: quiet})
					must(t, err)
					begin := time.Now()
					must(t, c.Close(context.Background()))
					if took := time.Since(begin); took > 500*time.Millisecond {
						t.Errorf("Close took %v, want one WriteTimeout at most", took)
					}
				})
			}
		})
	}
}

// Without a deadline Close is as patient as its loaders, and not more.
func TestCloseWhileTheSharedTierHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewFaulty(tiertest.NewMemory())
		c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: quiet})
		must(t, err)
		ctx := c.With(context.Background())
		newDatabase().do(t, ctx, "k")
		store.Inject(tiertest.Fault{Hang: true})
		for i := range 10 {
			go func() { _, _ = memo.Do(ctx, memo.Key("k", i), loadNumber) }()
			go func() { _ = memo.Set(ctx, memo.Key("s", i), i) }()
			go func() { _ = c.Invalidate(ctx, memo.Key("i", i)) }()
			go func() { _, _ = memo.Get[int](ctx, memo.Key("g", i)) }()
		}
		synctest.Wait()
		begin := time.Now()
		if err := c.Close(context.Background()); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("Close: %v, want ErrDeferred", err)
		}
		if took := time.Since(begin); took > 5*500*time.Millisecond {
			t.Errorf("Close took %v, want a few WriteTimeouts at most", took)
		}
		c.Snapshot()
	})
}

// A client that is closed waits for its operations; those of a write have a time
// of their own, which may be longer than Close's.
func TestCloseCutsOperationsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := memcached.NewFromConfig(memcached.Config{Servers: []string{"cache:11211"}, Timeout: patience, DialContext: mute})
		must(t, err)
		c, err := memo.New(patient(memo.Config{Prefix: "t", Shared: client, Logger: quiet}))
		must(t, err)
		told := make(chan error, 2)
		go func() { told <- c.Invalidate(context.Background(), "k") }()
		go func() { told <- memo.Set(c.With(context.Background()), "k", 1) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := c.Close(ctx); !errors.Is(err, memo.ErrDeferred) || time.Since(begin) != time.Second {
			t.Errorf("Close: %v after %v of the second that it had, want ErrDeferred", err, time.Since(begin))
		}
		for range 2 {
			if err := <-told; !errors.Is(err, memo.ErrDeferred) {
				t.Errorf("a write that was under way: %v, want ErrDeferred", err)
			}
		}
	})
}

// mute dials servers that never answer.
func mute(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		_, _ = io.Copy(io.Discard, server)
	}()
	return client, nil
}

// Not parallel: it counts what the whole process has open.
func TestCloseLeavesNoConnection(t *testing.T) {
	server := mcserver.ForTest(t)
	connections, files := connectionsOf(t, server), openFiles(t)
	for _, shared := range []bool{false, true} {
		var caches []*memo.Cache
		client := dial(t, server)
		clients := []*memcached.Client{client}
		for i := range 3 {
			cfg := patient(memo.Config{Prefix: "t", Shared: client, Logger: quiet})
			if !shared {
				own := dial(t, server)
				cfg.Shared, clients = own, append(clients, own)
			}
			c, err := memo.New(cfg)
			must(t, err)
			caches = append(caches, c)
			var wg sync.WaitGroup
			for j := range 20 {
				wg.Go(func() {
					ctx, end := c.Begin(context.Background())
					defer end()
					for k := range 10 {
						newDatabase().do(t, ctx, memo.Key("k", i, j, k))
						must(t, memo.Set(ctx, memo.Key("s", k), j))
						must(t, memo.Invalidate(ctx, memo.Key("k", i, j, k), memo.Key("s", k)))
					}
				})
			}
			wg.Wait()
		}
		if now := connectionsOf(t, server); now <= connections {
			t.Errorf("%d connections while three caches work, and %d before: nothing is shown", now, connections)
		}
		for _, c := range caches {
			must(t, c.Close(context.Background()))
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			must(t, c.Close(ctx))
		}
		must(t, client.Close())
		if now := openFiles(t); now != files {
			t.Fatalf("%d open files after Close, want %d", now, files)
		}
		runtime.KeepAlive(clients)              // the garbage collector would close them as well
		for range time.Tick(time.Millisecond) { // the server learns of it from the network
			if connectionsOf(t, server) <= connections {
				break
			}
		}
	}
}

// openFiles is how many files and connections this process has open.
func openFiles(tb testing.TB) int {
	tb.Helper()
	files, err := os.ReadDir("/dev/fd")
	must(tb, err)
	return len(files)
}

// connectionsOf is how many connections the server has, the one that asks included.
func connectionsOf(tb testing.TB, s *mcserver.Server) int {
	tb.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	must(tb, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "stats\r\n")
	must(tb, err)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "STAT curr_connections %d", &n); err == nil {
			return n
		}
	}
	tb.Fatal("memcached does not say how many connections it has")
	return 0
}

// deaf is a shared tier of which one method waits for release, whatever its ctx says.
type deaf struct {
	tier.Node
	release chan struct{}
	polls   atomic.Int64
}

func (d *deaf) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	if d.polls.Add(1) > 1 {
		<-d.release
	}
	return d.Node.GetMulti(ctx, keys, items)
}

// hanging is a shared tier that does not come to the end of its Close.
type hanging struct {
	tier.Shared
	release chan struct{}
}

func (h hanging) Close() error { <-h.release; return nil }

func TestTierThatIsDeafDoesNotHoldUpClose(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(release chan struct{}) tier.Shared{
		"to the ctx of a poll": func(release chan struct{}) tier.Shared {
			return tier.Single(&deaf{Node: tiertest.NewMemory().Nodes()[0], release: release})
		},
		"in its own Close": func(release chan struct{}) tier.Shared { return hanging{tiertest.NewMemory(), release} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				c, err := memo.New(memo.Config{Prefix: "t", Shared: open(release), Logger: quiet})
				must(t, err)
				time.Sleep(time.Second)
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				begin := time.Now()
				if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 4*time.Second {
					t.Errorf("Close: %v after %v, want its ctx's error, and a moment later", err, time.Since(begin))
				}
				close(release)
			})
		})
	}
}
