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

const countsExactly = "each hit is counted exactly, by a locked add (2.3 ns alone: go test -bench Add ./internal/stripe); the prototype that the target is from did not count."

// A reason is for the rows that begin so, and for one contender or all. The first that fits counts.
var reasons = []struct{ row, over, why string }{
	{"1 request hit, string key, loader built once, 100 keys", "", "from the fifth key on a request has a hash table. A hit waits for its cell, its Item and its key, which for a hundred keys are three hundred lines of memory, with the entries four hundred, 25 of the 32 KB that are nearest to a core here. Alone, without other contenders in turn, it is less: go test -run '^$' -bench HitOfSeveral -cpu 1 ./memo."},
	{"1 request hit, string key, loader built once", "", countsExactly},
	{"1 request hit, string key, capturing loader", "", "the loader may outlive its caller (G8), so the closure is on the heap, and that is its caller's: two thirds of this hit, as the one with the loader built once shows, and *a capturing closure alone* among the process hits. " +
		"A Func has none. And go-redis/cache and otter are faster here than where the ratios were set (772 and 145 ns)."},
	{"2 request hit, Func, int key", "", countsExactly},
	{"3 process hit, Do, capturing loader", "", "*a capturing closure alone* is a third of it. The rest waits for lines of memory, one after the other: the bucket of the table, the entry, what its value points to. " +
		"Bounds, made by breaking it: without any comparison of keys it takes 0.86 of the time, without a look at the value 0.89 to 0.99. A Func of a number has neither closure nor key, and takes a quarter."},
	{"3 process hit, Func, string key", "", "the map knows no name, no time, no type and no count, and its key need not be made of a name and the argument. *A plain Go map* waits for two lines of memory, a hit for four."},
	{"5 miss, beside the loader", "", "every caller can leave, and the load goes on (G8), so it has a goroutine: *a goroutine whose stack grows once, a channel, and the memory of an entry* alone is as much as the whole miss of otter, which loads on the caller's. " +
		"Of what comes on top, the load's record of 568 bytes is 16 %, L2 with what it evicts 13 %, the flight 9 %, five readings of the clock 5 %. Refused: goroutines that wait for work (they belong to nobody, and to no bubble of synctest), " +
		"and frames that fit a stack of 2 KB (12 to 73 % slower, as the stack then grows further down). A loader that is worth a cache takes a thousand times as long."},
	{"8 batch of 100, in the process, new slice", "", "nearly two thirds of it is the new slice and its collection, as the one into the caller's slice shows: who hands in the slice of his last call has neither."},
	{"9 batch of 100, in the shared tier", "gomemcache GetMulti of the same keys", "what no raw client does: of the processor time of the caller's goroutine the envelope and its checksum take 7 %, to watch the keys for invalidations 7 %, the entries 5 %, and what turns bytes into a value, beside their copy, 10 %; the read itself takes 24 %, and the copy 14 % " +
		"(go test -run '^$' -bench SharedAlone/batch=100/hit -benchtime 15000x -cpuprofile cpu ./memo). " +
		"Refused: room that is used again for entries that nobody keeps, which took as long, and one allocation for all entries, where one that stays would keep 99 others."},
	{"9 batch of 100, in the shared tier", "gomemcache Get, one after the other", "how long a hundred round trips take depends on whether the two cores are awake: *gomemcache GetMulti of the same keys* beside them says how much of that a batch can spare."},
	{"10 middleware, unused, of a server's processor time", "", "the middleware takes some hundred nanoseconds of the many thousand that the server spends on a request, as the rows of both have it: less than the spread of the rounds, which the table has too."},
	{"10 middleware, unused", "", "*a request with a context of that size, alone* is nearly all of it, and more than the target: it is http.Request.WithContext, which copies 320 bytes, and 144 of the context. A smaller context, that made its memory when it is used, would cost the first call of a request one more allocation (docs/adr/0023-a-request-in-one-allocation.md)."},
	{"12 stampede of 10,000, a request each", "", "each of the 10,000 makes the memory of a request before it waits, which the channel alone does not: without requests the same stampede meets its target."},
	{"13 stampede", "", "10,000 goroutines run for the first time, each with a stack that no cache holds: as many hits of a fresh value took as much processor time as these."},
	{"15 hit ratio, points over golang-lru", "", "with room for 20 % of the keys golang-lru itself has nearly all that can be had, and otter no more above it than this."},
}
