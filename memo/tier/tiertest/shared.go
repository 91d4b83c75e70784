package tiertest

import (
	"testing"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// shared.go is the list of what a Shared and its Nodes must do. The checks are
// beside it, by subject: members.go, items.go, writes.go, lifetimes.go, order.go,
// discreet.go, processes.go.

// TestShared runs the conformance suite on the Shared that open returns: a
// subtest for each rule of package tier, each on a Shared of its own. A failure
// says what was seen, quotes the rule, and says what the engine would do wrong.
//
// The subtests run in parallel and have ended when TestShared returns. open is
// called once for each, twice where two processes are compared. Each call must
// return a Shared of its own, and all of them must be clients of one store: else
// the subtest "two processes have one store" fails, for it has nothing to
// compare. &struct{ tier.Shared }{s} is a client of a store s that is in memory.
//
// The store need not be empty, for each subtest has keys of its own, which it
// deletes at its end. It must have room: what the suite stores may not be
// evicted meanwhile. A Shared that is an io.Closer is closed by the suite, as
// the Close of a cache would; what lies below it, a server for example, is up to
// open and its t.Cleanup. A list that is empty at first may take some seconds to
// be filled, and must not change from then on.
//
// Four rules wait until an item expires, which takes some seconds. What no test
// can see from outside is not tested: that GetMulti is one round trip, that a
// Ping does not delay other Nodes, what happens while a server is away, and what
// becomes of a list that changes.
func TestShared(t *testing.T, open func(t *testing.T) tier.Shared) {
	t.Helper()
	run(t, "Shared", sharedRules(), func(t *testing.T) func() tier.Shared {
		return func() tier.Shared { return open(t) }
	})
}

func sharedRules() []rule[func() tier.Shared] {
	return []rule[func() tier.Shared]{
		{"Nodes are named and their list is left alone", []string{
			"A Shared is a list of Nodes.",
			"Name identifies the Node, for example \"10.0.0.2:11211\": keys are placed by it.",
			"Nodes returns the present members, each Name once, in any order.",
			"The slice is not modified later; a change makes a new one.",
			"All methods are safe for concurrent use.",
		}, "The engine runs one log for each member and tells them apart by name. If the list changes under it, the log of a member is read twice, or not at all: invalidations are missed.", nodesAreNamed},
		{"members stay", []string{
			"A member that stays is the same Node, by ==, and one that fails is still a member.",
		}, "The engine would take the member for one that left: its keys would be placed on the others while it is away, and move back with it; all of them are loaded anew each time.", membersStay},
		{"a store has one name in all processes", []string{
			"A Node has one Name in all processes, which never changes, and no other Node has it.",
		}, "Each process would find no member that all the others have too, and so nothing that they could share.", namesAreEverybodys},
		{"a Fixed list is the same in every process", []string{
			"Fixed reports whether these are the members for ever, and the same in every process.",
		}, "One process would invalidate a key on one member while another reads it from the next, and the old value would stay.", fixedIsFixed},
		{"a Node that is closed is replaced", []string{
			"A Node that is closed is not returned again: where its name is a member again, it has a new Node.",
		}, "A server that leaves the list and comes back at the moment at which the engine closes it would be a member that fails every call, for ever.", closedIsReplaced},
		{"a Node has its own keys", []string{
			"A Node has its own keys, its own counter and its own log, and the coherence protocol runs once over each.",
		}, "Each member has its counter under the same key. Shared between them, the counter of one would move whenever the other's does, and both logs would be full of holes.", nodesHaveTheirOwnKeys},
		{"Close", []string{
			"The Close of the cache closes it, and it closes all Nodes that are left.",
			"Calls that come later return, and open nothing.",
			"Closing again is no error, of either.",
		}, "Every process that shuts down in good order would report an error, or not come to its end; and an invalidation that comes late would end the program.", closeWorks},
		{"Ping", []string{
			"Ping reports whether the Node answers.",
		}, "A member that is well would be reported as down, or one that is not as well.", pingReports},

		{"GetMulti fills each place", []string{
			"GetMulti fills items[i] for keys[i] in one round trip; an absent key leaves a zero Item.",
		}, "The engine reads the counter and a value in one call, and a poll reads many records. In the wrong places, the value of one key is taken for that of another, or an invalidation for one that never was.", getMultiFillsEachPlace},
		{"an item exists even if it is empty", []string{
			"Item is what a Node holds under one key.",
			"Value: never nil for an item that exists",
			"Found reports whether the item exists.",
		}, "The engine would take what is stored for absent, and load again at every read.", emptyItemsExist},
		{"each version has its own CAS id", []string{
			"CAS: identifies this version of the item; 0 says that the item is absent",
		}, "A lease that was deleted by an invalidation and taken again by another process would look like the first one: the load that began before the invalidation would store its old value.", versionsDiffer},
		{"values come back as they were", []string{
			"Item is what a Node holds under one key.",
			"Add stores value if the key is absent, else ErrExists.",
		}, "The engine would find an envelope that it cannot read, and load again at every read; or, if the bytes are still the caller's, serve one value under the key of another.", valuesComeBack},
		{"a key that cannot be held is refused", []string{
			"ErrRefused: too large, or a key the backend cannot hold; nothing is stored",
		}, "Any other error counts as a failure of the Node: after a few, all reads would go on without the shared tier because of one key. A key that is cut off or changed would share its value with another.", badKeysAreRefused},
		{"a value that is too large is refused", []string{
			"ErrRefused: too large, or a key the backend cannot hold; nothing is stored",
		}, "Any other error counts as a failure of the Node: after a few, all reads would go on without the shared tier because of one value. A value that is cut off is loaded again at every read.", largeValuesAreRefused},

		{"Add", []string{
			"Add stores value if the key is absent, else ErrExists.",
			"ErrExists: Add: the key is present",
		}, "Leases are taken by Add. If two can have one, two processes load the same key; if nobody can, everyone waits for a lease that is not there.", addStoresWhatIsAbsent},
		{"CompareAndSwap", []string{
			"CompareAndSwap replaces the version cas of the item, else ErrConflict or ErrNotFound.",
			"ErrNotFound: CompareAndSwap, CompareAndDelete, Incr, Touch: the key is absent",
			"ErrConflict: CompareAndSwap, CompareAndDelete: another CAS id",
		}, "Values are stored by CompareAndSwap over the lease of their load. If it succeeds although the lease is gone, a value from before an invalidation is stored after it, and everyone reads it until it expires.", compareAndSwapReplaces},
		{"CompareAndDelete", []string{
			"CompareAndDelete deletes the version cas of the item, else ErrConflict or ErrNotFound.",
			"ErrNotFound: CompareAndSwap, CompareAndDelete, Incr, Touch: the key is absent",
			"ErrConflict: CompareAndSwap, CompareAndDelete: another CAS id",
		}, "A load that fails gives its lease back by CompareAndDelete. If that deletes another version, it takes the lease, or the new value, of somebody else away.", compareAndDeleteDeletes},
		{"Incr", []string{
			"Incr adds delta to a decimal uint64 and returns the sum, else ErrNotFound.",
			"ErrNotFound: CompareAndSwap, CompareAndDelete, Incr, Touch: the key is absent",
		}, "Each invalidation draws a number of its own by Incr, from a counter whose upper bits are random: it is often above 2^63. Of two with the same number one is lost, and the other processes go on with the old value.", incrCounts},
		{"Incr makes a version with the same ttl", []string{
			"It keeps the item's ttl and changes its CAS.",
		}, "InvalidateAll replaces the counter by its CAS id: if Incr leaves that as it is, an invalidation that was counted in between is lost. If Incr changes the ttl, the counter ends, and with it everything that is cached.", incrKeepsTheTTL},
		{"Touch", []string{
			"Touch gives an existing item a new ttl and keeps its CAS, else ErrNotFound.",
			"ErrNotFound: CompareAndSwap, CompareAndDelete, Incr, Touch: the key is absent",
		}, "A long load keeps its lease by Touch. If the lease ends all the same, a second process loads too; if its CAS id changes, the load cannot store its value.", touchKeepsTheCAS},
		{"Delete", []string{
			"Delete removes keys; an absent key is no error.",
		}, "Invalidate deletes the item. If it stays, every process goes on reading the old value; if an absent key is an error, each such invalidation waits in a queue for a server that is well.", deleteRemoves},

		{"a ttl is a lower bound", []string{
			"A ttl is a lower bound: a backend that counts whole seconds rounds up.",
		}, "Leases live for two seconds, and are renewed in time for that. One that ends early lets a second process load; a record of the log that does makes every process forget all that it has.", ttlIsALowerBound},
		{"a ttl ends", []string{
			"What has a ttl ends, within seconds after it.",
		}, "A process that dies leaves its leases behind: everyone else would wait for them, up to the LoadTimeout, at every read.", ttlEnds},
		{"a ttl of 0 or less is an error", []string{
			"A ttl of 0 or less is an error.",
		}, "To memcached and others 0 means for ever: a ttl that was rounded down to it would make an item that never ends.", ttlIsPositive},
		{"a long ttl and NoExpiry", []string{
			"NoExpiry as a ttl keeps an item until it is evicted.",
			"It may be NoExpiry in every method that takes one.",
			"It is not 0, so that a ttl rounded down to 0 is never immortal.",
			"A ttl is a lower bound: a backend that counts whole seconds rounds up.",
		}, "The counter has no expiry. Where it ends all the same, because the number of seconds overflows or is taken for a time of day, everything that is cached is void again and again.", longTTLs},

		{"a call ends with its ctx", []string{
			"All methods are safe for concurrent use and return when ctx ends, by its deadline or before.",
			"Answers of a Node.",
			"They are part of the protocol: the server was reached and said no.",
			"Any other non-nil error means that the Node could not be reached and that a write may, or may not yet, have been applied.",
		}, "While a server hangs, each request would wait for it in place of loading after ReadTimeout (100ms), also one whose caller has left, and Close would wait too; and if the error were an answer, the engine would take a member that is down for one that is well.", callsEnd},
		{"errors name no key and no value", []string{
			"The text of an error ends in logs: it has no keys and no values in it.",
		}, "The engine logs why the Node does not answer, and names no key of its own accord. Whoever may read the log would read the names, mail addresses and tokens that keys are made of.", errorsAreDiscreet},
		{"all methods at once", []string{
			"All methods are safe for concurrent use and return when ctx ends, by its deadline or before.",
		}, "The requests of a process use the Node all at the same time, next to the poller.", methodsAtOnce},
		{"a read sees what was written before", []string{
			"A Node is one store with one order of writes.",
		}, "A process that has deleted the old value could read it again, from a replica or from a reply that was meant for an earlier read, and keep it: no invalidation to come would remove it.", readsSeeWrites},
		{"two processes have one store", []string{
			"A Node is one store with one order of writes.",
		}, "Nobody would hear of an invalidation by another process: the counter would seem to stand still. And of two loads at once, or of a load and an invalidation, both would store.", processesHaveOneStore},
		{"a write is whole", []string{
			"A write must be applied whole or not at all, and may be applied after its call has failed.",
		}, "A reader would get the beginning of one value and the end of another.", writesAreWhole},
	}
}
