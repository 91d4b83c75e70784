package events

import "github.com/tiermemo/tiermemo/bench/report"

// Notes are what a reader of the tables has to know.
func Notes() report.Notes {
	return report.Notes{
		"All have a TTL of an hour, but groupcache, the dataloaders and the map by hand, which know none. tiermemo counts each hit; so do theine, ttlcache and groupcache, which cannot be told not to, and no other peer.",
		"Each contender has 8 turns in an event; in the seeds of *Hit ratio* 5, and fewer where one takes seconds (*Memory*, the server under wrk).",
		"*closure*: each call brings a loader that captures its key, as most code does; otherwise the loader was built once.",
		"By keys that are numbers, a peer whose keys are strings is given `\"user:\" + strconv.Itoa(id)`, made at every call, and `memo.Do` is given `memo.Key(\"user\", id)`.",
		"Among 1M entries a million keys are drawn, and each turn goes on where the last one ended.",
		"Serial events leave GOMAXPROCS at the number of cores, so that the garbage is collected beside the work, as in a server.",
		"Each event is measured in a process of its own, which has 64 MB without pointers beside its caches, as a service has, unless these are large themselves: a process of a few megabytes would collect its garbage hundreds of times a second.",
		"All contenders of a cell share one heap (but under *Memory* and *Hit ratio*, where a cache is made for each round and dropped): whoever allocates pays for the collector's marking of the others' entries too.",
		"redis/rueidis/rueidisaside is missing: its module cannot be downloaded here (`go mod download github.com/redis/rueidis/rueidisaside@v1.0.79` is refused by the proxy). rueidis stands in with its client-side cache and a loader by hand.",
	}
}
