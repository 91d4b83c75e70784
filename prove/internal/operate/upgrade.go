package operate

// upgrade.go is a later release of the library beside the present one, and back.

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	tries  = 4                       // to find the servers answering in time
	beside = 4 * time.Second         // for which two releases are side by side
	heard  = 1200 * time.Millisecond // after which every process has heard of an invalidation
)

// upgraded is a movement to a release that has raised the version of these kinds, and
// back.
func upgraded(kinds ...fleet.Kind) func(*site) error {
	return func(s *site) error {
		deferred := s.deferred.all()
		s.setup.Later = kinds
		if err := s.hire(); err != nil {
			return err
		}
		old, later := s.workers[0], s.workers[len(s.workers)-1]
		if err := s.sampleFor(beside); err != nil {
			return err
		}
		said := false
		for try := 0; try < tries && !said; try++ {
			var err error
			if said, err = s.sideBySide(old, later, kinds); err != nil {
				return err
			}
		}
		if !said {
			s.note("what was loaded side by side does not count: a server had not answered in time")
		}
		if err := s.roll(); err != nil { // the release is everywhere
			return err
		}
		s.setup.Later = nil
		if err := s.roll(); err != nil { // and is taken back
			return err
		}
		if err := s.retire(); err != nil {
			return err
		}
		// What the later release has stored is loaded by each process for itself, until it is
		// invalidated or ends.
		if _, err := s.workers[0].Invalidate(someRows()...); err != nil {
			return err
		}
		r, err := s.rest()
		s.note("there and back: deferred %d; after an Invalidate of what it had stored each value is loaded once more: %d", s.deferred.all()-deferred, len(r.loaded))
		s.holds(s.deferred.all() == deferred, "two releases side by side defer nothing", "%d", s.deferred.all()-deferred)
		return err
	}
}

// changed is how many rows are invalidated and read while two releases are side by side.
const changed = 200

func someRows() (keys []fleet.Key) {
	for k := range changed {
		keys = append(keys, fleet.Row(busy+k))
	}
	return keys
}

// sideBySide has each of two processes read what the other one has stored. It says nothing
// where there was trouble.
func (s *site) sideBySide(old, later *fleet.Process, kinds []fleet.Kind) (said bool, err error) {
	began := time.Now()
	was, err := purges(old)
	if err != nil {
		return false, err
	}
	if _, err := s.loads(old); err != nil { // into its L2
		return false, err
	}
	n, err := s.loads(later)
	if err != nil {
		return false, err
	}
	if _, err := later.Invalidate(someRows()...); err != nil {
		return false, err
	}
	first, err := s.loads(later)
	if err != nil {
		return false, err
	}
	if !wait(s.ctx, heard) {
		return false, s.ctx.Err()
	}
	second, err := s.loads(old)
	if err != nil {
		return false, err
	}
	before, err := s.stored()
	if err != nil {
		return false, err
	}
	third := 0
	for range 3 {
		for _, p := range []*fleet.Process{old, later} {
			n, err := s.loads(p)
			if err != nil {
				return false, err
			}
			third += n
		}
	}
	after, err := s.stored()
	if err != nil {
		return false, err
	}
	written := 0
	for i := range before {
		if before[i].CAS != after[i].CAS || !bytes.Equal(before[i].Value, after[i].Value) {
			written++
		}
	}
	purged, err := purges(old)
	if err != nil {
		return false, err
	}
	purged -= was
	if slices.Contains(kinds, fleet.Records) {
		s.note("this release has emptied its L2 %d times in %v", purged, tenths(time.Since(began)))
		s.holds(purged > 0, "this release forgets its L2 at each invalidation by one whose records it cannot read", "%d times", purged)
		return true, nil // and so reads much anew
	}
	if err := s.sample(); err != nil {
		return false, err
	}
	if s.trouble.anywhere(began) {
		return false, nil
	}
	s.holds(n == 0, "a later release reads what this one has stored", "%d of %d are loaded", n, resting)
	s.holds(purged == 0, "this release keeps its L2", "it was emptied %d times", purged)
	own := 0
	if slices.Contains(kinds, fleet.Values) {
		own = changed
	}
	s.note("side by side: the later release loads %d of %d that were invalidated, this one %d; then %d in six readings of all, and %d are written over", first, changed, second, third, written)
	s.holds(first == changed && second == own, "each release loads its own of what the other one cannot read, once a process", "%d and %d, not %d and %d", first, second, changed, own)
	s.holds(third == 0 && written == 0, "releases do not overwrite each other", "%d loads, %d written over", third, written)
	return true, nil
}

// purges is how often a process had to empty its L2.
func purges(p *fleet.Process) (n uint64, err error) {
	stats, err := p.Snapshot()
	for _, node := range stats.Nodes {
		n += node.Purges
	}
	return n, err
}

// otherRosters is a release whose word on who is in use the present one cannot read,
// which comes back beside it: what must not happen without harm being small.
func otherRosters(s *site) error {
	s.setup.Later = []fleet.Kind{fleet.Rosters}
	if err := s.roll(); err != nil {
		return err
	}
	if err := errors.Join(s.newProbe(), s.flushEach()); err != nil {
		return err
	}
	if _, err := s.rest(); err != nil { // from now on all that is said is the later release's
		return err
	}
	s.setup.Later = nil
	deferred := s.deferred.all()
	if err := s.hire(); err != nil {
		return err
	}
	before, err := s.rosters()
	if err != nil {
		return err
	}
	if err := s.sampleFor(beside); err != nil {
		return err
	}
	after, err := s.rosters()
	if err != nil {
		return err
	}
	itself := s.workers[len(s.workers)-1].ID
	own, others := s.deferred.seen[itself], s.deferred.all()-deferred-s.deferred.of[itself]
	s.note("this release beside one whose rosters it cannot read: %d of its invalidations are deferred, and %d of the others'", own, others)
	s.holds(own > 0 && others == 0, "it defers its invalidations, and the others none", "%d and %d", own, others)
	s.holds(slices.EqualFunc(before, after, func(a, b tier.Item) bool { return a.CAS == b.CAS && bytes.Equal(a.Value, b.Value) }),
		"what a later release says is not written over", "it was")
	if err := s.roll(); err != nil {
		return err
	}
	if err := s.retire(); err != nil {
		return err
	}
	if err := errors.Join(s.newProbe(), s.flushEach()); err != nil {
		return err
	}
	r, err := s.rest()
	if err != nil {
		return err
	}
	deferred = s.deferred.all()
	if err := s.sampleFor(beside); err != nil {
		return err
	}
	s.note("taken back, and all servers flushed: at rest after %v; deferred %d", tenths(r.took), s.deferred.all()-deferred)
	s.holds(s.deferred.all() == deferred, "after a flush all is as it was", "%d are deferred", s.deferred.all()-deferred)
	return nil
}

// rosters is what all servers say of who is in use.
func (s *site) rosters() (all []tier.Item, err error) {
	for _, name := range s.list {
		items := make([]tier.Item, 1)
		if err := s.looks[name].Nodes()[0].GetMulti(s.ctx, []string{fleet.Prefix + ":roster"}, items); err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// loads has p read all resting rows, and returns how many were loaded for that.
func (s *site) loads(p *fleet.Process) (n int, err error) {
	if err := p.DoAll(busy + resting); err != nil {
		return 0, err
	}
	loaded := s.anew()
	return len(loaded), nil
}

// stored is what all servers of the list have of the resting rows.
func (s *site) stored() (all []tier.Item, err error) {
	for _, name := range s.list {
		items, err := s.items(name)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// roll replaces all processes with traffic by those of s.setup.
func (s *site) roll() error {
	for range s.workers[:workers] {
		if err := s.hire(); err != nil {
			return err
		}
		if err := s.sampleFor(time.Second); err != nil {
			return err
		}
		if err := s.retire(); err != nil {
			return err
		}
	}
	return nil
}
