package operate

// lists.go is what an operator does to the list of servers.

import (
	"errors"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	step = 2 * time.Second // between two processes of a deploy
	// What docs/operations.md says takes a while.
	leastUsed, mostUsed = 10 * time.Second, 30 * time.Second // until a server is used, after the last process without it
	mostDeferred        = 15 * time.Second                   // for which invalidations are deferred meanwhile
	mostLate            = 10 * time.Second                   // by which these may be late
	mostUnsure          = 8 * time.Second                    // for which a process that starts meanwhile defers them
	long                = 40 * time.Second
)

// add puts a server more into the list.
func add(s *site) error {
	deferred := s.deferred.all()
	name, err := s.serve()
	if err != nil {
		return err
	}
	s.list = append([]string{name}, s.list...)
	if err := s.deploy(step); err != nil {
		return err
	}
	if was, err := s.used(name); err != nil || was {
		s.holds(!was, "a server is used when every process has it", "it has values when the last process without it has just gone")
		return err
	}
	r, used, err := s.untilUsed(name)
	if err != nil {
		return err
	}
	held, err := s.held(name)
	n := s.deferred.all() - deferred
	s.note("the server is used %v after the last process without it has gone; it has %s; loaded anew %d; deferred %d", tenths(used), held.share(), len(r.loaded), n)
	s.holds(used > leastUsed && used < mostUsed, "it is used some 15 s after the last process without it has gone", "%v", used)
	s.holds(held.about(len(s.list)), "1/n of the keys move", "%s", held.share())
	s.holds(r.counted.within(held), "no key moves but to the new server", "%d are loaded anew, and %d are there", len(r.counted), len(held))
	s.holds(n == 0, "nothing is deferred for a server that is added", "%d", n)
	for _, p := range s.workers {
		stats, err := p.Snapshot()
		if err != nil {
			return err
		}
		at := slices.IndexFunc(stats.Nodes, func(n memo.NodeStats) bool { return n.Name == name })
		s.holds(stats.Nodes[at].Used, "Snapshot says that it is used", "process %d does not", p.ID)
	}
	epochs, failed := s.epochs()
	s.holds(slices.Max(epochs[name]) == 1, "processes say that the new server began anew, once", "%d times", epochs[name])
	return errors.Join(err, failed)
}

// remove takes one server out, and switches it off.
func remove(s *site) error {
	deferred := s.deferred.all()
	name := s.list[1]
	held, err := s.held(name)
	if err != nil {
		return err
	}
	s.list = slices.DeleteFunc(slices.Clone(s.list), func(n string) bool { return n == name })
	first := time.Now()
	if err := s.deploy(step); err != nil {
		return err
	}
	r, err := s.rest()
	if err != nil {
		return err
	}
	quiet := s.deferred.last.Sub(first)
	n := s.deferred.all() - deferred
	s.note("loaded anew %s; the server had %d; %d invalidations were deferred, the last %v after the first process without it was there; all is at rest %v after the last one with it has gone",
		r.loaded.share(), len(held), n, tenths(quiet), tenths(r.took))
	s.holds(r.counted.within(held), "no key moves but those of the server that goes", "%d are loaded anew, and it had %d", len(r.counted), len(held))
	s.holdsOfDeferred(n, quiet)
	if err := s.servers[name].Kill(); err != nil {
		return err
	}
	deferred = s.deferred.all()
	if err := s.sampleFor(3 * time.Second); err != nil {
		return err
	}
	r, err = s.rest()
	n = s.deferred.all() - deferred
	s.note("switched off; loaded anew %d; deferred %d", len(r.loaded), n)
	s.holds(r.counted.within(nil) && n == 0, "it may be switched off when no process has it", "%d loads and %d deferred", len(r.counted), n)
	return err
}

// holdsOfDeferred is what the page says of n invalidations that were deferred because a
// server was taken out, the last of them so long after the first process without it came.
func (s *site) holdsOfDeferred(n uint64, last time.Duration) {
	own := s.deferred.last.Sub(s.hired)
	s.holds(n == 0 || last < mostDeferred || own < mostUnsure, "invalidations are deferred for some 7 s, and by each process for its first 3 s", "%v, and %v", last, own)
}

// replace puts one in the place of another in one step, by a rolling deploy.
func replace(s *site) error {
	old := s.list[len(s.list)-1]
	held, err := s.held(old)
	if err != nil {
		return err
	}
	return errors.Join(s.inPlaceOf(old, held), s.servers[old].Kill())
}

// bury is replace, of one that has died. A process that ends has then what it cannot
// deliver, and says so after all the time that it gets; here it gets none.
func bury(s *site) error {
	old := s.list[0]
	held, err := s.held(old)
	if err != nil {
		return err
	}
	over := s.fleet.Fault(fleet.Everyone)
	defer over()
	s.trouble.touched, s.leave = []string{old}, (*fleet.Process).Kill
	defer func() { s.leave = (*fleet.Process).Close }()
	if err := s.servers[old].Kill(); err != nil {
		return err
	}
	if err := s.sampleFor(away); err != nil {
		return err
	}
	if err := s.inPlaceOf(old, held); err != nil {
		return err
	}
	deferred := s.deferred.all()
	if err := s.sampleFor(3 * time.Second); err != nil {
		return err
	}
	n := s.deferred.all() - deferred
	s.holds(n == 0, "when the dead server is in no list nothing is deferred for it", "%d", n)
	return nil
}

// inPlaceOf deploys a list with a new server in place of old, which held some rows.
func (s *site) inPlaceOf(old string, held rows) error {
	deferred := s.deferred.all()
	name, err := s.serve()
	if err != nil {
		return err
	}
	s.list = append([]string{name}, slices.DeleteFunc(slices.Clone(s.list), func(n string) bool { return n == old })...)
	first := time.Now()
	if err := s.deploy(step); err != nil {
		return err
	}
	r, used, err := s.untilUsed(name)
	if err != nil {
		return err
	}
	both, err := s.held(name)
	n, quiet := s.deferred.all()-deferred, s.deferred.last.Sub(first)
	s.note("the new server is used %v after the last process without it has gone; loaded anew %s; the old one had %d, the new one has %d; %d invalidations were deferred, the last %v after the first process with the new list was there",
		tenths(used), r.loaded.share(), len(held), len(both), n, tenths(quiet))
	both.add(held)
	epochs, failed := s.epochs()
	for _, stays := range s.list[1:] {
		s.holds(slices.Max(epochs[stays]) == 0 || s.trouble.at(stays, first.Add(-owed)), "a server that stays does not begin anew", "%d new epochs at one", epochs[stays])
	}
	s.holds(used > leastUsed && used < mostUsed, "it is used some 15 s after the last process without it has gone", "%v", used)
	s.holds(r.counted.within(both), "no key moves but those of the old server, and those of the new one", "%d are loaded anew, and these have %d", len(r.counted), len(both))
	s.holdsOfDeferred(n, quiet)
	return errors.Join(err, failed)
}

// untilUsed reads all rows until a server has some of them, and nothing has to be loaded
// any more. It returns too when the server was first seen to be used.
func (s *site) untilUsed(name string) (r reading, used time.Duration, err error) {
	began := time.Now()
	r, err = s.restAfter(func() (bool, error) {
		is, err := s.used(name)
		if is && used == 0 {
			used = time.Since(began)
		}
		return is, err
	})
	return r, used, err
}

// differ has one process with a longer list for long.
func differ(s *site) error {
	deferred := s.deferred.all()
	name, err := s.serve()
	if err != nil {
		return err
	}
	short := s.list
	s.list = append(slices.Clone(short), name)
	if err := s.hire(); err != nil {
		return err
	}
	s.list = short
	itself, began := s.workers[len(s.workers)-1].ID, time.Now()
	if err := s.sampleFor(10 * time.Second); err != nil {
		return err
	}
	early := s.deferred.all() - deferred
	s.holds(early == 0, "nothing is deferred for a server that one process alone has", "%d are deferred, %d of them its own", early, s.deferred.of[itself])
	if _, err := s.rest(); err != nil {
		return err
	}
	for time.Since(began) < long {
		r, err := s.pass()
		if err != nil {
			return err
		}
		s.holds(r.counted.within(nil), "where lists differ for long, what all have is used as ever", "%d are loaded anew after %v", len(r.counted), time.Since(began))
		if !wait(s.ctx, time.Second) {
			return s.ctx.Err()
		}
	}
	is, err := s.used(name)
	late := s.deferred.all() - deferred - early
	s.note("one process of four has a server more for %v: it is used: %t; %d were deferred", long, is, early+late)
	s.holds(!is && late == 0, "what not everybody has is used by nobody, and nothing is deferred for it", "used: %t, deferred: %d", is, late)
	return errors.Join(err, s.retireLast())
}
