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
	r.turn++
	for _, n := range r.nodes {
		for list, seen := range n.listed {
			// What is down keeps what it had. What lost its memory gets it again from those who live;
			// from this process its own list, whatever that takes.
			if list != r.joined && n.up && !n.lists(list) && now-seen >= r.patience {
				delete(n.listed, list)
				r.changed = now
			}
		}
	}
	r.hear()
	r.reaches(now)
	for name := range r.said {
		r.use(name, now)
	}
	switch {
	case len(r.views) != 1 || r.blind:
		r.common = nil
	case r.heeds:
		r.common, r.stood = r.views[0].members, never
	case !slices.Equal(r.common, r.views[0].members):
		r.common, r.stood = r.views[0].members, now
	}
	for _, name := range r.own {
		since, all, old := r.says(name)
		if !all || !has(r.used, name) {
			delete(r.agreed, name)
			continue
		}
		one, known := r.agreed[name]
		if !known || one.since != since {
			one = agree{now, since}
		}
		if old {
			one.at = never
		}
		r.agreed[name] = one
	}
}

// settled reports whether everybody has heard of what at says of who is in use, and who was.
func settled(at *wire.Roster) bool { return len(at.Members) > 0 && at.Settled >= at.Changed }

// A view is what nodes say of who is in use.
type view struct {
	members []wire.Member
	gen     uint64 // the largest of those that say so
}

// A word is what the views say of a name.
type word struct {
	since uint64 // the latest
	by    int    // so many of them have it
}

// view is what n says of who is in use, or said before it lost its memory, if that is known.
func (n *node) view() view {
	if len(n.at.Members) > 0 {
		return view{n.at.Members, n.at.Gen}
	}
	return view{n.was.Members, n.was.Gen}
}

// with returns views and v, which may be one of them, or nothing.
func with(views []view, v view) []view {
	if len(v.members) == 0 {
		return views
	}
	for i := range views {
		if slices.Equal(views[i].members, v.members) {
			views[i].gen = max(views[i].gen, v.gen)
			return views
		}
	}
	return append(views, v)
}

// hear brings together what the nodes say. A node that is down still counts where it has said
// later that another one is not in use. A node that is blind may be the one that has said so,
// unless this process is sure that nobody has.
func (r *Roster) hear() {
	r.inUse()
	r.views, r.said, r.known, r.heeds = nil, map[string]word{}, math.MaxUint64, true
	var past []view
	for _, name := range r.own {
		if n := r.nodes[name]; n.up {
			r.views = with(r.views, n.view())
			r.known = min(r.known, n.at.Settled)
			r.heeds = r.heeds && settled(&n.at)
		} else {
			past = with(past, n.view())
		}
	}
	r.count(r.views)
	for _, v := range past {
		for name, w := range r.said {
			if v.wentAfter(name, w.since) {
				r.views = with(r.views, v)
				break
			}
		}
	}
	r.said = map[string]word{}
	r.count(r.views)
	r.blind = len(r.views) > 0 && !slices.ContainsFunc(r.used, r.speaks)
	for name, n := range r.nodes {
		r.blind = r.blind || !r.sure && n.up && len(n.view().members) == 0 && r.said[name].by > 0
	}
}

// speaks reports whether name says who is in use. Of what every list has at least one node has
// to: what the others say may be over, and whoever knows that may not have them.
//
//  1. A and B are in use; then the list is B and C, C has no word yet, and B says that A is out
//  2. C is about to hear of it; a key of A is invalidated at B and C
//  3. the list is A and C: of those A alone says something, and it is what was
func (r *Roster) speaks(name string) bool {
	n := r.nodes[name]
	return n != nil && n.up && len(n.view().members) > 0
}

func (r *Roster) count(views []view) {
	for _, v := range views {
		for _, m := range v.members {
			w := r.said[m.Name]
			r.said[m.Name] = word{max(w.since, m.Since), w.by + 1}
		}
	}
}

// wentAfter reports whether v says that name has gone since it came in since, or may have.
func (v view) wentAfter(name string, since uint64) bool {
	_, ok := member(v.members, name)
	return !ok && v.gen >= since
}

// says returns since when name is a member, whether all nodes say that it is one, and
// whether everybody has heard of it long ago.
func (r *Roster) says(name string) (since uint64, all, old bool) {
	w := r.said[name]
	return w.since, len(r.views) > 0 && !r.blind && w.by == len(r.views), w.since <= r.known
}

func member(view []wire.Member, name string) (since uint64, ok bool) {
	i, ok := slices.BinarySearchFunc(view, name, func(m wire.Member, name string) int { return strings.Compare(m.Name, name) })
	if !ok {
		return 0, false
	}
	return view[i].Since, true
}

// went reports whether somebody says that name has gone since it came in since, or may have.
func (r *Roster) went(name string, since uint64) bool {
	return slices.ContainsFunc(r.views, func(v view) bool { return v.wentAfter(name, since) })
}

func (r *Roster) up(name string) bool {
	n := r.nodes[name]
	return n != nil && n.up
}

// isCore reports whether everybody uses name, and has for so long that nobody reads
// from another node what name holds.
func (r *Roster) isCore(now int64, name string) bool {
	one, ok := r.agreed[name]
	return ok && r.sure && now-one.at >= r.patience
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
