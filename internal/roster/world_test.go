package roster_test

import (
	"container/heap"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// world_test.go is what the processes of the simulation live in: the time, the nodes and
// the database. Every access to a node is one step, and between two steps of one process the others do
// as many as chance has it.

// The times are those of a real fleet, in milliseconds, but shorter.
const (
	pollEvery    = 100
	writeTimeout = 100
	giveUp       = 2 * writeTimeout
	bound        = 300
	settle       = bound + 2*giveUp
	leaseTTL     = 3 * settle / 2
)

type item struct {
	leased  bool
	stamp   uint64
	version int
	cas     uint64
	life    uint64 // since when the node was a member when this was stored
}

type server struct {
	name    string
	down    bool
	seq     uint64 // 0: missing
	items   map[string]item
	records map[uint64][]byte
	roster  []byte
	cas     uint64 // of the roster
	leases  map[string]int64
	reborn  bool // a new epoch has begun, and who is in use is about to be said
}

func (s *server) flush() {
	s.seq, s.roster, s.cas = 0, nil, 0
	s.items, s.records, s.leases = map[string]item{}, map[uint64][]byte{}, map[string]int64{}
}

func (s *server) view() (r wire.Roster) {
	if wire.ParseRoster(s.roster, &r) != nil {
		return wire.Roster{}
	}
	return r
}

func (s *server) life() uint64 {
	if s.reborn {
		return 0
	}
	for _, m := range s.view().Members {
		if m.Name == s.name {
			return m.Since
		}
	}
	return 0
}

// told is an invalidation that has returned.
type told struct {
	by      int
	at      int64
	version int
}

type world struct {
	story
	chance  *rand.Rand
	now     int64
	steps   int
	queue   queue
	stops   []func()
	servers map[string]*server
	version map[string]int // what the database has
	told    map[string][]told
	cas     uint64
	wrong   string
	trace   []string
	tracing bool

	reads, shared, returned int
}

func newWorld(seed uint64, s story, names []string) *world {
	w := &world{story: s, chance: rand.New(rand.NewPCG(seed, 1)), now: 1, servers: map[string]*server{}, version: map[string]int{}, told: map[string][]told{}}
	for _, name := range names {
		s := &server{name: name}
		s.flush()
		w.servers[name] = s
	}
	return w
}

func (w *world) log(format string, args ...any) {
	if w.tracing {
		w.trace = append(w.trace, fmt.Sprintf("%6d ", w.now)+fmt.Sprintf(format, args...))
	}
}

func (w *world) fail(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf("at %d: ", w.now) + fmt.Sprintf(format, args...)
		w.log("WRONG %s", w.wrong)
	}
}

func (w *world) newCAS() uint64 { w.cas++; return w.cas }

func (w *world) epoch(old uint64) uint64 { return coherence.NewEpoch(w.chance.Uint64(), old) }

// Steps let the others go on for some time.
type steps func(atLeast, atMost int64)

// An event is when an activity goes on.
type event struct {
	at   int64
	turn int
	in   *process
	next func() (int64, bool)
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].turn < q[j].turn
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any     { e := (*q)[len(*q)-1]; *q = (*q)[:len(*q)-1]; return e }

// begin begins an activity, in process p or in none.
func (w *world) begin(p *process, do func(steps)) {
	next, stop := iter.Pull(func(yield func(int64) bool) {
		defer func() {
			if r := recover(); r != nil && r != errStopped {
				panic(r)
			}
		}()
		do(func(atLeast, atMost int64) {
			if !yield(atLeast + w.chance.Int64N(atMost-atLeast+1)) {
				panic(errStopped)
			}
		})
	})
	w.stops = append(w.stops, stop)
	w.push(event{at: w.now, in: p, next: next})
}

var errStopped = fmt.Errorf("the process has died")

func (w *world) push(e event) {
	w.steps++
	e.turn = w.steps
	heap.Push(&w.queue, e)
}

// run goes on until end, or until something is wrong.
func (w *world) run(end int64) {
	for w.queue.Len() > 0 && w.wrong == "" {
		if w.queue[0].at > end {
			break
		}
		e := heap.Pop(&w.queue).(event)
		w.now = max(w.now, e.at)
		if e.in != nil && e.in.dead {
			continue
		}
		if e.in != nil && e.in.paused > w.now {
			e.at = e.in.paused
			w.push(e)
			continue
		}
		if wait, more := e.next(); more {
			e.at = w.now + wait
			w.push(e)
		}
	}
	w.now = max(w.now, end)
}

func (w *world) stop() {
	for _, stop := range w.stops {
		stop()
	}
}

// check is the first invariant, for a read in p that began at start.
func (w *world) check(p *process, key string, version int, start int64, how string) {
	w.reads++
	for _, t := range w.told[key] {
		late := t.at
		if t.by != p.id {
			late += bound
		}
		if start > late && version < t.version {
			w.fail("process %d reads version %d of %s (%s), begun at %d; %d's invalidation for version %d has returned at %d", p.id, version, key, how, start, t.by, t.version, t.at)
		}
	}
}

func short(list []string) string { return strings.Join(list, "") }

func sorted(list []string) []string { l := slices.Clone(list); slices.Sort(l); return l }
