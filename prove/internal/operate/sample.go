package operate

// sample.go looks at all processes again and again: which invalidations were deferred, and
// whether that may be this machine's doing, on which a server did not answer in time.

import (
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// deferrals are invalidations that returned memo.ErrDeferred, but for those of a process
// that was in trouble.
type deferrals struct {
	seen map[int]uint64    // by process, also those in trouble
	of   map[int]uint64    // by process
	last time.Time         // when one was last seen
	rose map[int]time.Time // when one of a process was, also in trouble
}

// all is how many there were so far, in all processes.
func (d *deferrals) all() (n uint64) {
	for _, of := range d.of {
		n += of
	}
	return n
}

// trouble is that a server does not answer a process in time, though nobody has touched
// it: then the process loads what it cannot read, and defers its invalidations. If that
// goes on for longer than the bound, the server begins anew, for all.
type trouble struct {
	touched []string           // the servers that a movement is made with
	seen    map[from]counts    // the last time
	last    map[from]time.Time // when it was seen last

	readings, excused int // of all rows by the probe; those that do not count
}

// from is a process and a server.
type from struct {
	process int
	server  string
}

type counts struct{ errors, epochs uint64 }

const (
	// troubled is for how long after a server did not answer its rows may be loaded anew: it
	// is asked again, and leases lapse that nobody knows to have.
	troubled = 3 * time.Second
	// owed is for how long after that it may begin anew.
	owed = 30 * time.Second
)

// note takes what a process has counted.
func (t *trouble) note(process int, stats memo.Stats) {
	for _, node := range stats.Nodes {
		of, now := from{process, node.Name}, counts{node.Errors, node.Epochs}
		was := t.seen[of]
		t.seen[of] = now
		if slices.Contains(t.touched, node.Name) {
			continue
		}
		late := !node.Up || node.Lag > time.Second
		if late || now.errors > was.errors || now.epochs > was.epochs && t.at(node.Name, time.Now().Add(-owed)) {
			t.last[of] = time.Now()
		}
	}
}

// at reports whether any process had trouble with a server since then.
func (t *trouble) at(server string, since time.Time) bool {
	for of, last := range t.last {
		if of.server == server && last.After(since) {
			return true
		}
	}
	return false
}

// explains reports whether what was seen of a process since began may be due to it.
func (t *trouble) explains(process int, began time.Time) bool {
	for of, last := range t.last {
		if of.process == process && began.Sub(last) < troubled {
			return true
		}
	}
	return false
}

// anywhere is explains for what needs all processes.
func (t *trouble) anywhere(began time.Time) bool {
	for of := range t.last {
		if t.explains(of.process, began) {
			return true
		}
	}
	return false
}

// sample notes what has happened since it was called last.
func (s *site) sample() error {
	began := time.Now()
	all := map[int]memo.Stats{}
	for _, p := range s.fleet.Alive() {
		stats, err := p.Snapshot()
		if err != nil {
			return err
		}
		all[p.ID] = stats
		s.trouble.note(p.ID, stats)
	}
	for id, stats := range all {
		n := stats.Total.Invalidations.Deferred
		more := n - s.deferred.seen[id]
		s.deferred.seen[id] = n
		if more > 0 {
			s.deferred.rose[id] = time.Now()
		}
		if more > 0 && !s.trouble.explains(id, began) {
			s.deferred.of[id] += more
			s.deferred.last = time.Now()
		}
	}
	return nil
}

// sampleFor samples for d.
func (s *site) sampleFor(d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if !wait(s.ctx, min(200*time.Millisecond, time.Until(end))) {
			return s.ctx.Err()
		}
		if err := s.sample(); err != nil {
			return err
		}
	}
	return nil
}
