package events

// memory.go has what an entry costs beside what it holds, and what the collector of
// garbage has to do with a cache that turns over.

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// Units and names of these events.
const (
	MemoryGroup = "Memory"
	PerEntry    = "heap B per entry"
)

// FoundByNumber is ours with keys that are numbers, after two passes of hits: only what is read
// has a slot by its number, and the slots have grown to as many as there will be by the second.
// Key and value have 72 B there.
const FoundByNumber = "tiermemo Func, int keys, each read twice more"

// PerEntryOf is the name of the heap of so many entries.
func PerEntryOf(entries int) string {
	return fmt.Sprintf("heap for each of %s entries, of which 81 B are the key and the value", short(entries))
}

// payload81 is a value of 64 bytes; the key that goes with it has 17.
type payload81 [8]int64

var payloads = aKind[payload81]{name: "64 bytes", make: func(i int) payload81 { return payload81{int64(i)} },
	encode: func(payload81) []byte { return nil }, decode: func([]byte) (payload81, error) { return payload81{}, nil }}

func memories() (all []lab.Event) {
	for _, entries := range []int{100_000, 1_000_000} {
		e := lab.Event{Group: MemoryGroup, Name: PerEntryOf(entries), Columns: []string{PerEntry}, Rounds: 3, Heavy: true}
		if entries > 100_000 {
			e.Rounds = 1 // one takes half a minute
		}
		for _, p := range append(peer.Matrix[payload81](), peer.Others[payload81]()...) {
			if p.Closure && p.Name != "sturdyc" || p.Name == "groupcache" || p.Name == "eko/gocache" && entries > 100_000 {
				continue // the same again, or bytes
			}
			p.Against = ""
			e.Contenders = append(e.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
				return lab.Bench{Trial: func() (lab.Sample, error) {
					return weigh(p, stringOptions(payloads, env.N(entries)), env.N(entries), key17, 1)
				}}, nil
			}))
		}
		numbered := peer.Named[int, payload81]{Name: FoundByNumber, New: peer.NewFunc[int, payload81]}
		e.Contenders = append(e.Contenders, contender(numbered, func(env lab.Env) (lab.Bench, error) {
			return lab.Bench{Trial: func() (lab.Sample, error) {
				return weigh(numbered, intOptions(payloads, env.N(entries)), env.N(entries), func(i int) int { return i }, 3)
			}}, nil
		}))
		all = append(all, e)
	}
	return append(all, churn())
}

// weigh fills a cache, asks for all of it again in each further pass, and returns what the heap
// has grown by.
func weigh[K comparable](p peer.Named[K, payload81], o peer.Options[K, payload81], entries int, key func(int) K, passes int) (lab.Sample, error) {
	before := live()
	o.Load = func(context.Context, K) (payload81, error) { return payload81{}, nil }
	c, err := p.New(o)
	if err != nil {
		return nil, err
	}
	ctx := c.Context()
	for range passes {
		for i := range entries {
			if _, err := c.Get(ctx, key(i)); err != nil {
				return nil, err
			}
		}
	}
	grown := live() - before
	runtime.KeepAlive(c)
	return lab.Sample{PerEntry: grown / float64(entries)}, c.Close()
}

// key17 makes the key, as a program does that has it from nowhere else.
func key17(i int) string {
	text := data.Text(i)
	return text + strings.Repeat("-", 17-len(text))
}

// live is the heap that is in use.
func live() float64 {
	var m runtime.MemStats
	for range 2 { // what a finalizer or a pool holds goes with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
