package lru_test

// Benchmarks of the tier against what it is made of: golang-lru under its own
// mutex, and a plain Go map as the floor. All look up the same 10 000 keys.
//
//	go test ./memo/lru -run '^$' -bench . -benchmem -cpu 1,2

import (
	"fmt"
	"math/rand"
	"runtime"
	"strconv"
	"testing"

	hashicorp "github.com/hashicorp/golang-lru/v2"

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
		set("user:"+strconv.Itoa(i), &tier.Entry{Value: i})
	}
}

var sink *tier.Entry

func BenchmarkGet(b *testing.B) {
	c := lru.New(2 * benchKeys) // room: no shard is full, every Get is a hit
	fillBench(c.Set)
	peer, err := hashicorp.New[string, *tier.Entry](2 * benchKeys)
	if err != nil {
		b.Fatal(err)
	}
	fillBench(func(k string, e *tier.Entry) { peer.Add(k, e) })
	plain := make(map[string]*tier.Entry)
	fillBench(func(k string, e *tier.Entry) { plain[k] = e })

	gets := []struct {
		name string
		get  func(string) *tier.Entry
	}{
		{"lru", c.Get},
		{"golang-lru", func(k string) *tier.Entry { e, _ := peer.Get(k); return e }},
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
	keys := make([]string, 4*benchKeys) // by the time one comes round again it is long gone
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	e := &tier.Entry{Value: 1}
	run := func(b *testing.B, set func(string)) {
		for _, k := range keys {
			set(k)
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			set(keys[i%len(keys)])
			i++
		}
	}
	b.Run("lru", func(b *testing.B) {
		c := lru.New(benchKeys)
		run(b, func(k string) { c.Set(k, e) })
	})
	b.Run("golang-lru", func(b *testing.B) {
		peer, err := hashicorp.New[string, *tier.Entry](benchKeys)
		if err != nil {
			b.Fatal(err)
		}
		run(b, func(k string) { peer.Add(k, e) })
	})
}

// BenchmarkMemory reports the heap of 100 000 entries, apart from the keys and
// the tier.Entry itself: what the tier adds to each.
func BenchmarkMemory(b *testing.B) {
	const n = 100_000
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	e := &tier.Entry{Value: 1}
	run := func(b *testing.B, fill func() any) {
		var bytes uint64
		for b.Loop() {
			before := heap()
			c := fill()
			bytes = heap() - before
			runtime.KeepAlive(c)
		}
		b.ReportMetric(float64(bytes)/n, "B/entry")
	}
	b.Run("lru", func(b *testing.B) {
		run(b, func() any {
			c := lru.New(n + n/8) // shards fill unevenly: leave room for all
			for _, k := range keys {
				c.Set(k, e)
			}
			if c.Len() != n {
				b.Fatalf("%d entries", c.Len())
			}
			return c
		})
	})
	b.Run("golang-lru", func(b *testing.B) {
		run(b, func() any {
			c, err := hashicorp.New[string, *tier.Entry](n)
			if err != nil {
				b.Fatal(err)
			}
			for _, k := range keys {
				c.Add(k, e)
			}
			return c
		})
	})
	runtime.KeepAlive(keys)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
