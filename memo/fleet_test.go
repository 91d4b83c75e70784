package memo_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What tests run on: one process, or several that share a store, each behind a wrapper
// that injects faults.

// fleet is processes in one: caches that share one store.
type fleet struct {
	store *tiertest.Faulty
	db    *database
}

func newFleet() *fleet {
	return &fleet{store: tiertest.NewFaulty(tiertest.NewMemory()), db: newDatabase()}
}

// newFleetOn is a fleet on several Nodes.
func newFleetOn(nodes ...string) *fleet {
	return &fleet{store: tiertest.NewFaulty(tiertest.NewMemory(nodes...)), db: newDatabase()}
}

// keyOn returns the nth key that node holds. It is loaded for that, through ctx.
func (f *fleet) keyOn(t *testing.T, ctx context.Context, node string, nth int) string {
	t.Helper()
	for i := range 1000 {
		key := memo.Key("key", i)
		f.db.do(t, ctx, key)
		if slices.Contains(f.memory().Only(node).Keys(), "t:v:"+key) {
			if nth == 0 {
				return key
			}
			nth--
		}
	}
	t.Fatalf("%s holds no key", node)
	return ""
}

// process starts a cache on the fleet's store, by way of a fault wrapper of its
// own. Its poller runs once before it is returned.
func (f *fleet) process(t *testing.T, change ...func(*memo.Config)) (*memo.Cache, *tiertest.Faulty) {
	t.Helper()
	own := tiertest.NewFaulty(f.store)
	cfg := memo.Config{Prefix: "t", Shared: own}
	for _, c := range change {
		c(&cfg)
	}
	c := newCache(t, cfg)
	if _, err := memo.Get[int](c.With(context.Background()), "first"); err == nil {
		t.Fatal("an empty store has a value")
	}
	return c, own
}

// wired is listed behind a fault wrapper, for one caller without a request.
func (f *fleet) wired(t *testing.T, names []string, change ...func(*memo.Config)) (context.Context, *tiertest.List, *tiertest.Faulty) {
	t.Helper()
	list := f.memory().List(names...)
	wire := tiertest.NewFaulty(list)
	c, _ := f.process(t, append(change, func(cfg *memo.Config) { cfg.Shared = wire })...)
	return c.With(context.Background()), list, wire
}

// epoch is the one in which node counts.
func (f *fleet) epoch(t *testing.T, node string) uint64 {
	t.Helper()
	items := make([]tier.Item, 1)
	must(t, f.memory().Only(node).Nodes()[0].GetMulti(context.Background(), []string{"t:seq"}, items))
	n, err := strconv.ParseUint(string(items[0].Value), 10, 64)
	must(t, err)
	return n >> 32
}

func (f *fleet) memory() *tiertest.Memory { return f.store.Shared.(*tiertest.Memory) }

// item is what the fleet's store holds under a wire key.
func (f *fleet) item(tb testing.TB, key string) tier.Item {
	tb.Helper()
	items := make([]tier.Item, 1)
	must(tb, f.store.Nodes()[0].GetMulti(context.Background(), []string{key}, items))
	return items[0]
}

// slowPoll keeps the poller away for as long as a test lasts.
func slowPoll(cfg *memo.Config) {
	cfg.PollInterval, cfg.StaleBound = time.Hour, 2*time.Hour
}

// aPoll is long enough for every process to have polled.
const aPoll = 150 * time.Millisecond

// withoutL2 gives a process a tier that keeps nothing.
func withoutL2(cfg *memo.Config) { cfg.Local = sieve{} }

// sieve is a process tier that keeps nothing.
type sieve struct{}

func (sieve) Get(string) *tier.Entry            { return nil }
func (sieve) Peek(string) *tier.Entry           { return nil }
func (sieve) Set(string, *tier.Entry)           {}
func (sieve) Delete(string)                     {}
func (sieve) Clear()                            {}
func (sieve) Len() int                          { return 0 }
func (sieve) Cap() int                          { return 1 }
func (sieve) OnEvict(func(string, *tier.Entry)) {}

// readers are callers of each of the caches, without a request.
func readers(c ...*memo.Cache) (all []context.Context) {
	for _, c := range c {
		all = append(all, c.With(context.Background()))
	}
	return all
}

// setups are the ways in which a cache can be set up: invalidations without a
// shared tier have no numbers.
func setups(t *testing.T, test func(t *testing.T, open func() *memo.Cache, db *database)) {
	t.Run("L2 alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, memo.Config{})
			test(t, func() *memo.Cache { return c }, newDatabase())
		})
	})
	t.Run("with a shared tier", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			test(t, func() *memo.Cache { c, _ := f.process(t); return c }, f.db)
		})
	})
}

// aloneAndShared runs test on a process by itself, and on one of a fleet.
func aloneAndShared(t *testing.T, test func(t *testing.T, c *memo.Cache)) {
	t.Helper()
	t.Run("alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newCache(t, memo.Config{})) })
	})
	t.Run("in a fleet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newFleet().process(t)
			test(t, c)
		})
	})
}
