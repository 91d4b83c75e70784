package operate

// servers.go is what an operator does to a server that stays in the list.

import (
	"errors"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	mostEmpty = 20 * time.Second // until what a server held is stored again, after it is back
	away      = 4 * time.Second  // for longer than any process may be without a word from a server
)

// restart restarts one server.
func restart(s *site) error {
	return s.empties(s.list[:1], s.servers[s.list[0]].Restart)
}

// flush empties one server.
func flush(s *site) error {
	return s.empties(s.list[:1], s.servers[s.list[0]].Flush)
}

// flushAll empties all servers.
func flushAll(s *site) error { return s.empties(s.list, s.flushEach) }

func (s *site) flushEach() (err error) {
	for _, name := range s.list {
		err = errors.Join(err, s.servers[name].Flush())
	}
	return err
}

// outage takes one server away for so long that it may be anything when it is back, and
// it is empty.
func outage(s *site) error {
	return s.empties(s.list[:1], func() error {
		name := s.list[0]
		deferred := s.deferred.all()
		held, err := s.held(name)
		if err != nil {
			return err
		}
		over := s.fleet.Fault(fleet.Everyone)
		defer over()
		if err := s.servers[name].Kill(); err != nil {
			return err
		}
		if err := s.sampleFor(away); err != nil {
			return err
		}
		r, err := s.pass()
		if err != nil {
			return err
		}
		s.note("away: loaded %s; it had %d; deferred %d", r.loaded.share(), len(held), s.deferred.all()-deferred)
		s.holds(r.counted.within(held), "while a server is away what the others hold stays", "%d are loaded, and it had %d", len(r.counted), len(held))
		s.holds(s.deferred.all() > deferred, "while a server is away invalidations of its keys are deferred", "none of them")
		return s.servers[name].Restart()
	})
}

// empties does what leaves some servers without what they held.
func (s *site) empties(names []string, do func() error) error {
	s.trouble.touched = names
	held := rows{}
	for _, name := range names {
		has, err := s.held(name)
		if err != nil {
			return err
		}
		held.add(has)
	}
	before, err := s.epochs()
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	r, err := s.rest()
	if err != nil {
		return err
	}
	after, err := s.epochs()
	if err != nil {
		return err
	}
	s.note("loaded anew %s, of %d that were there; all is at rest after %v", r.loaded.share(), len(held), tenths(r.took))
	s.holds(r.counted.within(held), "what the others hold stays", "%d are loaded anew, and it had %d", len(r.counted), len(held))
	s.holds(len(r.loaded) > 0 && r.took < mostEmpty, "what it held is loaded again, within seconds", "%d, after %v", len(r.loaded), r.took)
	for _, name := range s.list {
		for i, n := range after[name] {
			began := n - before[name][i]
			s.holds((began > 0) == slices.Contains(names, name) || s.trouble.at(name, time.Now().Add(-owed)), "each process finds a new epoch at the server that is empty, and at no other", "%d at one of them", began)
		}
	}
	return nil
}

// epochs is how many new ones each process with traffic has found, by server.
func (s *site) epochs() (map[string][]uint64, error) {
	all := map[string][]uint64{}
	for _, p := range s.workers {
		stats, err := p.Snapshot()
		if err != nil {
			return nil, err
		}
		for _, n := range stats.Nodes {
			all[n.Name] = append(all[n.Name], n.Epochs)
		}
	}
	return all, nil
}
