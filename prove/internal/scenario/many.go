package scenario

// many.go is the list of what only a fleet with several servers can be put through,
// and all scenarios on so many.

import (
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// On returns the scenarios for so many servers. With one they are those of All; with
// more each of those is played on as many, where a fault of memcached hits one of
// them at a time, or two, and Many follow.
func On(servers int) []Scenario {
	list := All()
	if servers <= 1 {
		return list
	}
	for i := range list {
		list[i].Servers = servers
	}
	return append(append(list, Many(servers)...), Soak(servers, 10*time.Minute))
}

// told is a process that asks for its list again and again.
func told() fleet.Setup {
	s := plain()
	s.Told = true
	return s
}

// lists are changed while three of four processes write.
func lists(name string, servers, spare int, tr fleet.Traffic, trouble func(*run) error) Scenario {
	return Scenario{Name: name, Processes: 4, Writers: 3, Servers: servers, Spare: spare, Spread: soon, Setup: told(), Traffic: slowly(tr), Trouble: trouble}
}

// apart is s with processes that hear of a list at very different times.
func apart(s Scenario) Scenario {
	s.Spread = late
	return s
}

// slowly is tr with rows that rest for longer than an invalidation may be deferred
// because a list is new to somebody.
func slowly(tr fleet.Traffic) fleet.Traffic {
	tr.Turn = 5 * time.Second
	return tr
}

// together are the operations that concern several servers at once.
func together() fleet.Traffic {
	return derived(fleet.SeveralKeys, fleet.SeveralKeys, fleet.OneTag, fleet.LoadersTag, fleet.OneTree, fleet.Everything)
}

// Many returns the scenarios that need several servers: n of them.
func Many(n int) []Scenario {
	key := fleet.OneKey
	return []Scenario{
		{Name: "servers in another order in each process", Processes: 4, Writers: 4, Servers: n, Traffic: mixed()},
		{Name: "one server dead for good", Processes: 4, Writers: 2, Servers: n, Traffic: mixed(), Trouble: lostForGood, After: (*run).bringBack},
		{Name: "one server dead for good, one key at a time", Processes: 4, Writers: 2, Servers: n, Traffic: rows(key), Trouble: lostForGood, After: (*run).bringBack},
		{Name: "one server slow", Processes: 4, Writers: 2, Servers: n, Setup: wired(), Traffic: many(mixed()), Trouble: slowServer},
		{Name: "a server is back with what it held", Processes: 4, Writers: 2, Servers: n, Setup: wired(), Traffic: rows(key), Trouble: cameBack},
		{Name: "a server is back with what it held, all operations", Processes: 4, Writers: 2, Servers: n, Setup: wired(), Traffic: mixed(), Trouble: cameBack},
		{Name: "several keys, tags and trees while one server fails", Processes: 4, Writers: 2, Servers: n, Setup: wired(), Traffic: together(), Trouble: oneFails},
		lists("a server is added", n, 2, mixed(), added),
		lists("a server is removed", n+1, 0, mixed(), removed),
		lists("a server is removed and put back", n, 0, mixed(), putBack),
		lists("a server is removed and put back, one key at a time", n, 0, rows(key), putBack),
		lists("a server is replaced", n, 1, mixed(), replaced),
		lists("a server is replaced, one key at a time", n, 1, rows(key), replaced),
		apart(lists("processes hear of a list up to 5 s apart", n, 1, mixed(), heardLate)),
		apart(lists("processes hear of a list up to 5 s apart, one key at a time", n, 1, rows(key), heardLate)),
		apart(lists("processes hear of a list up to 5 s apart, tags of the loader", n, 1, derived(fleet.LoadersTag), heardLate)),
		apart(lists("processes hear of a list up to 5 s apart, trees", n, 1, derived(fleet.OneTree), heardLate)),
		{Name: "processes are restarted with another list, one by one", Processes: 4, Writers: 3, Servers: n, Spare: 1, Traffic: slowly(mixed()), Trouble: rolledOut},
		{Name: "the same, and they are killed", Processes: 4, Writers: 3, Servers: n, Spare: 1, Traffic: slowly(mixed()), Trouble: rolledOutHard},
		{Name: "the same, one key at a time", Processes: 4, Writers: 3, Servers: n, Spare: 1, Traffic: slowly(rows(key)), Trouble: rolledOutHard},
		Clocks(n),
	}
}

// Clocks is processes whose clocks are off, and values that are served past their end,
// refreshed before it, expired and refreshed: all that compares one process's clock
// with another's.
func Clocks(servers int) Scenario {
	key := fleet.OneKey
	tr := soft(derived(key, key, key, fleet.SeveralKeys, fleet.OneTag, fleet.LoadersTag, fleet.NewValue)) // what empties everything would let nothing grow old
	tr.Aged = 12
	return Scenario{
		Name: "clocks two seconds apart, soft lifetimes", Processes: 3, Writers: 3, Servers: servers,
		Skews: []time.Duration{-2 * time.Second, 0, 2 * time.Second}, Setup: old(), Traffic: tr,
	}
}
