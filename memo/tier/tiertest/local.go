package tiertest

import (
	"testing"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// local.go is the list of what a Local must do. The checks are in entries.go.

// TestLocal runs the conformance suite on the Local of the given capacity that
// open returns: a subtest for each rule of package tier, each on a Local of its
// own. A failure says what was seen, quotes the rule, and says what the engine
// would do wrong. A Local may round the capacity up, to twice of it at most.
//
// The subtests run in parallel and have ended when TestLocal returns. Run them
// with the race detector as well. A Local may tell OnEvict's fn later than the
// Set that needed the room; the suite waits for it.
func TestLocal(t *testing.T, open func(t *testing.T, capacity int) tier.Local) {
	t.Helper()
	run(t, "Local", localRules(), func(t *testing.T) func(int) tier.Local {
		return func(capacity int) tier.Local { return open(t, capacity) }
	})
}

func localRules() []rule[func(capacity int) tier.Local] {
	return []rule[func(capacity int) tier.Local]{
		{"Set stores", []string{
			"Get returns the entry of key or nil, and counts as a use of it.",
			"Peek is Get that does not count as a use.",
			"Set stores e under key, which is its Key, in place of any other.",
		}, "What is not found again is loaded again: the cache would do nothing, or serve the value of one key under another.", setStores},
		{"Set replaces", []string{
			"Set stores e under key, which is its Key, in place of any other.",
			"Len is the number of entries, Cap the most there can be.",
		}, "A refreshed value would not be seen, or the old one would come back once the new one has left.", setReplaces},
		{"entries are shared and not changed", []string{
			"It is immutable once stored, but for Local, Checked, Held and Retry: tiers and requests share it.",
			"A Local keeps the pointer, as a copy would race with those four, and need not look at any field but its own.",
			"Entry is one cached value with what the engine knows about it.",
		}, "Requests hold the same entry and read it without a lock: a change is a data race, and a copy does not know that it was invalidated.", entriesAreShared},
		{"a Local knows nothing of time", []string{
			"It knows nothing of time: it may forget an entry early, and the engine refuses one that is late.",
		}, "The times of an entry count from the start of the engine's own clock. Compared with the time of day, each of them is long past, and nothing would ever be found.", timeIsIgnored},
		{"a Get is a use", []string{
			"Get returns the entry of key or nil, and counts as a use of it.",
		}, "The busiest keys would leave as fast as those that nobody asks for, and be loaded again and again.", getIsAUse},
		{"a Peek is no use", []string{
			"Peek is Get that does not count as a use.",
		}, "The engine peeks at each key that another process has invalidated, to see whether it has it. That would keep just those entries young that nobody here asks for.", peekIsNoUse},
		{"Delete", []string{
			"Delete forgets key.",
			"A Get that begins after it returned does not find what was there.",
		}, "Invalidate would return, and the next request still read the old value.", deleteForgets},
		{"Clear", []string{
			"Clear forgets everything, with the promise of Delete.",
		}, "After an outage, or InvalidateAll, old values would still be served.", clearForgets},
		{"Len is never above Cap", []string{
			"A Local is the tier of one process, bounded and safe for concurrent use.",
			"Len is the number of entries, Cap the most there can be.",
		}, "The memory of the process would grow with the number of keys.", lenIsBounded},
		{"OnEvict hears of each entry that left for want of room", []string{
			"OnEvict registers fn, which hears of every entry that left for want of room.",
		}, "The statistics would say that the cache is large enough when it is not.", evictionsAreTold},
		{"OnEvict hears of nothing else", []string{
			"OnEvict registers fn, which hears of every entry that left for want of room.",
		}, "Invalidations would be counted as evictions, and the operator would buy memory that changes nothing.", onlyEvictionsAreTold},
		{"all methods at once", []string{
			"A Local is the tier of one process, bounded and safe for concurrent use.",
		}, "All requests of a process use it at the same time: it would crash, or hand out an entry of another key.", localAtOnce},
	}
}
