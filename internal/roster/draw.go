package roster

// draw.go draws a Snapshot of what is known.

import (
	"math"
	"slices"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// Snapshot returns what is known at now: the same Snapshot until that changes.
func (r *Roster) Snapshot(now int64) *Snapshot {
	if now >= r.until {
		r.learned(now)
	}
	if r.snap == nil {
		r.snap = r.snapshot(now)
		r.heard()
	}
	return r.snap
}

func (r *Roster) snapshot(now int64) *Snapshot {
	s := &Snapshot{settle: r.settle, rank: r.rank, known: r.own, serves: map[string]served{}}
	r.until = math.MaxInt64
	r.place(s)
	r.tell(now, s)
	if !r.sure {
		r.until = min(r.until, r.came+2*r.patience)
	}
	for _, n := range r.nodes {
		for list, seen := range n.listed {
			if n.up && !n.lists(list) {
				r.until = min(r.until, seen+r.patience)
			}
		}
	}
	return s
}

// place fills in where keys are read. While all nodes are down, what they said last counts,
// or else the own list: nothing is read from them, but what a process has from them, or
// would have, is theirs.
func (r *Roster) place(s *Snapshot) {
	views, up := r.views, slices.ContainsFunc(r.own, r.up)
	if r.blind || !r.sure && up {
		return
	}
	if !up {
		for _, name := range r.own {
			views = with(views, r.nodes[name].view())
		}
		if len(views) == 0 && len(r.own) > 0 {
			views = with(views, view{members: r.firstView()})
		}
	}
	distinct := map[string]bool{}
	for _, v := range views {
		if names := names(v.members); !distinct[join(names)] {
			distinct[join(names)] = true
			if len(s.views) == 0 {
				s.used = slices.Clone(names)
			}
			s.used = slices.DeleteFunc(s.used, func(name string) bool { return !has(names, name) })
			s.views = append(s.views, s.rank.among(names...))
		}
	}
	for _, name := range r.own {
		n := r.nodes[name]
		since, _, _ := r.says(name)
		// A node that has missed that it went, and came again, still has what it had.
		if s1, ok := member(n.at.Members, name); !n.up || !ok || s1 < since {
			continue
		}
		var marks []mark
		for _, l := range n.at.Left {
			marks = append(marks, mark{l.Name, l.Seq, s.rank.duel(name, l.Name)})
		}
		s.serves[name] = served{marks}
	}
}

// tell fills in who is told.
func (r *Roster) tell(now int64, s *Snapshot) {
	var core []string
	for _, name := range r.own {
		if r.isCore(now, name) {
			core = append(core, name)
		} else if one, ok := r.agreed[name]; ok {
			r.until = min(r.until, one.at+r.patience)
		}
	}
	if len(core) > 0 {
		s.core = s.rank.among(core...)
	}
	for _, name := range r.own {
		if !has(core, name) {
			s.besides = append(s.besides, besides{name, s.rank.duel(name, core...)})
		}
	}
	for name, last := range r.foreign {
		switch {
		case r.said[name].by > 0:
			s.foreign = true
		case now-last < r.patience:
			s.foreign = true
			r.until = min(r.until, last+r.patience)
		default:
			delete(r.foreign, name)
		}
	}
	for _, name := range r.used {
		n := r.nodes[name]
		s.complete = s.complete || n.up && len(n.at.Members) > 0 && n.lists(r.joined) && n.at.Patience >= uint64(r.settle)
	}
}

func names(view []wire.Member) (names []string) {
	for _, m := range view {
		names = append(names, m.Name)
	}
	return names
}
