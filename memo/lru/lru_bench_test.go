package lru_test

// Benchmarks of the tier, with a plain Go map as the floor. All look up the same 10 000 keys.
// bench/ compares it with others.
//
//	go test ./memo/lru -run '^$' -bench . -benchmem -cpu 1,2

import (
	"fmt"
	"math/rand"
	"runtime"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

const benchKeys = 10_000

// draws is a fixed sequence of keys to ask for.
func draws(kind string) []string {
	rnd := rand.New(rand.NewSource(1))
	next := func() uint64 { return uint64(rnd.Intn(benchKeys)) }
	if kind == "zipf" {
		next = rand.NewZipf(rnd, 1.1, 1, benchKeys-1).Uint64
	}
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	out := make([]string, 1<<16)
	for i := range out {
		out[i] = keys[next()]
	}
	return out
}

func fillBench(set func(string, *tier.Entry)) {
	for i := range benchKeys {
		key := "user:" + strconv.Itoa(i)
		set(key, &tier.Entry{Key: key, Value: i})
	}
}

var sink *tier.Entry

func BenchmarkGet(b *testing.B) {
	c := lru.New(2 * benchKeys) // room: no shard is full, every Get is a hit
	fillBench(c.Set)
	plain := make(map[string]*tier.Entry)
	fillBench(func(k string, e *tier.Entry) { plain[k] = e })

	gets := []struct {
		name string
		get  func(string) *tier.Entry
	}{
		{"lru", c.Get},
		{"map", func(k string) *tier.Entry { return plain[k] }},
	}
	for _, kind := range []string{"zipf", "uniform"} {
		keys := draws(kind)
		for _, g := range gets {
			b.Run(fmt.Sprintf("%s/%s/serial", g.name, kind), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					sink = g.get(keys[i&(len(keys)-1)])
					i++
				}
			})
			b.Run(fmt.Sprintf("%s/%s/parallel", g.name, kind), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					var last *tier.Entry
					for i := rand.Intn(len(keys)); pb.Next(); i++ {
						last = g.get(keys[i&(len(keys)-1)])
					}
					runtime.KeepAlive(last)
				})
			})
		}
	}
}

// BenchmarkSetAtCapacity sets ever new keys: each one makes another leave.
func BenchmarkSetAtCapacity(b *testing.B) {
	entries := make([]*tier.Entry, 4*benchKeys) // by the time one comes round again it is long gone
	for i := range entries {
		entries[i] = &tier.Entry{Key: "user:" + strconv.Itoa(i), Value: 1}
	}
	c := lru.New(benchKeys)
	for _, e := range entries {
		c.Set(e.Key, e)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e := entries[i%len(entries)]
		c.Set(e.Key, e)
		i++
	}
}

// BenchmarkMemory reports the heap of 100 000 entries, apart from the keys and
// the tier.Entry itself: what the tier adds to each.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	entries := make([]*tier.Entry, n)
	for i := range entries {
		entries[i] = &tier.Entry{Key: "user:" + strconv.Itoa(i), Value: 1}
	}
	var bytes uint64
	for b.Loop() {
		before := heap()
		c := lru.New(n + n/8) // shards fill unevenly: leave room for all
		for _, e := range entries {
			c.Set(e.Key, e)
		}
		bytes = heap() - before
		if c.Len() != n {
			b.Fatalf("%d entries", c.Len())
		}
	}
	b.ReportMetric(float64(bytes)/n, "B/entry")
	runtime.KeepAlive(entries)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
