package targets

import "strings"

// why.go is what RESULTS.md says of the targets that are not met: what the profile shows, and
// what the machine takes for the part that nobody can leave out. Where that part can be measured
// alone it is a row of the same table, slanted.

// because gives each of all the reason for which it is not met, if it is not.
func because(all []Target) []Target {
	for i := range all {
		for _, r := range reasons {
			if strings.HasPrefix(all[i].Row, r.row) && (r.over == "" || r.over == all[i].Over) {
				all[i].Why = r.why
				break
			}
		}
	}
	return all
}

// A reason is for the rows that begin so, and for one contender or all. The first that fits counts.
var reasons = []struct{ row, over, why string }{
	{"1 request hit, string key, capturing loader", "", "the loader may outlive its caller (G8), so the closure is on the heap, and that is its caller's: *a capturing closure alone* is more than half of this hit. " +
		"With the loader built once, or a Func, it is not there. And go-redis/cache and otter are faster here than where the ratios were set (772 and 145 ns)."},
	{"2 request hit, Func, int key", "", "5 of the 9 ns are the exact count, one locked add, and 2 finding the request in the ctx; the prototype that the target is from did not count. The map by hand takes 0.86 of its time there."},
	{"3 process hit, Do, capturing loader", "", "*a capturing closure alone* is a third of it. The rest waits for lines of memory, one after the other: the bucket of the table, the entry, what its value points to. " +
		"Bounds, made by breaking it: without any comparison of keys it takes 0.86 of the time, without a look at the value 0.89 to 0.99, and the count is 5 ns. A Func of a number has neither closure nor key, and takes a quarter."},
	{"3 process hit, Func, string key", "", "the map knows no name, no time, no type and no count, and its key need not be made: 20 ns are the key of the name and the argument, 8 its hash. *A plain Go map* waits for two lines of memory, a hit for four."},
	{"5 miss, beside the loader", "", "every caller can leave, and the load goes on (G8), so it has a goroutine: *a goroutine whose stack grows once, a channel, and the memory of an entry* alone is as much as the whole miss of the peers, who load on the caller's. " +
		"Of what comes on top, the load's record of 568 bytes is 16 %, L2 with what it evicts 13 %, the flight 9 %, five readings of the clock 5 %. Refused: goroutines that wait for work (they belong to nobody, and to no bubble of synctest), " +
		"and frames that fit a stack of 2 KB (12 to 73 % slower, as the stack then grows further down). A loader that is worth a cache takes a thousand times as long."},
	{"10 middleware, unused", "", "*a request with a context of that size, alone* takes as long: it is http.Request.WithContext, which copies 320 bytes, and 144 of the context."},
	{"13 stampede", "", "10,000 goroutines run for the first time, each with a stack that no cache holds: 10,000 hits of a fresh value take as much processor time as these (15.2 ms and 14.9, the gate alone 12.0)."},
	{"15 hit ratio, points over golang-lru", "", "with room for 20 % of the keys golang-lru itself has nearly all that can be had, and otter no more above it than this."},
}
