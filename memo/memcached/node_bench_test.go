package memcached_test

// node_bench_test.go compares a Node with the client it is built on, for the
// request of a hit in the shared tier: a counter, three markers, a value.
//
//	go test -run '^$' -bench GetMulti -count 10 ./memo/memcached

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

type contest struct {
	raw   *memcache.Client
	node  tier.Node
	keys  []string
	items []tier.Item
}

func newContest(b *testing.B, values int) *contest {
	addr := mcserver.ForTest(b).Addr()
	raw := memcache.New(addr)
	raw.MaxIdleConns = 64
	b.Cleanup(func() { _ = raw.Close() })
	_, n := open(b, memcached.Config{Servers: []string{addr}})
	c := &contest{raw: raw, node: n, keys: []string{"app:seq", "app:f:1", "app:t:1", "app:t:2"}}
	for i := range values {
		c.keys = append(c.keys, fmt.Sprintf("app:v:user:%d", i))
	}
	c.items = make([]tier.Item, len(c.keys))
	for i, key := range c.keys {
		value := []byte("1234567890123456789")
		if i >= 4 {
			value = make([]byte, 1024)
		}
		must(b, n.Add(b.Context(), key, value, time.Hour))
	}
	return c
}

func (c *contest) askRaw(b *testing.B) {
	if items, err := c.raw.GetMulti(c.keys); err != nil || len(items) != len(c.keys) {
		b.Fatal(len(items), err)
	}
}

func (c *contest) askNode(b *testing.B, items []tier.Item) {
	if err := c.node.GetMulti(b.Context(), c.keys, items); err != nil || !items[len(items)-1].Found() {
		b.Fatal(err)
	}
}

func BenchmarkGetMulti(b *testing.B) {
	for _, values := range []int{1, 100} {
		c := newContest(b, values)
		b.Run(fmt.Sprintf("values=%d/raw", values), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.askRaw(b)
			}
		})
		b.Run(fmt.Sprintf("values=%d/node", values), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.askNode(b, c.items)
			}
		})
	}
}

// BenchmarkGetMultiRatio takes turns, so that a machine that speeds up or slows
// down does so for both: the ratio is that of the medians.
func BenchmarkGetMultiRatio(b *testing.B) {
	for _, values := range []int{1, 100} {
		b.Run(fmt.Sprintf("values=%d", values), func(b *testing.B) {
			c := newContest(b, values)
			var raw, node []time.Duration
			for b.Loop() {
				raw = append(raw, timed(func() { c.askRaw(b) }))
				node = append(node, timed(func() { c.askNode(b, c.items) }))
				node = append(node, timed(func() { c.askNode(b, c.items) }))
				raw = append(raw, timed(func() { c.askRaw(b) }))
			}
			slices.Sort(raw)
			slices.Sort(node)
			b.ReportMetric(float64(node[len(node)/2])/float64(raw[len(raw)/2]), "node/raw")
		})
	}
}

func timed(fn func()) time.Duration {
	start := time.Now()
	fn()
	return time.Since(start)
}

func BenchmarkGetMultiParallel(b *testing.B) {
	c := newContest(b, 1)
	b.Run("raw", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				c.askRaw(b)
			}
		})
	})
	b.Run("node", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			items := make([]tier.Item, len(c.keys))
			for pb.Next() {
				c.askNode(b, items)
			}
		})
	})
}
