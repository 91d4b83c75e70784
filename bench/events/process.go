// Package events are the kinds of work that are measured, and who does each.
package events

// process.go has the hits of the process's memory: a look-up that loads where it must,
// and here never has to.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// lookups is how many keys a loop draws before it begins anew: enough that the processor does
// not remember them.
func lookups(entries int) int {
	if entries > 100_000 {
		return 1 << 20
	}
	return 1 << 16
}

// HitGroup is the matrix.
const HitGroup = "Process-tier hit"

// aKind is a type of value, and how to make and to write one.
type aKind[V any] struct {
	name   string
	make   func(int) V
	encode func(V) []byte
	decode func([]byte) (V, error)
}

var (
	ints   = aKind[int]{"int", data.NewInt, encodeInt, decodeInt}
	smalls = aKind[data.Small]{"small struct", data.NewSmall, data.EncodeSmall, data.DecodeSmall}
	rows   = aKind[data.Row]{"20 fields", data.NewRow, data.EncodeRow, data.DecodeRow}
)

// stringOptions and intOptions are what a peer for n entries is made with: room for a
// quarter more, since shards fill unevenly and a hit is to be one.
func stringOptions[V any](k aKind[V], n int) peer.Options[string, V] {
	return peer.Options[string, V]{
		Size: n + n/4 + 64, TTL: time.Hour, Encode: k.encode, Decode: k.decode,
		Load: func(_ context.Context, key string) (V, error) { return k.make(data.Number(key)), nil },
		LoadMany: func(_ context.Context, ks []string) (map[string]V, error) {
			return manyOf(ks, func(key string) V { return k.make(data.Number(key)) }), nil
		},
	}
}

func intOptions[V any](k aKind[V], n int) peer.Options[int, V] {
	return peer.Options[int, V]{
		Size: n + n/4 + 64, TTL: time.Hour, Encode: k.encode, Decode: k.decode,
		Load:     func(_ context.Context, key int) (V, error) { return k.make(key), nil },
		LoadMany: func(_ context.Context, ks []int) (map[int]V, error) { return manyOf(ks, k.make), nil },
	}
}

func manyOf[K comparable, V any](ks []K, make1 func(K) V) map[K]V {
	m := make(map[K]V, len(ks))
	for _, k := range ks {
		m[k] = make1(k)
	}
	return m
}

// HitName is the name of a cell of the matrix.
func HitName(keys string, value string, entries int, order data.Order, parallel bool) string {
	cores := "serial"
	if parallel {
		cores = "parallel"
	}
	return fmt.Sprintf("hit, %s keys, %s, %s, %s, %s", keys, value, short(entries), order, cores)
}

func short(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// hits is the matrix: keys, values, entries, order, cores.
func hits() (all []lab.Event) {
	for _, entries := range []int{10_000, 1_000_000} {
		for _, order := range []data.Order{data.Zipf, data.Uniform} {
			for _, parallel := range []bool{false, true} {
				all = append(all,
					stringHit(ints, peer.Matrix[int](), entries, order, parallel),
					stringHit(smalls, smallPeers(entries, order), entries, order, parallel),
					stringHit(rows, peer.Matrix[data.Row](), entries, order, parallel),
					intHit(ints, peer.MatrixOfNumbers[int](), entries, order, parallel),
					intHit(smalls, peer.MatrixOfNumbers[data.Small](), entries, order, parallel),
					intHit(rows, peer.MatrixOfNumbers[data.Row](), entries, order, parallel))
			}
		}
	}
	return append(all, functionHit())
}

// smallPeers adds those who take part in one cell of the matrix, serial and parallel.
func smallPeers(entries int, order data.Order) []peer.Named[string, data.Small] {
	if entries == 10_000 && order == data.Zipf {
		return peer.Everybody[data.Small]()
	}
	return peer.Matrix[data.Small]()
}

func stringHit[V any](k aKind[V], peers []peer.Named[string, V], entries int, order data.Order, parallel bool) lab.Event {
	return hit(HitName("string", k.name, entries, order, parallel), peers, entries, parallel,
		func(env lab.Env) peer.Options[string, V] { return stringOptions(k, env.N(entries)) },
		func(env lab.Env) []string {
			return data.Texts(data.Numbers(order, env.N(entries), env.Stream(lookups(entries))))
		}, data.Text)
}

func intHit[V any](k aKind[V], peers []peer.Named[int, V], entries int, order data.Order, parallel bool) lab.Event {
	return hit(HitName("int", k.name, entries, order, parallel), peers, entries, parallel,
		func(env lab.Env) peer.Options[int, V] { return intOptions(k, env.N(entries)) },
		func(env lab.Env) []int { return data.Numbers(order, env.N(entries), env.Stream(lookups(entries))) }, func(i int) int { return i })
}

func hit[K comparable, V any](name string, peers []peer.Named[K, V], entries int, parallel bool,
	options func(lab.Env) peer.Options[K, V], keys func(lab.Env) []K, key func(int) K) lab.Event {
	e := lab.Event{Group: HitGroup, Name: name, Heavy: entries > 100_000}
	keys = once(keys)
	for _, p := range peers {
		e.Contenders = append(e.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
			o := options(env)
			if p.Needs == "redis" {
				o.Redis = env.Redis
			}
			c, err := p.New(o)
			if err != nil {
				return lab.Bench{}, err
			}
			for range 3 { // to load them; and what a cache learns by the first hits of an entry it is to know
				for i := range env.N(entries) {
					if _, err := c.Get(c.Context(), key(i)); err != nil {
						return lab.Bench{}, err
					}
				}
			}
			ks := keys(env)
			at := 0
			loop := func(n int) { look(c, ks, at, n); at += n }
			if parallel {
				loop = func(n int) {
					lab.Parallel(runtime.GOMAXPROCS(0), n, func(_, n int) { look(c, ks, rand.IntN(len(ks)), n) })
				}
			}
			return lab.Bench{Loop: loop, Close: closing(c)}, nil
		}))
	}
	if !parallel {
		e.Contenders = append(e.Contenders, plainMap(entries, keys, key, options), closureAlone(keys))
	}
	return e
}

// once has the contenders of an event share what is drawn: a million texts for each of them would
// be marked by every collection.
func once[K any](keys func(lab.Env) []K) func(lab.Env) []K {
	var drawn []K
	return func(env lab.Env) []K {
		if drawn == nil {
			drawn = keys(env)
		}
		return drawn
	}
}

// PlainMap is a Go map without a lock, a bound, a deadline or a loader.
const PlainMap = "a plain Go map, no lock"

func plainMap[K comparable, V any](entries int, keys func(lab.Env) []K, key func(int) K, options func(lab.Env) peer.Options[K, V]) lab.Contender {
	return lab.Contender{Name: PlainMap, Floor: true, New: func(env lab.Env) (lab.Bench, error) {
		m, o, ks := map[K]V{}, options(env), keys(env)
		for i := range env.N(entries) {
			m[key(i)], _ = o.Load(context.Background(), key(i))
		}
		out := new(V) // the value is copied, as a cache does that returns it
		at := 0
		return lab.Bench{Loop: func(n int) {
			for i := at; i < at+n; i++ {
				if v, ok := m[ks[i&(len(ks)-1)]]; ok {
					*out = v
				}
			}
			at += n
		}}, nil
	}}
}

// Closure is the part of a call that is its caller's own.
const Closure = "a capturing closure alone"

func closureAlone[K any](keys func(lab.Env) []K) lab.Contender {
	return lab.Contender{Name: Closure, Floor: true, New: func(env lab.Env) (lab.Bench, error) {
		ks, to := keys(env), new(func(context.Context) (K, error))
		return lab.Bench{Loop: func(n int) {
			for i := range n {
				k := ks[i&(len(ks)-1)]
				*to = func(context.Context) (K, error) { return k, nil }
			}
		}}, nil
	}}
}

// contender is what a peer and its work make.
func contender[K comparable, V any](p peer.Named[K, V], make func(lab.Env) (lab.Bench, error)) lab.Contender {
	return lab.Contender{Name: p.Name, Against: p.Against, Needs: p.Needs, New: make}
}

// look gets n keys, from ks[from] on. len(ks) is a power of two.
func look[K comparable, V any](c peer.Cache[K, V], ks []K, from, n int) {
	ctx, mask := c.Context(), len(ks)-1
	for i := from; i < from+n; i++ {
		if _, err := c.Get(ctx, ks[i&mask]); err != nil {
			panic(err) // the loaders do not fail
		}
	}
}

func closing[K comparable, V any](c peer.Cache[K, V]) func() {
	return func() { _ = c.Close() }
}
