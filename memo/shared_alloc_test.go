package memo_test

import (
	"context"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// frozen is a Node that answers reads from what was there when it was frozen, and
// allocates nothing for it.
type frozen struct {
	tier.Node
	items map[string]tier.Item // nil: not frozen yet
}

func (n *frozen) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	if n.items == nil {
		return n.Node.GetMulti(ctx, keys, items)
	}
	for i, key := range keys {
		items[i] = n.items[key]
	}
	return nil
}

// freeze keeps what m has, while nobody reads.
func (n *frozen) freeze(t *testing.T, m *tiertest.Memory) {
	t.Helper()
	names := m.Only(n.Name()).Keys()
	items := make([]tier.Item, len(names))
	must(t, n.Node.GetMulti(context.Background(), names, items))
	all := map[string]tier.Item{}
	for i, name := range names {
		all[name] = items[i]
	}
	n.items = all
}

// What a hit in the shared tier allocates beside what its client does: the load and its
// flight, the names of what is looked at, and the value.
func TestSharedTierHitAllocations(t *testing.T) {
	memory := tiertest.NewMemory()
	node := &frozen{Node: memory.Nodes()[0]}
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tier.Single(node), PollInterval: patience / 2}))
	ctx, keys := c.With(context.Background()), keysOf("user", 100)
	load := func(_ context.Context, missing []string) (map[string]user, error) {
		found := map[string]user{}
		for _, key := range missing {
			found[key] = user{ID: 7, Name: "Ada"}
		}
		return found, nil
	}
	who := hit(t, user{ID: 7, Name: "Ada"})
	opts := []memo.Option{memo.SharedOnly(), memo.TTL(time.Hour)}
	_, err := memo.DoMany(ctx, keys, load, opts...)
	must(t, err)
	node.freeze(t, memory)
	runs := c.Snapshot().Total.Runs
	const one, ofMany = 31, 18
	if got := testing.AllocsPerRun(500, func() { who(memo.Do(ctx, keys[0], loadUser, opts...)) }); got > one && !raceEnabled || got == 0 {
		t.Errorf("a hit: %v allocations, want %d at most", got, one)
	}
	if got := testing.AllocsPerRun(50, func() { _, _ = memo.DoMany(ctx, keys, load, opts...) }); got > ofMany*float64(len(keys)) && !raceEnabled {
		t.Errorf("%d hits of a batch: %v allocations, want %d for each at most", len(keys), got, ofMany)
	}
	if n := c.Snapshot().Total.Runs; n != runs {
		t.Errorf("%d loads while hits were counted", n-runs)
	}
}
