package memo

import "time"

// Beside the path: each read is counted once, on its way out, by what answered it.

// outcome says what answered a read. Each read has one, and is counted by it.
type outcome uint8

const (
	outcomeL1       outcome = iota // the request's memory
	outcomeL2                      // the process tier
	outcomeL3                      // the shared tier
	outcomeLoad                    // the loader, run by this call
	outcomeJoined                  // the loader, run by another call
	outcomeStale                   // a value past its TTL
	outcomeNegative                // a cached ErrNotFound
	outcomeBypass                  // the loader, around the cache
	outcomeMiss                    // Get found nothing
	outcomeError                   // an error
	outcomes        = iota
)

// Counts is what happened since the cache was made. Calls = L1 + L2 + L3 + Loads
// + Joined + Stale + Negative + Bypass + Miss + Errors: each call of Do, Get and
// Refresh that reads, counted when it ends, by what answered it. Peek and writes are
// no Calls.
type Counts struct {
	Calls    uint64
	L1       uint64 // the request's memory
	L2       uint64 // the process tier
	L3       uint64 // the shared tier
	Loads    uint64 // the loader, run by this call; its ErrNotFound too
	Joined   uint64 // the loader, run by another call; the same
	Stale    uint64 // a value past its TTL: see Stale and StaleIfError
	Negative uint64 // an ErrNotFound that was kept: see NegativeTTL
	Bypass   uint64 // the loader, around the cache: under Bypass, or with the cache off or closed
	Miss     uint64 // nothing: Get found none
	Errors   uint64 // an error

	Runs       uint64        // runs of the loader, refreshes included; those around the cache are not
	RunErrors  uint64        // runs that returned an error, other than ErrNotFound, or anything after their ctx had ended
	RunPanics  uint64        // runs that panicked or called Goexit
	RunTime    time.Duration // time in the loader, of runs that have ended
	Refreshes  uint64        // runs that nobody waited for: see Stale and EarlyRefresh
	InFlight   int           // loads at this moment
	Entries    int           // in the process tier at this moment
	Evictions  uint64        // from the process tier, for want of room
	ValueBytes uint64        // bytes written to the shared tier

	Invalidations InvalidationStats
}

// InvalidationStats counts invalidations by kind, of this process and received
// from others.
type InvalidationStats struct {
	Keys     uint64 // keys invalidated here
	Tags     uint64 // tags
	Trees    uint64 // calls of InvalidateTree
	Expired  uint64 // keys expired here
	All      uint64 // calls of InvalidateAll
	Peer     uint64 // keys, tags and trees that other processes told of: invalidated, expired, set, added or refreshed
	Deferred uint64 // calls that returned ErrDeferred
}

// LocalStats is the process tier.
type LocalStats struct {
	Entries, Capacity int    // at this moment, and at most
	EvictedCapacity   uint64 // entries that had to go for want of room
}

// NodeStats is one member of the shared tier.
type NodeStats struct {
	Name    string
	Up      bool          // reads use it
	Since   time.Time     // of Up's last change
	Ops     uint64        // calls
	Errors  uint64        // calls that did not reach it, and not for want of a caller's patience
	Time    time.Duration // in calls
	Pending int           // invalidations that wait for it
	Lag     time.Duration // age of the last complete poll
	Epochs  uint64        // new epochs that polls have met: each time everything is loaded again
	Purges  uint64        // times that L2 was emptied because an invalidation could not be read
}

// Stats is one reading of a cache.
type Stats struct {
	Name      string
	Since, At time.Time
	Enabled   bool
	Total     Counts
	Local     LocalStats
	Nodes     []NodeStats // one for each member of the shared tier
}

// Snapshot returns the statistics of this moment. Calls is the sum of its
// outcomes; a call that is under way is counted when it ends.
func (c *Cache) Snapshot() Stats {
	if c.none() {
		return Stats{}
	}
	var n [outcomes]uint64
	c.counts.Sums(n[:])
	total := Counts{
		L1: n[outcomeL1], L2: n[outcomeL2], L3: n[outcomeL3], Loads: n[outcomeLoad], Joined: n[outcomeJoined],
		Stale: n[outcomeStale], Negative: n[outcomeNegative], Bypass: n[outcomeBypass], Miss: n[outcomeMiss], Errors: n[outcomeError],
		Runs: c.runs.Load(), RunErrors: c.runErrors.Load(), RunPanics: c.runPanics.Load(), RunTime: time.Duration(c.runTime.Load()), Refreshes: c.refreshes.Load(),
		InFlight: c.flights.InFlight(), Entries: c.cfg.Local.Len(), Evictions: c.evictions.Load(), ValueBytes: c.valueBytes.Load(),
		Invalidations: InvalidationStats{
			Keys: c.invalidatedKeys.Load(), Tags: c.invalidatedTags.Load(), Trees: c.invalidatedTrees.Load(), Expired: c.expired.Load(), All: c.invalidatedAll.Load(), Peer: c.peerKeys.Load(), Deferred: c.deferred.Load(),
		},
	}
	for _, calls := range n {
		total.Calls += calls
	}
	s := Stats{
		Name: c.cfg.Name, Since: c.since, At: time.Now(), Enabled: c.Enabled(), Total: total,
		Local: LocalStats{Entries: total.Entries, Capacity: c.cfg.Local.Cap(), EvictedCapacity: total.Evictions},
	}
	for _, d := range c.members.all() {
		s.Nodes = append(s.Nodes, d.stats())
	}
	return s
}

func (d *domain) stats() NodeStats {
	d.mu.Lock()
	since := d.since
	d.mu.Unlock()
	return NodeStats{
		Name: d.node.Name(), Up: d.up.Load(), Since: since,
		Ops: uint64(d.ops.Load()), Errors: uint64(d.errs.Load()), Time: time.Duration(d.opTime.Load()),
		Epochs: d.epochs.Load(), Purges: d.purges.Load(),
		Pending: int(d.waiting.Load()), Lag: time.Duration(d.cache.clock.Exact() - d.covered.Load()),
	}
}
