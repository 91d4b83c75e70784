package events

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// Units of the event of this file.
const (
	GCShare = "% of processor time in the collector"
	Pause   = "longest pause, µs"
	Churn   = "a cache of 100k entries that turns over, at full speed"
)

const churned = 100_000

// churn is how a cache that is full, and misses always, keeps the collector busy. Each
// cache is alone in the heap while it is measured.
func churn() lab.Event {
	e := lab.Event{Group: MemoryGroup, Name: Churn, Columns: []string{lab.Time, GCShare, Pause, lab.Bytes}, Rounds: 6, Heavy: true}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		if p.Closure && p.Name != "sturdyc" || p.Name == "eko/gocache" || p.Name == "groupcache" {
			continue // the same again, or another kind of bound
		}
		p.Against = ""
		e.Contenders = append(e.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
			return lab.Bench{Trial: func() (lab.Sample, error) { return turnOver(p, env) }}, nil
		}))
	}
	return e
}

func turnOver(p peer.Named[string, data.Small], env lab.Env) (lab.Sample, error) {
	room := env.N(churned)
	o := stringOptions(smalls, 0)
	o.Size = room
	c, err := p.New(o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ks := data.Texts(numbers(env.Stream(1 << 18)))
	look(c, ks, 0, room)
	runtime.GC()
	before := collected()
	s := lab.Timed(4*room, func(n int) { look(c, ks, room, n) })
	runtime.GC() // the processor time of the runtime is added up at the end of a collection
	after := collected()
	s[GCShare] = 100 * (after.gc - before.gc) / max(after.all-before.all, math.SmallestNonzeroFloat64)
	s[Pause] = float64(longest(before.pauses, after.pauses)) / 1e3
	return s, nil
}

type collection struct {
	gc, all float64 // seconds of processor time, without those that nobody used
	pauses  *metrics.Float64Histogram
}

func collected() collection {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"}, {Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(samples)
	h := samples[3].Value.Float64Histogram()
	return collection{samples[0].Value.Float64(), samples[1].Value.Float64() - samples[2].Value.Float64(),
		&metrics.Float64Histogram{Counts: append([]uint64(nil), h.Counts...), Buckets: h.Buckets}}
}

// longest is the upper end of the last bucket that has grown.
func longest(before, after *metrics.Float64Histogram) time.Duration {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			end := after.Buckets[i+1]
			if math.IsInf(end, 1) {
				end = after.Buckets[i]
			}
			return time.Duration(end * 1e9)
		}
	}
	return 0
}
