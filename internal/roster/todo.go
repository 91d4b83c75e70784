package roster

// todo.go says what a process does at a node.

import (
	"math"
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// A Todo is what to do next at a node: Read, or Swap, or nothing.
type Todo struct {
	// Read: renew the lease of the own list, then read the roster and the leases of
	// its lists, and say Saw.
	Read bool
	// Swap: begin a new epoch at the node if Rotate says so; draw a number; swap Next
	// of it in, by CAS (0: add); write the record of the number, about
	// wire.Members, whether that went well or not; say Changed.
	Swap, Rotate bool
	CAS          uint64
	next         wire.Roster
}

// Next is what to swap in, under the number that was drawn for it.
//
// The number is drawn before the swap, so that no complete poll that began after
// the swap has missed it: until the record is there the number is a hole.
func (t Todo) Next(number uint64) wire.Roster {
	next := t.next
	next.Left = slices.Clone(next.Left)
	for i := range next.Left {
		if next.Left[i].Seq == 0 {
			next.Left[i].Seq = number
		}
	}
	if len(next.Left) > wire.MaxLeft {
		next.Left = []wire.Left{{Seq: number}} // all that the node has is void
	}
	return next
}

// Todo returns what to do at name.
func (r *Roster) Todo(now int64, name string) Todo {
	r.Snapshot(now)
	n := r.nodes[name]
	switch {
	case n == nil:
		return Todo{}
	case !n.up || n.unread || now-n.read >= r.settle*2/3:
		return Todo{Read: true}
	}
	t := Todo{CAS: n.cas, next: n.at}
	if len(n.dead) > 0 || !n.lists(join(r.own)) {
		t.Swap = true
		t.next.Lists = r.listsAt(n)
	}
	view, stands := r.view(now)
	if stands && r.differs(view) {
		switch {
		case !r.young && !r.heardOut():
			return Todo{Read: n.read < r.changed+r.settle}
		case now-n.put >= r.settle: // else two who cannot agree would take turns at each poll
			r.put(now, name, view, &t)
		}
	} else if stands {
		r.young = false
		if settled := r.settledAt(now, n.at.Members); settled > n.at.Settled {
			t.Swap = true
			t.next.Settled = settled
		}
	}
	if !t.Swap {
		return Todo{}
	}
	t.next.Gen = r.gen() + 1
	if next := t.Next(math.MaxUint64); !next.Fits() {
		return Todo{} // there are more lists than anybody has: this process stays alone
	}
	return t
}

// listsAt returns those of n, less the dead, and the own.
func (r *Roster) listsAt(n *node) (lists [][]string) {
	for _, list := range n.at.Lists {
		if !slices.ContainsFunc(n.dead, func(dead []string) bool { return slices.Equal(dead, list) }) {
			lists = append(lists, list)
		}
	}
	if !n.lists(join(r.own)) {
		lists = append(lists, r.own)
	}
	return lists
}

// gen is the largest Gen that is known.
func (r *Roster) gen() (gen uint64) {
	for _, n := range r.nodes {
		gen = max(gen, n.at.Gen)
	}
	return gen
}

// view returns who should be in use, and whether that has stood for so long that
// every process has heard of every list.
func (r *Roster) view(now int64) (view []wire.Member, stands bool) {
	if !slices.ContainsFunc(r.used, r.up) {
		return nil, false
	}
	for _, n := range r.nodes {
		if !n.up && n.failed == never {
			return nil, false
		}
	}
	switch {
	case r.young:
		return r.firstView(), true
	case now-r.changed < r.settle:
		return nil, false
	}
	for _, name := range r.used {
		for _, list := range r.lists {
			n := r.nodes[name]
			if _, listed := n.listed[join(list)]; n.up && !listed {
				return nil, false // whoever has the other list is about to say so here, or gone
			}
		}
	}
	for _, name := range r.used {
		since, _, _ := r.says(name)
		if since == 0 || r.blind || r.wasAway(name, since) {
			since = r.gen() + 1
		}
		view = append(view, wire.Member{Name: name, Since: since})
	}
	return view, true
}

// wasAway reports whether name has gone since it came in since, or may have.
func (r *Roster) wasAway(name string, since uint64) bool {
	for _, n := range r.nodes {
		view, gen := n.view()
		if _, ok := member(view, name); n.up && len(view) > 0 && !ok && gen >= since {
			return true
		}
	}
	return false
}

func (r *Roster) differs(view []wire.Member) bool {
	for _, n := range r.nodes {
		if n.up && !slices.Equal(n.at.Members, view) {
			return true
		}
	}
	return false
}

// heardOut reports whether all nodes were read since the lists have stood.
func (r *Roster) heardOut() bool {
	for _, n := range r.nodes {
		if n.up && (n.unread || n.read < r.changed+r.settle) {
			return false
		}
	}
	return true
}

// put puts view into t, for the node name.
func (r *Roster) put(now int64, name string, view []wire.Member, t *Todo) {
	old := r.nodes[name].at
	if slices.Equal(old.Members, view) {
		return
	}
	t.Swap, r.nodes[name].put = true, now
	t.next.Members = view
	here, is := member(view, name)
	had, was := member(old.Members, name)
	t.Rotate = is && (!was || had != here) && !r.young
	before := [][]wire.Member{old.Members}
	if len(old.Members) == 0 {
		before = r.views
	}
	t.next.Left = nil
	leave := func(l wire.Left) {
		_, stays := member(view, l.Name)
		if !stays && l.Name != name && !slices.ContainsFunc(t.next.Left, func(k wire.Left) bool { return k.Name == l.Name }) {
			t.next.Left = append(t.next.Left, l)
		}
	}
	for _, v := range before {
		for _, m := range v {
			leave(wire.Left{Name: m.Name})
		}
	}
	for _, l := range old.Left {
		leave(l)
	}
	slices.SortFunc(t.next.Left, func(a, b wire.Left) int { return strings.Compare(a.Name, b.Name) })
	t.next.Settled = max(old.Settled, r.settledAt(now, view))
	if r.young {
		t.next.Settled = 1 // there is nobody who has to hear of it
	}
}

// settledAt is the Gen up to which the members of view are known to everybody.
func (r *Roster) settledAt(now int64, view []wire.Member) uint64 {
	settled := uint64(0)
	for _, m := range view {
		settled = max(settled, m.Since)
	}
	for _, m := range view {
		if one, ok := r.agreed[m.Name]; !r.isCore(now, m.Name) || !ok || one.since != m.Since {
			settled = min(settled, m.Since-1)
		}
	}
	return settled
}
