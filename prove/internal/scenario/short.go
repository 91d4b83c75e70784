package scenario

// short.go is what `make test` has the time for: of each kind of trouble one scenario,
// under the traffic that shows most. `make prove` plays all.

import (
	"slices"
	"time"
)

// Short returns scenarios on one server, and on several.
func Short() (list []Scenario) {
	const several = 3
	list = named(All(),
		"fault-free, one key at a time, 4 processes",
		"all operations, everybody writes",
		"Fresh reads, stale values, all operations",
		"stale values served, holders killed",
		"processes start while one writes",
		"processes stopped for 0.3 to 1.8 s",
		"memcached stopped",
		"memcached killed and restarted",
		"memcached evicts",
		"control items deleted",
		"slow network, all operations",
		"bad network, Fresh reads and stale values",
		"partitions that heal one by one",
		"writer killed with invalidations queued",
	)
	list = append(list, named(Many(several),
		"servers in another order in each process",
		"one server dead for good",
		"a server is back with what it held",
		"several keys, tags and trees while one server fails",
		"a server is removed and put back",
		"a server is replaced",
		"processes hear of a list up to 5 s apart",
		"processes are restarted with another list, one by one",
		"clocks two seconds apart, soft lifetimes",
	)...)
	return append(list, Soak(several, 12*time.Second))
}

// named returns those of list that have one of the names. A name that none has is a
// mistake in this file.
func named(list []Scenario, names ...string) (picked []Scenario) {
	for _, name := range names {
		i := slices.IndexFunc(list, func(s Scenario) bool { return s.Name == name })
		if i < 0 {
			panic("scenario: there is no scenario " + name)
		}
		picked = append(picked, list[i])
	}
	return picked
}
