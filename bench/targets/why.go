package targets

import "strings"

// why.go is what RESULTS.md says of the targets that are not met: what the profile shows, and
// what the machine takes for the part that nobody can leave out. Where that part can be measured
// alone it is a row of the same table, slanted. And it is what a peer who wins need not do.

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
	{"1 request hit, string key, loader built once", "", countsExactly + " And the map by hand takes less here than where the ratio was set (18.6 ns)."},
	{"1 request hit, string key, capturing loader", "", "the loader may outlive its caller (G8), so the closure is on the heap, and that is its caller's: two thirds of this hit, as the one with the loader built once shows, and *a capturing closure alone* among the process hits. " +
		"A Func has none. And go-redis/cache and otter are faster here than where the ratios were set (772 and 145 ns)."},
	{"2 request hit, Func, int key", "", countsExactly},
	{"3 process hit, Do, capturing loader", "", "*a capturing closure alone* is a third of it. The rest waits for lines of memory, one after the other: the bucket of the table, the entry, what its value points to. " +
		"Bounds, made by breaking it: without any comparison of keys it takes 0.86 of the time, without a look at the value 0.89 to 0.99. A Func of a number has neither closure nor key, and takes a quarter."},
	{"3 process hit, Func, int key", "otter", "the ratio was set for an otter with a loader that captures (145 ns). Since then it is asked here with a loader built once and with the numbers themselves, as its own users would: of *otter, closure*, in the same row, a Func takes a fifth and less."},
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

// Behind says of each section why a peer can be better there.
var Behind = map[string]string{
	"Request-tier hit": "A loader that captures is on the heap, since it may outlive its caller (G8); the map by hand calls it at once, and it stays on the stack. A `Func` captures nothing. " +
		"Under contexts of others the walk through them is most of a hit, and at its end the map's is a type that package context knows, and ours a method to call.",
	"Process-tier hit": "otter's keys are the numbers themselves. `memo.Do` has a text for a key, of a name and the number, since memcached and the other processes know it by that: to make it takes 40 ns, and its loader captures. " +
		"A `Func` of a number goes by the number, too. Among a million entries asked for evenly everybody waits for memory: golang-lru has a value inside of its node, and ours lies on a line of its own.",
	"Shared-tier hit":  "One caller waits for two processes to wake one after the other: the rounds of a row differ three times as much as the rows. Beside the value we ask for a counter and the markers of tags, check what comes, and watch for an invalidation that overtakes it; with 32 callers that shows nowhere.",
	"Miss, and writes": "A load has a goroutine of its own, so that every caller can leave (row 5 of *Why not*); the peers here load on their caller's. It is 2 to 3 µs of a call that waits for a database. Mixed calls are the same: each write costs a miss.",
	"Invalidation": "In the process a deletion of ours marks every load and every read of the key that is under way, so that none keeps what is old (G6), and is counted; a map with a mutex forgets the key and no more. With a tag the ten loads afterwards, each as above, are most of it. " +
		"In the shared tier it is two round trips: others hear of it by a number that has to be drawn first. Who is faster there tells nobody, or has a server that tells its clients.",
	"Stampede":        "What is left when the load has landed is to run so many goroutines on two cores, and the last of a hundred is the figure: the rounds of one row differ more than the rows. The loads, and the memory for each caller, are what a cache can do about it.",
	"Hit ratio":       "The policy of ours reads without writing, and is half a point to a point behind W-TinyLFU where favourites stay. The loop has exactly as many keys as there is room: in shards of a cache some get a few more than they hold.",
	"Memory":          "An entry of ours has beside key and value when it was made and ends, its stamp, its tags, whose statistics it counts for, and the bytes of a short key once more, near to what a hit reads. In the cache that turns over each call is a miss.",
	"Middleware":      "A request has the memory for its first keys in it from the start, 144 bytes with its context; by hand there is a pointer, and what it points to is made when it is used, which is where ours is ahead.",
	"Start and Close": "Once in the life of a process: the index for 10,000 entries, 64 shards of loads in flight, a clock that ticks, and the wait for its goroutines at the end.",
}
