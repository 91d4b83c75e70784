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
	{"1 request hit, string key, capturing loader", "", "the loader may outlive its caller (G8), so the closure is on the heap, and that is its caller's: more than half of this hit, as the one with the loader built once shows, and *a capturing closure alone* among the process hits. " +
		"A Func has none. And go-redis/cache and otter are faster here than where the ratios were set (772 and 145 ns)."},
	{"2 request hit, Func, int key", "otter, int keys (no request tier)", "the ratio was set for an otter with a loader that captures (145 ns); here it has a loader built once, and the numbers themselves for keys."},
	{"2 request hit, Func, int key", "", countsExactly},
	{"3 process hit, Do, capturing loader", "", "*a capturing closure alone* is a fifth to a third of it. The rest waits for lines of memory, one after the other: the bucket of the table, the entry, what its value points to. " +
		"A Func of a number has neither closure nor key, and takes a fifth."},
	{"3 process hit, Func, int key", "otter", "the ratio was set for an otter with a loader that captures (145 ns). Here it is asked with a loader built once and with the numbers themselves, as its own users would, and the target is met or missed from one hour to the next: see the rounds."},
	{"3 process hit, Func, string key", "", "the map knows no name, no time, no type and no count, and its key need not be made of a name and the argument. *A plain Go map* waits for two lines of memory, a hit for four."},
	{"5 miss, beside the loader", "", "every caller can leave, and the load goes on (G8), so it has a goroutine: *a goroutine whose stack grows once, a channel, and the memory of an entry* alone is as much as the whole miss of otter, which loads on the caller's. " +
		"Of the whole, to begin that goroutine takes 5 %, to grow its stack 12 %, the scheduler 8 %, memory and its collection 17 %, L2 with what it evicts 8 %, the clock 6 %; the rest is spread over options, flight and entry " +
		"(go test -run '^$' -bench 'Hit/miss$' -cpu 1 -benchtime 1500000x -cpuprofile cpu ./memo). Refused: goroutines that wait for work (they belong to nobody, and to no bubble of synctest), " +
		"and frames that fit a stack of 2 KB (12 to 73 % slower, as the stack then grows further down). A query takes a hundred times as long, and more."},
	{"8 batch of 100, in the process, new slice", "", "half of it, and more, is the new slice and its collection, as the one into the caller's slice shows: who hands in the slice of his last call has neither."},
	{"9 batch of 100, in the shared tier", "gomemcache GetMulti of the same keys", "what no raw client does: of the processor time of the caller's goroutine the envelope and its checksum take 7 %, to watch the keys for invalidations 7 %, the entries 5 %, and what turns bytes into a value, beside their copy, 10 %; the read itself takes 24 %, and the copy 14 % " +
		"(go test -run '^$' -bench SharedAlone/batch=100/hit -benchtime 15000x -cpuprofile cpu ./memo). " +
		"Refused: room that is used again for entries that nobody keeps, which took as long, and one allocation for all entries, where one that stays would keep 99 others."},
	{"9 batch of 100, in the shared tier", "gomemcache Get, one after the other", "how long a hundred round trips take depends on whether the two cores are awake: *gomemcache GetMulti of the same keys* beside them says how much of that a batch can spare."},
	{"10 middleware, unused, of a server's processor time", "", "the middleware takes some hundred nanoseconds of the many thousand that the server spends on a request, as the rows of both have it: less than the spread of the rounds, which the table has too."},
	{"10 middleware, unused", "", "*a request with a context of that size, alone* is nearly all of it, and more than the target: it is http.Request.WithContext, which copies 320 bytes, and 144 of the context. A smaller context, that made its memory when it is used, would cost the first call of a request one more allocation (docs/adr/0023-a-request-in-one-allocation.md)."},
	{"11 middleware, 10 calls", "", "the same by hand, beside it, takes half as long again, which is more than its target asks: what is missed are the nanoseconds of a machine without neighbours."},
	{"12 stampede of 10,000, a request each", "", "each of the 10,000 makes the memory of a request before it waits, which the channel alone does not: without requests the same stampede meets its target."},
	{"13 stampede", "", "10,000 goroutines run for the first time, each with a stack that no cache of the processor holds; the gate alone, which they all wait at before, is most of it."},
	{"15 hit ratio, points over golang-lru", "", "with room for 20 % of the keys nobody has much to gain over golang-lru: otter has no more above it than this."},
}

// Behind says of each section why a peer can be better there.
var Behind = map[string]string{
	"Request-tier hit": "A loader that captures is on the heap, since it may outlive its caller (G8); the map by hand calls it at once, and it stays on the stack. A `Func` captures nothing. " +
		"Under contexts of others both walk through them; at the end of the walk the map's is a type that package context knows, and ours a method to call. dataloadgen is held in a variable here, and walks nothing.",
	"Process-tier hit": "otter's keys are the numbers themselves. `memo.Do` has a text for a key, of a name and the number, since memcached and the other processes know the value by that, and has made it, hashed it and compared it when otter has its answer. " +
		"A `Func` of a number goes by the number, too. Where a value of 20 fields comes from memory that no cache of the processor holds, golang-lru and otter have it inside of their node, and ours lies on lines of its own.",
	"Shared-tier hit": "Beside the value we ask for a counter and for the markers of tags, check what comes, and watch for an invalidation that overtakes it. The raw clients ask for the value alone, of which nobody knows whether it still holds. " +
		"With one caller each round trip waits for two processes to wake one after the other: compare the rows of 32.",
	"Miss, and writes": "A load has a goroutine of its own, so that every caller can leave, and is watched by invalidations; *Why not* has the parts (row 5). The peers load on their caller's. It is 2 to 4 µs of a call that waits for a database. Mixed calls are the same: each write costs a miss.",
	"Invalidation": "In the process a deletion of ours marks every load and every read of the key that is under way, so that none keeps what is old (G6), and is counted. With a tag the ten loads afterwards, each a miss as above, are most of it. " +
		"In the shared tier it is two round trips, and three commands (docs/operations.md): others hear of it by a number that has to be drawn first. Who is faster there tells nobody, or has a server that tells its clients.",
	"Stampede": "Who waits here can leave when his context ends: he waits for one of two channels, as *a closed channel, with ctx* does. golang-lru + singleflight and sturdyc wait for a sync.WaitGroup, which wakes sooner and which nobody can leave. " +
		"Beyond that the last of a hundred goroutines on two cores is the figure.",
	"Hit ratio": "Our policy is of the family of S3-FIFO, whose hit writes next to nothing; it is up to a point behind W-TinyLFU where favourites stay. A loop that is larger than the room is its worst case: each key leaves just before it comes again, as in an LRU, where W-TinyLFU keeps those that came first. " +
		"Where the loop has exactly as many keys as there is room, some shards get a few more than they hold.",
	"Memory":          "An entry of ours has beside key and value when it was made and ends, its stamp, its tags, whose statistics it counts for, and the bytes of a short key once more, near to what a hit reads. In the cache that turns over each call is a miss, as above.",
	"Middleware":      "A request has the memory for its first keys in it from the start, 144 bytes with its context; by hand there is a pointer, and what it points to is made when it is used, which is where ours is ahead.",
	"Start and Close": "Once in the life of a process: the index for 10,000 entries, the shards of loads in flight, a clock that ticks, and the wait for its goroutines at the end.",
}
