package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Env is set in a worker's environment, to its Setup.
const Env = "TIERMEMO_PROVE_WORKER"

// Prefix is the Config.Prefix of every worker.
const Prefix = "prove"

// Setup is how a worker is made. The zero durations are memo's defaults.
type Setup struct {
	TTL          time.Duration // required
	ShortTTL     time.Duration // of half of the keys; 0: TTL
	Stale        time.Duration // how long values are served while they are refreshed
	Early        float64       // memo.EarlyRefresh
	PollInterval time.Duration
	StaleBound   time.Duration
	Patience     time.Duration // time-outs towards memcached, for scenarios in which a busy machine must not look like an absent server
	Flaw         Flaw
	Later        []Kind // it is of a later release, which has raised the version of these
	Prefix       string // "": Prefix
	PlacementKey string
	Wire         bool     // it has a proxy of its own before each memcached
	Servers      []string // its list; nil: all of the fleet's
	Told         bool     // the list is no configuration: it asks for it again and again, see Process.Tell
	Conns        int      // memcached.Config.MaxConns
	Entries      int      // in its L2; 0: the default
	Program      string   // to be run in place of this one, see Build

	// Filled in by Fleet.Start.
	Process  int
	Ways     map[string]string // from the name of a server to the address to dial; nil: the name is the address
	Database string
	Deadline time.Duration
}

// worker is one process of the fleet, from inside.
type worker struct {
	cache   *memo.Cache
	rows    *rows
	reports *rpc.Client // to the database, beside the queries
	clock   clock
	servers *servers

	mu      sync.Mutex
	traffic *traffic
}

// Work is a worker's life: it does what the parent says over stdin and stdout
// until the parent closes stdin, or ends. TestMain calls it, with the value of
// Env, in place of the tests.
func Work(env string) error {
	var s Setup
	if err := json.Unmarshal([]byte(env), &s); err != nil {
		return fmt.Errorf("fleet: %s: %w", Env, err)
	}
	debug.SetTraceback("all")
	late := time.AfterFunc(s.Deadline, func() { panic(fmt.Sprintf("fleet: worker %d is still there after %v", s.Process, s.Deadline)) })
	defer late.Stop()
	w, err := newWorker(s)
	if err != nil {
		return err
	}
	srv := rpc.NewServer()
	if err := srv.RegisterName("Worker", &commands{w}); err != nil {
		return errors.Join(err, w.close())
	}
	srv.ServeConn(stdio{})
	return w.close()
}

func newWorker(s Setup) (*worker, error) {
	servers := newServers(s)
	client, err := memcached.NewFromConfig(servers.config(s))
	if err != nil {
		return nil, err
	}
	var shared tier.Shared = client
	switch {
	case s.Flaw != "":
		shared = newAround(client, func(n tier.Node) tier.Node { return &flawed{wrapped: wrapped{n}, flaw: s.Flaw} })
	case s.Later != nil:
		shared = newAround(client, func(n tier.Node) tier.Node { return &later{wrapped{n}, s.Later} })
	}
	cache, err := memo.New(memo.Config{
		Local: lru.New(cmp.Or(s.Entries, lru.DefaultSize)),
		Name:  fmt.Sprint("process ", s.Process), Prefix: cmp.Or(s.Prefix, Prefix), PlacementKey: s.PlacementKey, Shared: shared,
		PollInterval: s.PollInterval, StaleBound: s.StaleBound, ReadTimeout: s.Patience, WriteTimeout: s.Patience,
	})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	w := &worker{cache: cache, rows: &rows{process: s.Process, ttl: s.TTL, shortTTL: cmp.Or(s.ShortTTL, s.TTL), stale: s.Stale, early: s.Early}, clock: newClock(), servers: servers}
	if w.rows.db, err = rpc.Dial("tcp", s.Database); err != nil {
		return nil, errors.Join(err, cache.Close(context.Background()))
	}
	if w.reports, err = rpc.Dial("tcp", s.Database); err != nil {
		return nil, errors.Join(err, w.rows.db.Close(), cache.Close(context.Background()))
	}
	return w, nil
}

// report tells the database what the traffic did.
func (w *worker) report(log *Log) error {
	log.Process = w.rows.process
	return w.reports.Call("Database.Report", log, &None{})
}

func (w *worker) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(w.cache.Close(ctx), w.rows.db.Close(), w.reports.Close())
}

// commands is what the parent may ask, in the form that net/rpc wants. Several
// calls may run at once.
type commands struct{ w *worker }

// None stands for no argument or no result.
type None struct{}

// Do reads k in a request of its own.
func (c *commands) Do(k Key, version *uint64) (err error) {
	ctx, end := c.w.cache.Begin(context.Background())
	defer end()
	*version, err = c.w.rows.read(ctx, k)
	return err
}

// DoAll reads the rows below n.
func (c *commands) DoAll(n int, _ *None) error {
	const atOnce = 16
	failed := make([]error, atOnce)
	var group sync.WaitGroup
	for i := range atOnce {
		group.Go(func() {
			for k := i; k < n; k += atOnce {
				var version uint64
				if err := c.Do(Row(k), &version); err != nil {
					failed[i] = err
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

// Commit writes k to the database, and tells no cache.
func (c *commands) Commit(k Key, version *uint64) (err error) {
	*version, err = c.w.rows.commit(context.Background(), k)
	return err
}

// Invalidate invalidates keys in one call, and tells whether that was deferred.
func (c *commands) Invalidate(keys []Key, deferred *bool) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	err := memo.Invalidate(c.w.cache.With(context.Background()), names...)
	if *deferred = errors.Is(err, memo.ErrDeferred); *deferred {
		return nil
	}
	return err
}

// Snapshot returns the statistics of the cache.
func (c *commands) Snapshot(_ None, s *memo.Stats) error {
	*s = c.w.cache.Snapshot()
	return nil
}

// Begin starts the traffic.
func (c *commands) Begin(tr Traffic, _ *None) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.traffic = &traffic{Traffic: tr, rows: c.w.rows, cache: c.w.cache, clock: c.w.clock, report: c.w.report}
	return c.w.traffic.start()
}

// Calm ends the writing.
func (c *commands) Calm(None, *None) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.traffic.calm()
	return nil
}

// End ends the reading, and returns what the cache counted.
func (c *commands) End(_ None, counts *memo.Counts) error {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	err := c.w.traffic.end()
	*counts = c.w.cache.Snapshot().Total
	return err
}

// stdio is the connection to the parent.
type stdio struct{}

var _ io.ReadWriteCloser = stdio{}

func (stdio) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (stdio) Close() error                { return os.Stdout.Close() }
