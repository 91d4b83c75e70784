package scenario

// scenario.go is the list: what is run, and by what it is judged.

import (
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// A Scenario is traffic, and what happens meanwhile.
type Scenario struct {
	Name      string
	Processes int
	Writers   int           // the first ones write; 0: one
	Setup     fleet.Setup   // of every process
	Traffic   fleet.Traffic // of every process; who does not write has no operations
	Memcached []string      // more of its command line

	Servers int             // of memcached, in everybody's list; 0: one
	Spare   int             // that run, and are in nobody's list at first
	Spread  time.Duration   // within which processes hear of a change of their list; 0: they hear of none
	Skews   []time.Duration // how far the clocks of the processes are off, by turns; nil: they are not
	Length  time.Duration   // for how long to write; 0: what Run is told

	// Trouble returns when the time for writing is over, or a little later, and
	// leaves everything whole. nil: none.
	Trouble func(r *run) error
	// After is called when everything was read and all processes are still there.
	After func(r *run) error
}

// Needs is how many servers are to run.
func (s Scenario) Needs() int { return max(s.Servers, 1) + s.Spare }

const (
	// StaleBound is memo's default, by which the fleet is judged.
	StaleBound = time.Second
	// Recovery is what a deferred invalidation may take to reach the other
	// processes, once its own has memcached again: the poller comes by, delivers, and
	// the others have StaleBound from there on. It is no promise of the library,
	// which names no time; something that is never delivered exceeds any.
	Recovery = StaleBound + 2*time.Second
	// waking is the tick for which a process that was stopped may use the clock that
	// it went to sleep with, and what a busy machine needs to run it: 13 ms were seen
	// beside ten busy loops on two processors.
	waking = 250 * time.Millisecond
	// tail is for how long the readers go on after the last write, so that the last
	// version of every key is judged by the whole bound.
	tail = StaleBound + 300*time.Millisecond
	// registered is how long an invalidation may stay deferred because the writer's list
	// is new: until nobody uses what the writer did not know. A second more is for a
	// busy machine.
	registered = fleet.ListEvery + 3*time.Second + time.Second
	// untimely is how much older than its lifetime a value may be for other reasons than
	// the clock: what its load took, and a busy machine.
	untimely = 250 * time.Millisecond
	// query is what a query takes on average: long enough for an invalidation to
	// come in between now and then.
	query = 10 * time.Millisecond
)

// plain is a process in which the values of half of the keys live so short that
// they expire all the time, while the others are invalidated only.
func plain() fleet.Setup {
	return fleet.Setup{TTL: time.Minute, ShortTTL: 100 * time.Millisecond}
}

// wired is the same with a proxy before memcached.
func wired() fleet.Setup {
	s := plain()
	s.Wire = true
	return s
}

// old is the same where what has expired is served on, and is refreshed early.
func old() fleet.Setup {
	s := plain()
	s.Stale, s.Early = 500*time.Millisecond, 1
	return s
}

func oldWired() fleet.Setup {
	s := old()
	s.Wire = true
	return s
}

func mute() fleet.Setup {
	s := plain()
	s.Flaw = fleet.Mute
	return s
}

// rows is traffic on rows, derived on rows and what is made of them.
func rows(ops ...fleet.Operation) fleet.Traffic {
	return fleet.Traffic{Rows: 12, Readers: 3, ReadPause: time.Millisecond, WritePause: 15 * time.Millisecond, Operations: ops}
}

func derived(ops ...fleet.Operation) fleet.Traffic {
	tr := rows(ops...)
	tr.Rows, tr.Derived = 9, true
	return tr
}

// invalidations are all of them, mixed has Set as well, which gives each row one
// writer. InvalidateAll empties the caches of all, so it is rare.
func invalidations() fleet.Traffic {
	key, several := fleet.OneKey, fleet.SeveralKeys
	return derived(key, key, key, key, several, several, several, fleet.OneTag, fleet.OneTag, fleet.LoadersTag, fleet.LoadersTag, fleet.OneTree, fleet.Everything)
}

func mixed() fleet.Traffic {
	tr := invalidations()
	tr.Operations = append(tr.Operations, fleet.NewValue, fleet.NewValue, fleet.NewValue)
	return tr
}

// soft is tr with values that are made old and refreshed beside the writes, and fresh
// is tr with requests under memo.Fresh.
func soft(tr fleet.Traffic) fleet.Traffic {
	tr.Soft = true
	return tr
}

func fresh(tr fleet.Traffic) fleet.Traffic {
	tr.Fresh = true
	return tr
}

// many is tr by more readers, where most of the time they wait.
func many(tr fleet.Traffic) fleet.Traffic {
	tr.Readers *= 5
	return tr
}

// All returns the scenarios, in the order of the report. Where processes cannot
// hear of each other the traffic is on rows alone: a load inside of a load reads
// the log itself, and would hide what a late poll does.
func All() []Scenario {
	key := fleet.OneKey
	return []Scenario{
		{Name: "fault-free, one key at a time, 2 processes", Processes: 2, Traffic: rows(key)},
		{Name: "fault-free, one key at a time, 4 processes", Processes: 4, Traffic: rows(key)},
		{Name: "loads inside of loads", Processes: 4, Traffic: derived(key)},
		{Name: "several keys in a call", Processes: 4, Traffic: derived(fleet.SeveralKeys)},
		{Name: "tags", Processes: 4, Writers: 2, Traffic: derived(fleet.OneTag)},
		{Name: "tags of the loader", Processes: 4, Writers: 2, Traffic: derived(fleet.LoadersTag)},
		{Name: "trees", Processes: 4, Writers: 2, Traffic: derived(fleet.OneTree)},
		{Name: "InvalidateAll", Processes: 4, Traffic: derived(fleet.Everything)},
		{Name: "Set", Processes: 4, Writers: 2, Traffic: derived(fleet.NewValue)},
		{Name: "all invalidations, everybody writes", Processes: 4, Writers: 4, Traffic: invalidations()},
		{Name: "all operations, everybody writes", Processes: 4, Writers: 4, Traffic: mixed()},
		{Name: "stale values served", Processes: 4, Writers: 2, Setup: old(), Traffic: derived(key)},
		{Name: "stale values served, all operations, Expire and Refresh", Processes: 4, Writers: 4, Setup: old(), Traffic: soft(mixed())},
		{Name: "Fresh reads", Processes: 4, Writers: 2, Traffic: fresh(derived(key))},
		{Name: "Fresh reads, stale values, all operations", Processes: 4, Writers: 4, Setup: old(), Traffic: fresh(soft(mixed()))},
		{Name: "lease holders killed", Processes: 4, Writers: 2, Traffic: mixed(), Trouble: holdersKilled},
		{Name: "stale values served, holders killed", Processes: 4, Writers: 2, Setup: old(), Traffic: soft(mixed()), Trouble: holdersKilled},
		{Name: "processes start while one writes", Processes: 2, Traffic: mixed(), Trouble: joined},
		{Name: "processes stopped for 0.3 to 1.8 s", Processes: 4, Writers: 2, Traffic: rows(key), Trouble: processesStopped},
		{Name: "memcached stopped", Processes: 4, Writers: 2, Traffic: rows(key), Trouble: stopped},
		{Name: "memcached killed and restarted", Processes: 4, Writers: 2, Traffic: mixed(), Trouble: restarted},
		{Name: "memcached flushed every 0.7 s", Processes: 4, Traffic: derived(key), Trouble: flushed},
		{Name: "memcached evicts", Processes: 4, Traffic: derived(key), Memcached: []string{"-m", "1", "-I", "512k"}, Trouble: evicting},
		{Name: "control items deleted", Processes: 4, Traffic: mixed(), Trouble: controlDeleted},
		{Name: "records of the log lost", Processes: 2, Setup: mute(), Traffic: rows(key)},
		{Name: "slow network", Processes: 4, Writers: 2, Setup: wired(), Traffic: many(rows(key)), Trouble: slowNetwork},
		{Name: "slow network, all operations", Processes: 4, Writers: 2, Setup: wired(), Traffic: many(mixed()), Trouble: slowNetwork},
		{Name: "bad network", Processes: 4, Writers: 2, Setup: wired(), Traffic: mixed(), Trouble: badNetwork},
		{Name: "bad network, Fresh reads and stale values", Processes: 4, Writers: 2, Setup: oldWired(), Traffic: fresh(soft(mixed())), Trouble: badNetwork},
		{Name: "partitions that heal one by one", Processes: 4, Writers: 2, Setup: wired(), Traffic: rows(key), Trouble: partitions},
		{Name: "only the writer partitioned", Processes: 4, Setup: wired(), Traffic: derived(key), Trouble: writerPartitioned},
		{Name: "writer killed with invalidations queued", Processes: 4, Traffic: derived(key), Trouble: writerKilled},
	}
}
