package targets

import (
	"fmt"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/events"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// list.go is what is aimed at. The nanoseconds are those of two cores of an EPYC at 2.6 GHz
// without neighbours, and so are those of their yardsticks; the ratios and the allocations
// hold anywhere.

// All are the targets in the order of RESULTS.md.
func All() (all []Target) {
	for _, some := range [][]Target{requestTargets(), processTargets(), sharedTargets(), batchTargets(), middlewareTargets(), stampedeTargets(), roomTargets()} {
		all = append(all, some...)
	}
	return because(all)
}

func atMost(row, event, who, unit string, limit float64) Target {
	return Target{Row: row, Event: event, Who: who, Unit: unit, AtMost: limit}
}

// yard gives t its yardstick.
func (t Target) yard(who string, there float64) Target {
	t.Yard, t.There = who, there
	return t
}

func gain(row, event, who, over, unit string, factor float64) Target {
	return Target{Row: row, Event: event, Who: who, Over: over, Unit: unit, Gain: factor}
}

func cost(row, event, who, over, unit string, factor float64) Target {
	return Target{Row: row, Event: event, Who: who, Over: over, Unit: unit, Cost: factor}
}

func requestTargets() []Target {
	one, many := events.RequestHit(1, 0), events.RequestHit(100, 0)
	const (
		once      = "1 request hit, string key, loader built once"
		capturing = "1 request hit, string key, capturing loader"
		declared  = "2 request hit, Func, int key"
		first     = "4 first call of a request"
	)
	return []Target{
		atMost(once, one, events.DoOnce, lab.Time, 12).yard(events.MapOnce, 18.6),
		atMost(once, one, events.DoOnce, lab.Allocs, 0),
		{Row: once + ", 100 keys", Event: one, Who: events.DoOnce, Unit: lab.Time, Plus: many, Within: 8, Yard: events.MapOnce, There: 18.6},
		atMost(once+", 2 cores", events.RequestPair, events.DoOnce, lab.Time, 7).yard(events.MapOnce, 19.9),
		gain(once, one, events.DoOnce, events.MapOnce, lab.Time, 1.5),
		atMost(capturing, one, events.DoCapturing, lab.Time, 28).yard(events.MapOnce, 18.6),
		atMost(capturing, one, events.DoCapturing, lab.Allocs, 1),
		gain(capturing, one, events.DoCapturing, events.OutsideOtter, lab.Time, 5),
		gain(capturing, one, events.DoCapturing, events.OutsideGoRedis, lab.Time, 25),
		atMost(declared, one, peer.Func, lab.Time, 9).yard(events.MapSprintf, 86),
		atMost(declared, one, peer.Func, lab.Allocs, 0),
		gain(declared, one, peer.Func, events.OutsideNumbers, lab.Time, 12),
		gain(declared, one, peer.Func, events.MapSprintf, lab.Time, 10),
		atMost(first, events.FirstCall, events.FirstOfOurs, lab.Time, 180).yard(events.FirstOfHand, 432),
		atMost(first, events.FirstCall, events.FirstOfOurs, lab.Allocs, 1),
		gain(first, events.FirstCall, events.FirstOfOurs, events.FirstOfHand, lab.Time, 2.3),
	}
}

func processTargets() []Target {
	const small = "small struct"
	number := events.HitName("int", small, 10_000, data.Zipf, false)
	zipf, uniform := events.HitName("string", small, 10_000, data.Zipf, false), events.HitName("string", small, 10_000, data.Uniform, false)
	cores := events.HitName("string", small, 10_000, data.Zipf, true)
	const (
		declared = "3 process hit, Func, int key"
		called   = "3 process hit, Do, capturing loader"
		miss     = "5 miss, beside the loader"
	)
	return []Target{
		atMost(declared, number, peer.Func, lab.Time, 25).yard(peer.ByHand, 99),
		atMost(declared, number, peer.Func, lab.Allocs, 0),
		gain(declared, number, peer.Func, "otter", lab.Time, 3.5),
		gain(declared, number, peer.Func, peer.ByHand, lab.Time, 2.5),
		atMost(called+", zipf", zipf, peer.Do, lab.Time, 40).yard(peer.ByHand, 99),
		atMost(called+", uniform", uniform, peer.Do, lab.Time, 55).yard(peer.ByHand, 100),
		atMost(called, zipf, peer.Do, lab.Allocs, 1),
		gain(called, zipf, peer.Do, "otter, closure", lab.Time, 3.5),
		gain(called, zipf, peer.Do, peer.ByHand, lab.Time, 2.5),
		gain(called, zipf, peer.Do, "sturdyc", lab.Time, 4),
		gain(called, zipf, peer.Do, "go-redis/cache, local", lab.Time, 18),
		gain(called+", 2 cores", cores, peer.Do, "otter, closure", lab.Time, 3),
		cost("3 process hit, Func, string key", zipf, peer.Func, events.PlainMap, lab.Time, 2),
		atMost(miss, events.MissEvent, peer.Func, lab.Time, 900).yard(peer.ByHand, 389),
		atMost(miss, events.MissEvent, peer.Func, lab.Allocs, 8),
		gain(miss, events.MissEvent, peer.Func, "otter", lab.CPU, 1.3),
		gain(miss, events.MissEvent, peer.Func, "sturdyc", lab.Time, 1.5),
		gain(miss, events.MissEvent, peer.Func, "groupcache", lab.Time, 3),
	}
}

func sharedTargets() (all []Target) {
	for _, size := range []int{100, 1000, 10_000} {
		all = append(all, cost(fmt.Sprintf("6 shared hit of %d B, one caller", size), events.SharedHit(size, 1), events.Shared, events.RawMulti, lab.Time, 1.10))
	}
	return append(all, cost("7 shared hit, 32 callers, decoded", events.DecodedHit(32), events.Shared, events.RawDecoded, lab.Time, 1.15),
		gain("7 shared hit, 32 callers, decoded", events.DecodedHit(32), events.Shared, "go-redis/cache Get, no local part", lab.Time, 1))
}

func batchTargets() []Target {
	const near, far = "8 batch of 100, in the process", "9 batch of 100, in the shared tier"
	return []Target{
		atMost(near+", caller's slice", events.BatchHit, events.BatchSlice, lab.Time, 3000).yard("otter BulkGet", 10_900),
		atMost(near+", caller's slice", events.BatchHit, events.BatchSlice, lab.Allocs, 0),
		atMost(near+", new slice", events.BatchHit, events.BatchOwn, lab.Time, 4500).yard("otter BulkGet", 10_900),
		atMost(near+", new slice", events.BatchHit, events.BatchOwn, lab.Allocs, 1),
		gain(near+", new slice", events.BatchHit, events.BatchOwn, events.BatchOtter, lab.Time, 2.5),
		gain(near+", new slice", events.BatchHit, events.BatchOwn, events.BatchOtter, lab.CPU, 3.5),
		gain(near+", new slice", events.BatchHit, events.BatchOwn, "sturdyc GetOrFetchBatch", lab.Time, 6),
		cost(far, events.BatchShared, events.BatchMap, events.RawBatch, lab.Time, 1.15),
		gain(far, events.BatchShared, events.BatchMap, events.Sequential, lab.Time, 20),
	}
}

func middlewareTargets() []Target {
	const unused, repeated = "10 middleware, unused", "11 middleware, 10 calls for one key"
	return []Target{
		atMost(unused, events.Middleware(0), events.OursInside, lab.Time, 115).yard(events.TwoLines, 102),
		atMost(unused, events.Middleware(0), events.OursInside, lab.Allocs, 2),
		atMost(unused, events.Middleware(0), events.OursInside, lab.Bytes, 470),
		cost(unused, events.Middleware(0), events.OursInside, events.TwoLines, lab.Time, 1.1),
		cost(unused+", of a server's processor time", events.EndToEnd, events.Unused, events.NoMiddleware, events.CPURequest, 1.02),
		atMost(repeated, events.Middleware(10), events.OursInside, lab.Time, 320),
		atMost(repeated, events.Middleware(10), events.OursInside, lab.Allocs, 4),
		gain(repeated, events.Middleware(10), events.OursInside, events.TwoLines, lab.Time, 1.15),
	}
}

func stampedeTargets() []Target {
	crowd, due := events.Stampede(10_000), events.Due(10_000)
	const row, swr = "12 stampede of 10,000", "13 stampede of 10,000 on a key that is due"
	return []Target{
		atMost(row, crowd, peer.Func, events.Loads, 1),
		cost(row, crowd, peer.Func, events.Bare, events.Extra, 1.3),
		cost(row+", a request each", crowd, events.StampedeScope, events.Bare, events.Extra, 1.3),
		atMost(row, crowd, peer.Func, events.WaiterAllocs, 1.05), // and the load's own, shared out
		atMost(row, crowd, peer.Func, events.WaiterBytes, 112),
		atMost(swr, due, peer.Func, events.Loads, 1),
		cost(swr, due, peer.Func, events.Gate, events.Wait, 1.3),
	}
}

func roomTargets() []Target {
	all := []Target{
		atMost("14 memory, 100k entries", events.PerEntryOf(100_000), peer.Func, events.PerEntry, 265),
		atMost("14 memory, 1M entries", events.PerEntryOf(1_000_000), peer.Func, events.PerEntry, 265),
	}
	for _, percent := range []int{1, 5, 20} {
		for _, trace := range []string{"zipf", "zipf with scans"} {
			all = append(all,
				Target{Row: "15 hit ratio, points behind W-TinyLFU", Event: events.HitRatio(trace, percent), Who: peer.Func, Over: "otter", Unit: lab.Hits, Behind: 1.7},
				Target{Row: "15 hit ratio, points over golang-lru", Event: events.HitRatio(trace, percent), Who: peer.Func, Over: peer.ByHand, Unit: lab.Hits, Ahead: 3})
		}
		all = append(all, Target{Row: "15 hit ratio, above W-TinyLFU", Event: events.HitRatio("zipf that drifts", percent), Who: peer.Func, Over: "otter", Unit: lab.Hits, Ahead: 0.001})
	}
	return all
}
