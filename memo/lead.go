package memo

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// Inside the flight: who leads the one load of this process looks in L2 again, and
// goes on to the shared tier (shared.go), or where there is none to fn (run.go).

// flown is a load in a flight of its own, with what the flight and the loader need for as
// long as it lasts: one allocation in place of four. The entry is not among it: tiers and
// requests keep that, and nothing else of a load. It has 568 bytes: with 8 for the collector
// that is a size of the allocator's, and the next one is 640. What few loads need lies
// elsewhere; with all of it here, 728 bytes, a miss took 3 to 7 % longer.
type flown struct {
	load
	call    call
	running running // where the load is one of this process alone
	inner   inner   // the ctx of its loader
}

// flown is a copy of l that may outlive the call. Its parent is the caller's business: a row
// of loads, each begun by what the one before has left behind, would stay in memory.
func (l *load) flown() *flown {
	f := &flown{load: *l}
	f.load.own, f.load.parent = f, nil
	return f
}

// Timeout implements flight.Job. It bounds a look, and the wait for another process's load,
// which may take as long as ours may; ours is given its own time in execute. Without the
// time of a look, a server that hangs for longer than a load may take made it an error.
func (l *load) Timeout() time.Duration {
	if l.single() {
		return l.policy.loadTimeout
	}
	return l.cache.cfg.ReadTimeout + 2*l.policy.loadTimeout
}

// single reports whether l does nothing but load, and so has its time from the start: it
// waits for no other process, and for nobody to load with.
func (l *load) single() bool { return l.seat == nil && l.staysHere() }

// Grace implements flight.Job: one load as long as the last one, or a second.
func (l *load) Grace() time.Duration {
	const most = time.Second
	if took := time.Duration(l.typ.took.Load()); took > 0 {
		return min(took, most)
	}
	return most
}

// Joinable implements flight.Job. A load is as good as an L2 entry that was
// loaded when it began.
func (l *load) Joinable(running *call) bool {
	if l.forced {
		return false // it began before
	}
	c := l.cache
	r := running.Job().(*load)
	switch now := c.clock.Exact(); {
	case r.home != l.home, r.turn < l.home.fences.hidden.Load(), l.foredoomed(running, r):
		return false
	case c.cfg.Shared == nil:
		return true
	case now > l.home.horizon.Load() && now-r.started > l.home.bound.Load():
		return false
	case l.apart && !l.sure:
		return r.started > l.need.at
	}
	return l.admits(running.Seen(), r.started)
}

// foredoomed reports whether l could not use what r loads, as far as one can tell
// before its tags are known: who joined it would wait for nothing.
func (l *load) foredoomed(running *call, r *load) bool {
	f := &l.home.fences
	return f.turn.Load() != r.turn && f.hides(&tier.Entry{Key: l.key, More: &tier.More{Tags: l.policy.tags}, Stamp: running.Seen(), Began: r.turn}, r.turn)
}

// Starts implements flight.Job.
func (l *load) Starts() { l.seat.begins() }

// Load implements flight.Job.
func (l *load) Load(ctx context.Context, f *call) (landing, error) {
	l.tally.inFlight.Add(1)
	defer l.tally.inFlight.Add(-1)
	defer l.seat.lands()
	// Look again:
	//
	//  1. this caller misses L2
	//  2. another one's load ends, is kept in L2, and leaves the flight
	//  3. this caller leads a flight for a value that is there
	if e, a := l.peek(); e != nil && (l.takes(e, a) || l.standsInNow(e)) {
		from := outcomeL2
		if a < early {
			from = outcomeStale
		}
		return landing{e, from}, nil
	}
	d := l.domain
	if d == nil || l.typ.lossy != nil || l.policy.place == placeLocal || !d.readable(l.key) {
		return l.alone(ctx, f)
	}
	return l.shared(ctx, f, d)
}

// alone loads without the shared tier.
func (l *load) alone(ctx context.Context, f *call) (landing, error) {
	var stamp uint64
	if d := l.domain; d != nil {
		stamp = d.position.Load()
	}
	r := &l.own.running // this is the one run that l makes
	r.cache, r.home, r.need = l.cache, l.home, need{at: l.started}
	e, err := l.execute(ctx, f, r)
	if err != nil {
		return landing{}, err
	}
	e.Stamp = stamp
	l.keep(f, e)
	return landing{e, outcomeLoad}, nil
}

// keep puts e into L2, unless an invalidation came since the flight began.
func (l *load) keep(f *call, e *tier.Entry) {
	if !f.Keep(func() { l.put(e) }) && l.forced {
		l.supersede()
	}
}

// takes reports whether l is content with e, which is so old.
func (l *load) takes(e *tier.Entry, a age) bool {
	switch {
	case l.forced:
		return false
	case l.replaces != nil:
		newer := a >= early && e != l.replaces && l.newer(e)
		return newer || l.cache.paused(e) // since l's reader looked
	}
	return a >= early || a == stale && l.takesStale()
}

// newer reports whether e is another version than the one that l replaces. That
// one, read again from the shared tier, is not; but where it stays fresh there, it was
// made old here for what it had replaced itself:
//
//  1. another process refreshes the key, and stores the new version
//  2. this process reads that from the shared tier
//  3. it reads the record of the Refresh, which is later than the version's stamp
func (l *load) newer(e *tier.Entry) bool {
	return e.Created != l.replaces.Created || e.Fresh() > after(l.replaces.Fresh(), slack)
}
