package memo

import (
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/stripe"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Beside the path: what is counted under one name. An entry knows the tally of its
// key, so that a hit looks no name up.

// tally is what happened under one name. It lives as long as its cache.
type tally struct {
	name  string
	calls stripe.Set // by outcome

	_ [64]byte // a run does not take the cache line from a hit next door

	runs, runErrors, runPanics, refreshes atomic.Uint64
	runTime, inFlight                     atomic.Int64
	held                                  held
	numbers                               atomic.Pointer[lru.Numbers] // see met
	evictions, valueBytes                 atomic.Uint64
	keys, trees, expired, peer            atomic.Uint64 // invalidations
}

func newTally(name string) *tally { return &tally{name: name, calls: *stripe.NewSet(outcomes)} }

// count counts one read.
func (t *tally) count(from outcome) { t.counter(from).Add(1) }

// counter is where a read of this goroutine with this outcome counts.
func (t *tally) counter(from outcome) *atomic.Uint64 {
	return t.calls.At(stripe.Here()).Counter(int(from))
}

// invalidated counts n names of one kind that were invalidated here. Of the tags, and
// of everything, there is a count for the cache alone.
func (t *tally) invalidated(about wire.Subject, n uint64) {
	switch about {
	case wire.Keys:
		t.keys.Add(n)
	case wire.Expired:
		t.expired.Add(n)
	case wire.Trees:
		t.trees.Add(n)
	}
}

// counts is what t says now. Calls is added up from what is read, and nothing else is
// counted for it: so it is the sum of its outcomes while others count, too.
func (t *tally) counts(era uint32) Counts {
	var n [outcomes]uint64
	t.calls.Sums(n[:])
	c := Counts{
		L1: n[outcomeL1], L2: n[outcomeL2], L3: n[outcomeL3], Loads: n[outcomeLoad], Joined: n[outcomeJoined],
		Stale: n[outcomeStale], Negative: n[outcomeNegative], Bypass: n[outcomeBypass], Miss: n[outcomeMiss], Errors: n[outcomeError],
		Runs: t.runs.Load(), RunErrors: t.runErrors.Load(), RunPanics: t.runPanics.Load(),
		RunTime: time.Duration(t.runTime.Load()), Refreshes: t.refreshes.Load(), InFlight: int(t.inFlight.Load()),
		Entries: t.held.in(era), Evictions: t.evictions.Load(), ValueBytes: t.valueBytes.Load(),
		Invalidations: InvalidationStats{Keys: t.keys.Load(), Trees: t.trees.Load(), Expired: t.expired.Load(), Peer: t.peer.Load()},
	}
	for _, calls := range n {
		c.Calls += calls
	}
	return c
}

// add adds o to c.
func (c *Counts) add(o *Counts) {
	c.Calls += o.Calls
	c.L1 += o.L1
	c.L2 += o.L2
	c.L3 += o.L3
	c.Loads += o.Loads
	c.Joined += o.Joined
	c.Stale += o.Stale
	c.Negative += o.Negative
	c.Bypass += o.Bypass
	c.Miss += o.Miss
	c.Errors += o.Errors
	c.Runs += o.Runs
	c.RunErrors += o.RunErrors
	c.RunPanics += o.RunPanics
	c.RunTime += o.RunTime
	c.Refreshes += o.Refreshes
	c.InFlight += o.InFlight
	c.Entries += o.Entries
	c.Evictions += o.Evictions
	c.ValueBytes += o.ValueBytes
	c.Invalidations.Keys += o.Invalidations.Keys
	c.Invalidations.Trees += o.Invalidations.Trees
	c.Invalidations.Expired += o.Invalidations.Expired
	c.Invalidations.Peer += o.Invalidations.Peer
}
