package roster

// doubt.go is about what is not said: a process that has just come to the nodes, and does not
// reach all of them, asks those that know.

import (
	"slices"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// What the nodes say may be over, and those that know it may be away.
//
//  1. B is taken out of all lists, with what it holds; a key of it is invalidated at A
//  2. B is in all lists again, and nobody has told it yet that it was out of use
//  3. a process starts, or was stopped for long, and A does not answer it at first: B and what
//     it holds look as if nothing had been
//
// So it is not sure of what it hears until it has heard of every node since it has come. It
// reads nothing, and tells all nodes. But A may be down for days. So it asks: it takes back,
// at B, that everybody has heard of B's word (Settled). Whoever was here before, and knows
// that it still holds, says so again at the next poll. Where nobody was here before, those that
// come all have it from one another, and wait: after 2 settle, in which whoever reaches A has
// set B right, A is none that both sides reach.
//
// It was refused to wait in any case: a fleet that is deployed while a server is down would
// use none for 6 s in each of its processes.

// met notes that a node which every list has was heard of. Where that was long ago, more has
// happened meanwhile than a log tells.
func (r *Roster) met(name string, began int64) {
	if !has(r.used, name) {
		return
	}
	if began-r.last >= r.settle {
		r.came, r.sure, r.young = began, false, r.young && !r.sure
	}
	r.last = max(r.last, began)
}

// comes notes that the own list is new, and what it has in common with the one before.
func (r *Roster) comes(now int64, own []string) {
	stays := func(name string) bool { return has(r.used, name) && r.up(name) }
	if !slices.ContainsFunc(own, stays) {
		r.came, r.last, r.sure = now, now, false
	}
}

// reaches finds out whether this process is sure, or else whether it has to ask.
func (r *Roster) reaches(now int64) {
	if r.asks = false; r.sure || r.blind {
		return
	}
	missing, unknown := false, false
	for _, n := range r.nodes {
		if n.polled < r.came {
			missing = true
			unknown = unknown || n.failed < r.came
		}
	}
	r.sure = !missing || now-r.came >= 2*r.patience
	r.asks = !r.sure && !unknown
}

// An asked node is one whose roster has changed since this process has come, and which is not
// settled: whoever settles it does so later.
//
// That it is not settled is not enough. Its version may be from before:
//
//  1. a process is about to say that B's word holds, and stops
//  2. B is out of use, and back
//  3. another one starts; and the late word of 1 reaches B
type asked struct {
	came int64  // of the Roster, when it was read first
	cas  uint64 // the version then
	yes  bool
}

// answered notes a reading of n that began at began, and reports whether it has the answer.
func (r *Roster) answered(n *node, began int64, at *wire.Roster, cas uint64) bool {
	if began < r.came {
		return false
	}
	if n.asked.came != r.came {
		n.asked = asked{came: r.came, cas: cas}
	}
	answered := n.asked.yes && settled(at)
	n.asked.yes = cas != n.asked.cas && len(at.Members) > 0 && !settled(at)
	return answered
}

// ask makes of t a question, if n is not asked yet.
func (r *Roster) ask(n *node, t *Todo) {
	if r.asks && !n.asked.yes && n.at.Changed > 0 && len(n.at.Members) > 0 {
		t.Swap, t.next.Settled = true, 0
	}
}
