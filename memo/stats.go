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
	Bypass   uint64 // the loader, around the cache: under Bypass, in a Tx, or with the cache off or closed
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
	Trees    uint64 // calls of InvalidateTree, and of InvalidateAll under Vary
	Expired  uint64 // keys expired here
	All      uint64 // other calls of InvalidateAll
	Peer     uint64 // keys, tags and trees that other processes told of: invalidated, expired, set, added or refreshed
	Deferred uint64 // calls that returned ErrDeferred
}

// FuncStats is the Counts of one name: a Func's, else the first part of the keys, or what
// Name says. Calls without a name, and those of the 201st and later ones, are "other"'s,
// which is left out while there is nothing to count for it.
//
// Under the name of the call are its outcome, its runs and what they stored in the
// shared tier; those of a load count once, for the caller that led it. Under the name of
// the key, whatever the calls say, are Entries, Evictions and the invalidations of keys
// and trees; a tree of one part, and what other processes told of, if the name has been
// met here before, else for "other". Tags, All and Deferred are the cache's alone, and 0
// here, and so are others' tags in Peer. Of a Local that forgets what is not evicted and
// was not deleted, Entries counts what it was given.
type FuncStats struct {
	Name string
	Counts
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
	Used    bool          // values have their place there, also while it is down. A Node that has just joined the list has none yet, one that leaves has none any more
	Since   time.Time     // of Up's last change
	Ops     uint64        // calls
	Errors  uint64        // calls that did not reach it, and not for want of a caller's patience
	Time    time.Duration // in calls
	Pending int           // invalidations that wait for it, or to be told by way of it once more
	Lag     time.Duration // age of the last complete poll; of one that was never reached, of the cache
	Epochs  uint64        // new epochs that polls have met: each time all that it held is loaded again
	Purges  uint64        // times that L2 was emptied because an invalidation could not be read
}

// Stats is one reading of a cache.
type Stats struct {
	Name      string
	Since, At time.Time
	Enabled   bool
	Total     Counts      // the sum of Funcs, and what FuncStats leaves out
	Funcs     []FuncStats // by name; at most 200 and "other"
	Local     LocalStats
	Nodes     []NodeStats // one for each member of the shared tier
}

// Snapshot returns the statistics of this moment. In every Counts, Calls is the sum of
// its outcomes, and Total that of Funcs, also while others call; a call that is under
// way is counted when it ends. When nobody calls, it is one consistent reading. Its cost
// grows with the names, and not with the keys.
func (c *Cache) Snapshot() Stats {
	if c.none() {
		return Stats{}
	}
	s := Stats{Name: c.cfg.Name, Since: c.since, At: time.Now(), Enabled: c.Enabled()}
	era := c.era.Load()
	for _, t := range c.names.now.Load().sorted() {
		f := FuncStats{t.name, t.counts(era)}
		if t == c.names.other && f.Counts == (Counts{}) {
			continue
		}
		s.Funcs = append(s.Funcs, f)
		s.Total.add(&f.Counts)
	}
	s.Total.Entries = c.cfg.Local.Len()
	ofNone := &s.Total.Invalidations
	ofNone.Tags, ofNone.All, ofNone.Deferred = c.invalidatedTags.Load(), c.invalidatedAll.Load(), c.deferred.Load()
	ofNone.Peer += c.peerTags.Load()
	s.Local = LocalStats{Entries: s.Total.Entries, Capacity: c.cfg.Local.Cap(), EvictedCapacity: s.Total.Evictions}
	if v := c.members.now.Load(); v != nil {
		for _, d := range v.all {
			s.Nodes = append(s.Nodes, d.stats(v))
		}
	}
	return s
}

func (d *domain) stats(v *view) NodeStats {
	d.mu.Lock()
	since := d.since
	d.mu.Unlock()
	return NodeStats{
		Name: d.node.Name(), Up: d.up.Load(), Since: since, Used: v.Used(d.node.Name()),
		Ops: uint64(d.ops.Load()), Errors: uint64(d.errs.Load()), Time: time.Duration(d.opTime.Load()),
		Epochs: d.epochs.Load(), Purges: d.purges.Load(),
		Pending: int(d.waiting.Load()), Lag: time.Duration(d.cache.clock.Exact() - d.covered.Load()),
	}
}
