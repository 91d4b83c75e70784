package roster

// know.go draws the conclusions from what was read.

import (
	"math"
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// learned follows every change of what is known.
func (r *Roster) learned(now int64) {
	r.snap = nil
	for _, n := range r.nodes {
		for list, seen := range n.listed {
			// What is down keeps what it had. What lost its memory gets it again from those who live.
			if n.up && !n.lists(list) && now-seen >= r.settle {
				delete(n.listed, list)
				r.changed = now
			}
		}
	}
	r.hear()
	for _, view := range r.views {
		for _, m := range view {
			r.use(m.Name, now)
		}
	}
	for _, name := range r.own {
		since, all, old := r.says(name)
		if !all || !slices.Contains(r.used, name) {
			delete(r.agreed, name)
			continue
		}
		if known, ok := r.agreed[name]; ok && known.since == since {
			continue
		}
		one := agree{now, since}
		if old {
			one.at = never
		}
		r.agreed[name] = one
	}
}

func (n *node) lists(joined string) bool {
	return slices.ContainsFunc(n.at.Lists, func(list []string) bool { return join(list) == joined })
}

// view is what n says of who is in use, or said before it lost its memory, if that is known.
func (n *node) view() (view []wire.Member, gen uint64) {
	if len(n.at.Members) > 0 {
		return n.at.Members, n.at.Gen
	}
	return n.was.Members, n.was.Gen
}

// hear brings together what the nodes say. A node that is blind may be the one that has
// said that others are not in use any more.
func (r *Roster) hear() {
	r.lists, r.used, r.views, r.blind = r.inUse(), slices.Clone(r.own), nil, false
	for _, list := range r.lists {
		r.used = slices.DeleteFunc(r.used, func(name string) bool { return !slices.Contains(list, name) })
	}
	for _, name := range r.own {
		n := r.nodes[name]
		if view, _ := n.view(); n.up && len(view) > 0 {
			r.views = append(r.views, view)
		}
	}
	for _, view := range r.views {
		for _, m := range view {
			n := r.nodes[m.Name]
			r.blind = r.blind || n != nil && n.up && len(n.at.Members) == 0 && len(n.was.Members) == 0
		}
	}
}

// says returns since when name is a member, whether all nodes say that it is one, and
// whether everybody has heard of it long ago.
func (r *Roster) says(name string) (since uint64, all, old bool) {
	all, old = len(r.views) > 0 && !r.blind, true
	for _, view := range r.views {
		s, ok := member(view, name)
		since, all = max(since, s), all && ok
	}
	for _, n := range r.nodes {
		old = old && (!n.up || since <= n.at.Settled)
	}
	return since, all, old
}

func member(view []wire.Member, name string) (since uint64, ok bool) {
	for _, m := range view {
		if m.Name == name {
			return m.Since, true
		}
	}
	return 0, false
}

// inUse returns the lists that somebody has, this process too. A node that is down cannot
// say that a list is gone, so the others do, if the list has any that is up.
func (r *Roster) inUse() (lists [][]string) {
	seen := map[string]bool{join(r.own): true}
	lists = append(lists, r.own)
	for _, name := range r.own {
		n := r.nodes[name]
		for joined := range n.listed {
			list := strings.Split(joined, "\x00")
			if !seen[joined] && (n.up || !slices.ContainsFunc(list, r.up)) {
				seen[joined] = true
				lists = append(lists, list)
			}
		}
	}
	return lists
}

func (r *Roster) up(name string) bool {
	n := r.nodes[name]
	return n != nil && n.up
}

// isCore reports whether everybody uses name, and has for so long that nobody reads
// from another node what name holds.
func (r *Roster) isCore(now int64, name string) bool {
	one, ok := r.agreed[name]
	return ok && now-one.at >= r.settle
}

// asOf is the time as of which all is known that the nodes have to say.
func (r *Roster) asOf() int64 {
	asOf := int64(math.MaxInt64)
	for _, n := range r.nodes {
		if n.up {
			asOf = min(asOf, n.polled)
		} else {
			asOf = min(asOf, n.failed)
		}
	}
	return asOf
}

func (r *Roster) heard() {
	if r.snap != nil {
		r.snap.asOf.Store(r.asOf())
	}
}

// Snapshot returns what is known at now: the same Snapshot until that changes.
func (r *Roster) Snapshot(now int64) *Snapshot {
	if r.snap != nil && now >= r.until {
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
	for _, n := range r.nodes {
		for list, seen := range n.listed {
			if n.up && !n.lists(list) {
				r.until = min(r.until, seen+r.settle)
			}
		}
	}
	return s
}

// place fills in where keys are read. While all nodes are down, what they said last counts,
// or else the own list: nothing is read from them, but what a process has from them, or
// would have, is theirs.
func (r *Roster) place(s *Snapshot) {
	if r.blind {
		return
	}
	views := r.views
	if !slices.ContainsFunc(r.own, r.up) {
		for _, name := range r.own {
			if view, _ := r.nodes[name].view(); len(view) > 0 {
				views = append(views, view)
			}
		}
		if len(views) == 0 && len(r.own) > 0 {
			views = append(views, r.firstView())
		}
	}
	distinct := map[string]bool{}
	for _, v := range views {
		if names := names(v); !distinct[join(names)] {
			distinct[join(names)] = true
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
			marks = append(marks, mark{l.Name, l.Seq, s.rank.among(name, l.Name)})
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
			r.until = min(r.until, one.at+r.settle)
		}
	}
	if len(core) > 0 {
		s.core = s.rank.among(core...)
	}
	duel := func(name string) (b besides) {
		b.name = name
		if len(core) > 0 {
			b.duel = s.rank.among(append(core, name)...)
		}
		return b
	}
	for _, name := range r.own {
		if !slices.Contains(core, name) {
			s.besides = append(s.besides, duel(name))
		}
	}
	for name, last := range r.foreign {
		member := slices.ContainsFunc(r.views, func(v []wire.Member) bool { return slices.Contains(names(v), name) })
		if member || now-last < r.settle {
			s.foreign = true
		}
		if !member && now-last < r.settle {
			r.until = min(r.until, last+r.settle)
		}
	}
	for _, name := range r.used {
		n := r.nodes[name]
		s.complete = s.complete || n.up && len(n.at.Members) > 0 && n.lists(join(r.own))
	}
}

func names(view []wire.Member) (names []string) {
	for _, m := range view {
		names = append(names, m.Name)
	}
	return names
}
