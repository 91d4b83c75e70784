package operate

// rows.go is where the resting rows are, and which of them have to be loaded anew.

import (
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// rows are some of the resting ones.
type rows map[int]bool

// few rows may be loaded anew at any time: on a busy machine a load gives up its lease.
const few = 12

// within reports whether of has all of r, but for a few.
func (r rows) within(of rows) bool {
	others := 0
	for k := range r {
		if !of[k] {
			others++
		}
	}
	return others <= few
}

func (r rows) add(more rows) {
	for k := range more {
		r[k] = true
	}
}

// share is how many of all the resting rows r has.
func (r rows) share() string { return fmt.Sprintf("%d of %d (%.1f %%)", len(r), resting, 100*r.part()) }

func (r rows) part() float64 { return float64(len(r)) / resting }

// about reports whether r has one of n parts of all, but for chance.
func (r rows) about(n int) bool {
	want := 1 / float64(n)
	return r.part() > want-0.06 && r.part() < want+0.06 // four times what chance does
}

// A reading of all rows is what had to be loaded for it.
type reading struct {
	loaded  rows
	counted rows          // those that no trouble explains
	took    time.Duration // until nothing had to be loaded
}

// pass has the probe read all rows once.
func (s *site) pass() (r reading, err error) {
	began := time.Now()
	if err := s.probe.DoAll(busy + resting); err != nil {
		return r, err
	}
	r.loaded, r.counted = s.anew(), rows{}
	if err := s.sample(); err != nil {
		return r, err
	}
	s.trouble.readings++
	if len(r.loaded) > 0 && s.trouble.explains(s.probe.ID, began) {
		s.trouble.excused++
		return r, nil
	}
	r.counted.add(r.loaded)
	return r, nil
}

// anew are the rows that were loaded since it was called last.
func (s *site) anew() rows {
	loaded := rows{}
	for k := busy; k < busy+resting; k++ {
		n := len(s.fleet.Database.Loads(fleet.Row(k)))
		if n > s.seen[k] {
			loaded[k] = true
		}
		s.seen[k] = n
	}
	return loaded
}

const (
	every    = 500 * time.Millisecond // between two passes
	mostRest = 45 * time.Second
)

// rest reads all rows until nothing has to be loaded any more.
func (s *site) rest() (reading, error) {
	return s.restAfter(func() (bool, error) { return true, nil })
}

// restAfter is rest that goes on until done says so.
func (s *site) restAfter(done func() (bool, error)) (reading, error) {
	began := time.Now()
	all := reading{loaded: rows{}, counted: rows{}}
	for time.Since(began) < mostRest {
		all.took = time.Since(began)
		r, err := s.pass()
		if err != nil {
			return all, err
		}
		all.loaded.add(r.loaded)
		all.counted.add(r.counted)
		is, err := done()
		if err != nil || is && len(r.loaded) == 0 {
			return all, err
		}
		if !wait(s.ctx, every) {
			return all, s.ctx.Err()
		}
	}
	s.wrong("values come to rest", "some are still loaded anew after %v", mostRest)
	return all, nil
}

// held are the resting rows that a server has.
func (s *site) held(name string) (rows, error) {
	items, err := s.items(name)
	held := rows{}
	for i := range items {
		if items[i].Found() {
			held[busy+i] = true
		}
	}
	return held, err
}

// items are what a server has of the resting rows.
func (s *site) items(name string) ([]tier.Item, error) {
	names := make([]string, resting)
	for i := range names {
		names[i] = fleet.Prefix + ":v:" + fleet.Row(busy+i).String()
	}
	items := make([]tier.Item, resting)
	return items, s.looks[name].Nodes()[0].GetMulti(s.ctx, names, items)
}

// used reports whether a server has any of the rows.
func (s *site) used(name string) (bool, error) {
	held, err := s.held(name)
	return len(held) > 0, err
}
