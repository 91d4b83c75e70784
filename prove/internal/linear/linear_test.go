package linear_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/prove/internal/chaos"
	"github.com/tiermemo/tiermemo/prove/internal/linear"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seed = flag.Uint64("seed", 0, "does the same operations again, as far as the scheduler allows; 0: others each time")
	also = flag.Bool("also", false, "check which histories a stronger model allows too")
)

const (
	long, short = time.Hour, 20 * time.Millisecond
	patience    = 30 * time.Second // of a run, and of the search for an order
	drawing     = 5 * time.Second  // of the search for what can be shown of one that is none
	// lapses is a StaleBound with which L2 is given up within a history, and used
	// again; with never it is not.
	lapses, never = 200 * time.Millisecond, time.Hour
	hasty         = 100 * time.Millisecond // a WriteTimeout with which an outage is noticed soon
)

// The runs come one after the other: on a small machine two at once would be each
// other's outages.
func TestWhatOneProcessSeesHasAnOrder(t *testing.T) {
	all, told := linear.Ways(), linear.Without(linear.Ways())
	for _, c := range []struct {
		name    string
		caches  func(t *testing.T) ([]*memo.Cache, trouble)
		model   func() porcupine.Model
		traffic linear.Traffic
	}{
		{"no shared tier", alone, linear.Instant, linear.Traffic{Ways: all, TTL: long, Get: true}},
		{"no shared tier, all the time", alone, linear.Instant, linear.Traffic{Ways: all, TTL: long, Writes: 200}},
		{"no shared tier, short lives", alone, linear.Instant, linear.Traffic{Ways: all, TTL: short, Get: true}},

		{"no shared tier, old values served", alone, linear.Instant, linear.Traffic{Ways: all, TTL: short, Stale: long}},

		{"memcached", shared(memo.Config{StaleBound: never}), linear.Promise, linear.Traffic{Ways: all, TTL: long}},
		{"memcached, small L2", shared(memo.Config{StaleBound: never, Local: lru.New(2)}), linear.Promise, linear.Traffic{Ways: all, TTL: long}},
		{"memcached, short lives", shared(memo.Config{StaleBound: never}), linear.Promise, linear.Traffic{Ways: all, TTL: short}},
		{"memcached, L2 lapses", shared(memo.Config{StaleBound: lapses}), linear.Promise, linear.Traffic{Ways: all, TTL: long, Get: true}},
		{"slow memcached", slow, linear.Promise, linear.Traffic{Ways: all, TTL: long, Writes: 25}},
		{"slow memcached, short lives", slow, linear.Promise, linear.Traffic{Ways: all, TTL: short, Writes: 25}},

		{"memcached, old values served", shared(memo.Config{StaleBound: never}), linear.Promise, linear.Traffic{Ways: all, TTL: short, Stale: long}},
		{"slow memcached, old values served", slow, linear.Promise, linear.Traffic{Ways: all, TTL: short, Stale: long, Writes: 25}},

		// Of what another process sets the history here says nothing.
		{"another process", two, linear.Promise, linear.Traffic{Ways: told, TTL: long, Writes: 25, Get: true}},
		{"another process, short lives", two, linear.Promise, linear.Traffic{Ways: told, TTL: short, Writes: 25}},
		{"another process, old values served", two, linear.Promise, linear.Traffic{Ways: told, TTL: short, Stale: long, Writes: 25}},

		{"partitions", partitioned(memo.Config{StaleBound: never, WriteTimeout: hasty, Local: lru.New(2)}), linear.Promise, linear.Traffic{Ways: all, TTL: long}},
		{"partitions, short lives", partitioned(memo.Config{StaleBound: never, WriteTimeout: hasty}), linear.Promise, linear.Traffic{Ways: all, TTL: short}},
		{"partitions, L2 lapses", partitioned(memo.Config{StaleBound: lapses, WriteTimeout: hasty, Local: lru.New(2)}), linear.Promise, linear.Traffic{Ways: all, TTL: long, Get: true}},
		{"memcached killed", killed, linear.Promise, linear.Traffic{Ways: all, TTL: short, Get: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			caches, trouble := c.caches(t)
			tr := c.traffic
			tr.Seed, tr.Load, tr.Trouble = *seed, 2*time.Millisecond, trouble
			if tr.Seed == 0 {
				tr.Seed = rand.Uint64()
			}
			if tr.Writes == 0 {
				tr.Writes = 60
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			history, numbers, err := tr.Run(ctx, caches...)
			if err != nil {
				t.Fatal(err)
			}
			for id := range caches {
				ops := history.Of(id)
				t.Logf("seed %d, process %d: %d operations; %d writes, %d of them deferred", tr.Seed, id, len(ops), numbers.Told.Load(), numbers.Deferred.Load())
				holds(t, c.model(), ops)
			}
		})
	}
}

// holds fails unless m allows the history.
func holds(t *testing.T, m porcupine.Model, history []porcupine.Operation) {
	t.Helper()
	verdict := linear.Check(m, history, patience)
	if verdict == porcupine.Ok {
		if *also {
			t.Logf("Instant %s, Register %s", linear.Check(linear.Instant(), history, patience), linear.Check(linear.Register(), history, patience))
		}
		return
	}
	page, err := os.CreateTemp("", "linear-*.html")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	err = linear.Draw(m, history, page.Name(), drawing)
	t.Errorf("no order of what this process saw was found (%s): see %s (%v)", verdict, page.Name(), err)
}

type trouble = func(ctx context.Context, n *linear.Numbers) error

// alone is a process without a shared tier.
func alone(t *testing.T) ([]*memo.Cache, trouble) {
	return []*memo.Cache{newCache(t, memo.Config{})}, nil
}

// shared is one with a memcached of its own.
func shared(cfg memo.Config) func(*testing.T) ([]*memo.Cache, trouble) {
	return func(t *testing.T) ([]*memo.Cache, trouble) {
		return []*memo.Cache{onMemcached(t, mcserver.ForTest(t).Addr(), cfg)}, nil
	}
}

// slow is one to whose memcached everything takes a while: a write takes as long as
// a load, and what may come between its steps does.
func slow(t *testing.T) ([]*memo.Cache, trouble) {
	wire := newWire(t, laggard)
	return []*memo.Cache{onMemcached(t, wire.Addr(), memo.Config{StaleBound: never})}, nil
}

// two are processes on one memcached, which is slow. Each has a history of its own.
func two(t *testing.T) ([]*memo.Cache, trouble) {
	wire, cfg := newWire(t, laggard), memo.Config{StaleBound: lapses}
	return []*memo.Cache{onMemcached(t, wire.Addr(), cfg), onMemcached(t, wire.Addr(), cfg)}, nil
}

// laggard is each way to a slow memcached.
var laggard = chaos.Way{Jitter: 2 * time.Millisecond}

func newWire(t *testing.T, way chaos.Way) *chaos.Proxy {
	t.Helper()
	wire, err := chaos.Listen(mcserver.ForTest(t).Addr())
	must(t, err)
	t.Cleanup(func() { must(t, wire.Close()) })
	wire.Set(chaos.Faults{Requests: way, Replies: way})
	return wire
}

// partitioned is a process that loses its memcached three times.
func partitioned(cfg memo.Config) func(*testing.T) ([]*memo.Cache, trouble) {
	return func(t *testing.T) ([]*memo.Cache, trouble) {
		wire := newWire(t, chaos.Way{})
		c := onMemcached(t, wire.Addr(), cfg)
		return []*memo.Cache{c}, thrice(c,
			func() error { wire.Partition(); return nil },
			func() error { wire.Heal(); return nil })
	}
}

// killed is a process whose memcached is killed three times, and is empty when it
// is back.
func killed(t *testing.T) ([]*memo.Cache, trouble) {
	s := mcserver.ForTest(t)
	c := onMemcached(t, s.Addr(), memo.Config{StaleBound: lapses, WriteTimeout: hasty})
	return []*memo.Cache{c}, thrice(c, s.Kill, s.Restart)
}

// thrice takes memcached away from c and gives it back. It goes by what happens,
// and not by time: so on any machine there are writes in every state.
//
// When it is back nobody writes until reads use it again: what was not delivered
// would be covered by the next write otherwise.
func thrice(c *memo.Cache, take, give func() error) trouble {
	once := func(ctx context.Context, n *linear.Numbers) error {
		if err := take(); err != nil {
			return err
		}
		deferred := n.Deferred.Load()
		until(ctx, func() bool { return n.Deferred.Load() >= deferred+30 })
		n.Rest.Lock()
		defer n.Rest.Unlock()
		if err := give(); err != nil {
			return err
		}
		until(ctx, func() bool { return c.Snapshot().Nodes[0].Up })
		read := n.Read.Load()
		until(ctx, func() bool { return n.Read.Load() >= read+200 })
		return nil
	}
	return func(ctx context.Context, n *linear.Numbers) error {
		for range 3 {
			if err := once(ctx, n); err != nil {
				return err
			}
			told := n.Told.Load()
			until(ctx, func() bool { return n.Told.Load() >= told+30 })
		}
		return nil
	}
}

// until waits until something has come true, or ctx ends.
func until(ctx context.Context, now func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !now() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// onMemcached is a process on the memcached at addr.
func onMemcached(t *testing.T, addr string, cfg memo.Config) *memo.Cache {
	t.Helper()
	client, err := memcached.New(addr)
	must(t, err)
	cfg.Prefix, cfg.Shared, cfg.PollInterval = "linear", client, 10*time.Millisecond
	return newCache(t, cfg)
}

func newCache(t *testing.T, cfg memo.Config) *memo.Cache {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler) // trouble is wanted here
	c, err := memo.New(cfg)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(fmt.Errorf("close: %w", err))
		}
	})
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
