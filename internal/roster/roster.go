package roster

// roster.go is what one process knows of the nodes: it takes what was read of them.

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// never is before all times.
const never = math.MinInt64 / 2

// A Roster is what one process knows. It is not safe for concurrent use.
type Roster struct {
	rank     ranking
	settle   int64 // of this process
	patience int64 // the longest settle of any
	own      []string
	joined   string           // own, joined
	nodes    map[string]*node // of the own list

	changed int64            // when it changed last which lists there are, and where
	agreed  map[string]agree // the nodes that all nodes say are in use, and all lists have
	common  []wire.Member    // what all nodes say; none: they differ
	stood   int64            // since when
	foreign map[string]int64 // the nodes of others: when somebody may have used one last

	turn  int             // counts what was learned
	lists []string        // those that somebody has, joined
	used  []string        // the nodes that all of them have, sorted
	views []view          // what the nodes say that say something, each once
	said  map[string]word // of each name in views
	known uint64          // the Gen up to which everybody knows what the nodes say
	heeds bool            // everybody knows all that they say
	blind bool            // a node of these has lost its memory, and this process does not know what was in it, nor is sure
	young bool            // nobody was here before: see pioneer

	came int64 // since when this process hears of nodes, without a gap: see doubt.go
	last int64 // when it did last, of one that every list has
	sure bool  // what they say is not over
	asks bool  // it may be, and there is nobody else to hear of

	until int64 // when the Snapshot is over although nothing is heard
	snap  *Snapshot
}

// agree is since when a node is agreed upon, since it came as a Member.
type agree struct {
	at    int64
	since uint64
}

// A node is what is known of one node.
type node struct {
	at     wire.Roster
	was    wire.Roster // at, before the node lost its memory; only Gen and Members
	cas    uint64
	joined []string         // at.Lists, each joined
	dead   []string         // those of joined that nobody has any more
	listed map[string]int64 // every list, joined: when it was last seen there

	up      bool  // it was read, and is not down since
	read    int64 // when the last reading began
	unread  bool  // at is not the last word
	since   int64 // when that was heard
	polled  int64 // as of when at is the last word
	steady  int64 // since when that was never long ago
	waiting int64 // the same, once it is read again
	failed  int64 // when it was last found to be away
	put     int64 // when this process last wanted to change who is in use, there; never: or it went down since
	idle    int   // there was nothing to do as of that turn
	asked   asked
}

// New returns the Roster of a process with the list own. All processes must have the
// same secret.
//
// Settle is what this process may be behind, in nanoseconds, before it counts as
// stopped: it then reads nothing and its invalidations do not end. Whatever concerns
// others stands for as long before anybody goes by it, or for the longest settle of any
// process, which the nodes say: until they say that of this one, its invalidations do not
// end either.
func New(secret string, settle, now int64, own []string) *Roster {
	r := &Roster{rank: newRanking(secret), settle: settle, patience: settle, young: true, nodes: map[string]*node{}, agreed: map[string]agree{}, foreign: map[string]int64{}}
	r.Own(now, own)
	return r
}

// MostSettle bounds what New takes, and what a node can say of others.
const MostSettle = 24 * time.Hour

// Own changes the list of this process.
func (r *Roster) Own(now int64, names []string) {
	own := slices.Compact(slices.Sorted(slices.Values(names)))
	r.comes(now, own)
	for name := range r.nodes {
		if !has(own, name) {
			delete(r.nodes, name)
		}
	}
	for _, name := range own {
		if r.nodes[name] == nil {
			r.nodes[name] = &node{listed: map[string]int64{}, read: never, polled: never, steady: never, waiting: never, failed: never, put: never}
		}
	}
	for _, name := range own {
		delete(r.foreign, name)
	}
	before := r.own
	r.own, r.joined, r.changed, r.young = own, join(own), now, r.young && len(before) == 0
	for _, name := range before {
		r.use(name, now)
	}
	r.agreed = map[string]agree{}
	r.learned(now)
}

// Order names the order of nodes for a key, which another secret makes another one.
func (r *Roster) Order() uint64 { return r.rank.id }

// List is the own list, sorted: the one whose lease this process renews.
func (r *Roster) List() []string { return r.own }

// Saw takes a reading of name that began at began and is here at now: its roster
// (blank if there is none, or it is damaged), the item's CAS id (0: there is none), and which of at.Lists have a lease.
func (r *Roster) Saw(now, began int64, name string, at wire.Roster, cas uint64, alive []bool) {
	n := r.nodes[name]
	if n == nil || began < n.read {
		return
	}
	before := n.at
	r.young = r.young && r.pioneer(&at, n.read == never)
	if began-n.polled >= r.settle && !r.followed(now, n) {
		n.was = wire.Roster{} // more may have happened before the node lost its memory
	} else if len(n.at.Members) > 0 {
		n.was = wire.Roster{Gen: n.at.Gen, Members: n.at.Members}
	}
	r.patience = max(r.patience, int64(min(at.Patience, uint64(MostSettle))))
	same := n.up && reflect.DeepEqual(at, before)
	n.at, n.cas, n.read, n.up, n.idle = at, cas, began, true, 0
	if !n.unread || began >= n.since {
		n.unread = false
		r.polled(name, n, max(n.waiting, began))
	}
	r.sure = r.answered(n, began, &at, cas) || r.sure
	r.sawLists(now, name, &before, alive)
	if same {
		r.heard()
		return
	}
	for _, m := range before.Members {
		r.use(m.Name, now)
	}
	for _, l := range at.Left {
		if !settled(&at) && !slices.Contains(before.Left, l) {
			r.use(l.Name, now)
		}
	}
	r.learned(now)
}

// Changed notes that the roster of name is to be read again: its log says so, or has
// begun anew, or this process has written it, or tried to.
func (r *Roster) Changed(now int64, name string) {
	if n := r.nodes[name]; n != nil {
		n.unread, n.since = true, now
	}
}

// Polled notes a complete poll of the log of name that began at began. If the log
// says that the roster was changed, Changed comes first.
func (r *Roster) Polled(began int64, name string) {
	n := r.nodes[name]
	if n == nil {
		return
	}
	n.waiting = max(n.waiting, began)
	if n.up && !n.unread {
		r.polled(name, n, began)
	}
	r.heard()
}

func (r *Roster) polled(name string, n *node, began int64) {
	if r.met(name, began); !r.sure {
		r.until = never
	}
	if began-n.polled >= r.settle {
		n.steady = began
	}
	n.polled = max(n.polled, began)
}

// followed reports whether nothing has happened since n was last heard of that this process
// does not know: another node, which every list has, was heard of all the time, and would
// have been told.
func (r *Roster) followed(now int64, n *node) bool {
	return slices.ContainsFunc(r.used, func(name string) bool {
		o := r.nodes[name]
		return now-o.polled < r.settle && o.steady <= n.polled
	})
}

// Failed notes that name is down: a poll failed that began at began. It is up again when
// read again (Saw).
func (r *Roster) Failed(now, began int64, name string) {
	n := r.nodes[name]
	if n == nil {
		return
	}
	n.failed, n.put = max(n.failed, began), never // which may not have come
	if n.up {
		for _, m := range n.at.Members {
			r.use(m.Name, now)
		}
		n.up = false
		r.learned(now)
	}
	r.heard()
}

// Unreadable notes that a reading of name that began at began has found what others say
// there by whom this process cannot go: a later release, or one with another secret. The
// node is none that this process could use.
func (r *Roster) Unreadable(now, began int64, name string) {
	r.young = false
	r.Failed(now, began, name)
}

// use notes that somebody may use the node name, at now.
func (r *Roster) use(name string, now int64) {
	if !has(r.own, name) {
		r.foreign[name] = now
	}
}

// pioneer reports whether at, read for the first time or again, is what the first process
// of a fleet would find: nothing, or what others like it have said meanwhile. Such a
// process need not wait for anybody to hear of it.
//
// That is not so where all nodes have lost their memory while others still run, with
// another list: they say so again at their next poll, and until then both use what they
// have.
func (r *Roster) pioneer(at *wire.Roster, first bool) bool {
	for _, list := range at.Lists {
		if !slices.Equal(list, r.own) {
			return false
		}
	}
	return len(at.Members) == 0 || !first && slices.Equal(at.Members, r.firstView())
}

// Young reports whether nobody was here before this process, as far as it knows, and what
// it has to say to the nodes is not said yet. It need not wait with that.
func (r *Roster) Young() bool { return r.young }

// firstView is what the first processes of a fleet say, all the same.
func (r *Roster) firstView() (view []wire.Member) {
	for _, name := range r.own {
		view = append(view, wire.Member{Name: name, Since: 1})
	}
	return view
}

func join(list []string) string { return strings.Join(list, "\x00") }

// has reports whether name is in list, which is sorted.
func has(list []string, name string) bool {
	_, ok := slices.BinarySearch(list, name)
	return ok
}
