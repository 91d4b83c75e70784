package roster

// todo.go says what a process does at a node.

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// A Todo is what to do next at a node: Read, or Swap, or nothing.
type Todo struct {
	// Read: renew the lease of the own list, then read the roster and the leases of
	// its lists, and say Saw.
	Read bool
	// Full: there would be more to say than a node takes (wire.Roster.Fits). Nothing
	// changes until there are fewer nodes or lists.
	Full bool
	// Swap: begin a new epoch at the node if Rotate says so; draw a number; swap Next
	// of it in, by CAS (0: add); write the record of the number, about
	// wire.Members, whether that went well or not; say Changed.
	Swap, Rotate bool
	CAS          uint64
	next         wire.Roster
	order        uint64
}

// Next is what to swap in, under the number that was drawn for it.
//
// The number is drawn before the swap, so that no complete poll that began after
// the swap has missed it: until the record is there the number is a hole.
func (t Todo) Next(number uint64) wire.Roster {
	next := t.next
	next.Order = t.order
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

// renewal is how often the lease of the own list is renewed at least.
const renewal = int64(3 * time.Second)

// Todo returns what to do at name.
func (r *Roster) Todo(now int64, name string) Todo {
	r.Snapshot(now)
	n := r.nodes[name]
	switch {
	case n == nil:
		return Todo{}
	case !n.up || n.unread || now-n.read >= min(r.settle*2/3, renewal):
		return Todo{Read: true}
	}
	if n.idle == r.turn {
		return Todo{}
	}
	t := Todo{CAS: n.cas, next: n.at, order: r.rank.id}
	t.next.Gen = r.gen() + 1
	r.ask(n, &t)
	t.next.Patience = max(n.at.Patience, uint64(r.patience))
	if len(n.dead) > 0 || !n.lists(r.joined) || n.at.Patience < t.next.Patience {
		t.Swap = true
		t.next.Lists = r.listsAt(n)
	}
	view, stands := r.view(now)
	if stands && r.differs(view) {
		switch {
		case !r.young && !r.heardOut():
			return Todo{Read: n.read < r.changed+r.patience}
		case now-n.put >= r.patience: // else two who cannot agree would take turns at each poll
			r.put(now, name, view, &t)
		}
	} else if stands {
		r.young = false
		if settled := r.settledAt(now, &n.at); settled > n.at.Settled && now-r.asOf() < r.settle {
			t.Swap = true
			t.next.Settled = settled
		}
		if !t.Swap {
			n.idle = r.turn
		}
	}
	if !t.Swap {
		return Todo{}
	}
	if next := t.Next(math.MaxUint64); !next.Fits() {
		return Todo{Full: true}
	}
	return t
}

// gen is the largest Gen that is known.
func (r *Roster) gen() (gen uint64) {
	for _, n := range r.nodes {
		gen = max(gen, n.view().gen, n.at.Gen)
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
	case !r.sure && !r.blind:
		return nil, false
	case r.young:
		return r.firstView(), true
	case now-r.changed < r.patience:
		return nil, false
	}
	for _, name := range r.used {
		for _, list := range r.lists {
			if n := r.nodes[name]; n.up && !r.has(name, list) {
				return nil, false // whoever has the other list is about to say so here, or gone
			}
		}
	}
	for _, name := range r.used {
		since := r.said[name].since
		if since == 0 || r.blind || r.went(name, since) {
			since = r.gen() + 1
		}
		view = append(view, wire.Member{Name: name, Since: since})
	}
	return view, true
}

func (r *Roster) differs(view []wire.Member) bool {
	for _, n := range r.nodes {
		if n.up && len(n.at.Members) == 0 {
			return len(view) > 0
		}
	}
	return len(r.views) != 1 || !slices.Equal(r.views[0].members, view)
}

// heardOut reports whether all nodes were read since the lists have stood.
func (r *Roster) heardOut() bool {
	for _, n := range r.nodes {
		if n.up && (n.unread || n.read < r.changed+r.patience) {
			return false
		}
	}
	return true
}

// put puts next into t, for the node name.
func (r *Roster) put(now int64, name string, next []wire.Member, t *Todo) {
	old := r.nodes[name].at
	if slices.Equal(old.Members, next) {
		return
	}
	t.Swap, r.nodes[name].put = true, now
	t.next.Members, t.next.Changed = next, t.next.Gen
	here, is := member(next, name)
	had, was := member(old.Members, name)
	t.Rotate = is && (!was || had != here) && !r.young
	before := []view{{members: old.Members}}
	if len(old.Members) == 0 {
		before = r.views
	}
	t.next.Left = nil
	leave := func(l wire.Left) {
		_, stays := member(next, l.Name)
		if !stays && l.Name != name && !slices.ContainsFunc(t.next.Left, func(k wire.Left) bool { return k.Name == l.Name }) {
			t.next.Left = append(t.next.Left, l)
		}
	}
	for _, v := range before {
		for _, m := range v.members {
			leave(wire.Left{Name: m.Name})
		}
	}
	for _, l := range old.Left {
		leave(l)
	}
	slices.SortFunc(t.next.Left, func(a, b wire.Left) int { return strings.Compare(a.Name, b.Name) })
	t.next.Settled = max(old.Settled, r.settledAt(now, &t.next))
	if r.young {
		t.next.Settled = t.next.Gen // there is nobody who has to hear of it
	}
}

// settledAt is the Gen up to which everybody has heard of the changes of what at says.
func (r *Roster) settledAt(now int64, at *wire.Roster) uint64 {
	settled := at.Changed
	if !slices.Equal(at.Members, r.common) || now-r.stood < r.patience {
		settled = max(settled, 1) - 1 // somebody may still use what has left
	}
	for _, m := range at.Members {
		if one, ok := r.agreed[m.Name]; !r.isCore(now, m.Name) || !ok || one.since != m.Since {
			settled = min(settled, m.Since-1)
		}
	}
	return settled
}
