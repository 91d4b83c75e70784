package roster_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var allKeys = []string{"k0", "k1", "k2", "k3"}

// A story is what can happen in a run.
type story struct {
	servers, atLeast int // the lists have so many of so many
	downs            bool
}

// Any two lists have a server in common, and one that is not down; see "the one limit" in
// docs/coherence.md.
var stories = []story{{3, 2, false}, {5, 3, false}, {4, 3, true}, {5, 4, true}}

const (
	chaos = 40 * settle
	quiet = 12 * settle
)

func simulate(seed uint64, tracing bool) *world {
	st := stories[seed%uint64(len(stories))]
	names := allNames[:st.servers]
	w := newWorld(seed, names)
	w.tracing = tracing
	defer w.stop()
	pace := settle * (1 + w.chance.Int64N(10))
	kinds := 16
	if gentle := seed/4%2 == 0; gentle { // what is stored stays there: only lists change
		kinds = 5
	}
	list := func() []string {
		l := slices.Clone(names)
		w.chance.Shuffle(len(l), func(i, j int) { l[i], l[j] = l[j], l[i] })
		return sorted(l[:st.atLeast+w.chance.IntN(st.servers-st.atLeast+1)])
	}
	fleet := make([]*process, 3)
	ids := 0
	start := func(i int, l []string) {
		if fleet[i] != nil {
			fleet[i].dead = true
			w.log("process %d dies", fleet[i].id)
		}
		ids++
		p := w.process(ids, l)
		fleet[i] = p
		w.begin(p, func(step steps) {
			for {
				step(0, 100)
				w.begin(p, func(step steps) { p.get(step, allKeys[w.chance.IntN(len(allKeys))]) })
			}
		})
		w.begin(p, func(step steps) {
			for {
				step(0, 700)
				w.begin(p, func(step steps) { p.invalidate(step, allKeys[w.chance.IntN(len(allKeys))]) })
			}
		})
	}
	first := list()
	for i := range fleet {
		start(i, first)
	}
	w.begin(nil, func(step steps) {
		target := first
		for w.now < chaos {
			step(0, pace)
			name := names[w.chance.IntN(len(names))]
			s, p := w.servers[name], fleet[w.chance.IntN(len(fleet))]
			i := slices.Index(fleet, p)
			switch w.chance.IntN(kinds) {
			case 0, 1, 2:
				if target = list(); w.chance.IntN(2) == 0 {
					target = first
				}
				if kinds == 5 {
					for _, p := range fleet {
						step(0, settle/2)
						p.r.Own(w.now, target)
					}
				}
				fallthrough
			case 3, 4, 12, 13, 14, 15:
				w.log("process %d has %s now", p.id, short(target))
				p.r.Own(w.now, target)
			case 5, 6:
				start(i, target)
			case 7, 8:
				p.paused = w.now + w.chance.Int64N(5*settle)
				w.log("process %d is stopped until %d", p.id, p.paused)
			case 9:
				w.log("%s is flushed", name)
				s.flush()
			case 10:
				if w.chance.IntN(2) == 0 {
					w.log("%s loses its roster", name)
					s.roster, s.cas = nil, 0
				} else {
					w.log("%s loses its leases", name)
					s.leases = map[string]int64{}
				}
			case 11:
				if st.downs {
					w.log("%s is down", name)
					s.down = true
					step(0, 2*settle)
					s.down = false
					w.log("%s is up", name)
				}
			}
		}
		last := list()
		for _, p := range fleet {
			p.paused = 0
			w.log("process %d has %s now, and for ever", p.id, short(last))
			p.r.Own(w.now, last)
		}
		first = last
	})
	w.run(chaos + 5*settle + quiet)
	if w.wrong == "" {
		w.settled(fleet, first)
	}
	return w
}

// settled is the third invariant: there is progress.
func (w *world) settled(fleet []*process, list []string) {
	for _, p := range fleet {
		snap := p.r.Snapshot(w.now)
		for _, key := range allKeys {
			node, ok := snap.Place(w.now, key)
			told, complete := snap.Tell(nil, key)
			if !ok || !snap.Serves(node) || !complete || len(told) != 1 || told[0] != node {
				w.fail("in the end process %d, with %s, has %s at %s %t, told %v %t", p.id, short(list), key, node, ok, told, complete)
			}
		}
	}
	for _, name := range list {
		var members []string
		for _, m := range w.servers[name].view().Members {
			members = append(members, m.Name)
		}
		if !slices.Equal(members, list) {
			w.fail("in the end %s says that %s are in use, of %s", name, short(members), short(list))
		}
	}
}

// More runs: TIERMEMO_RUNS=100000, and from which one on: TIERMEMO_SEED. With a run alone the story is told.
func TestSimulation(t *testing.T) {
	t.Parallel()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	runs, seed := number("TIERMEMO_RUNS", 24), number("TIERMEMO_SEED", 1)
	reads, shared, returned, wrong := 0, 0, 0, 0
	for i := range runs {
		w := simulate(uint64(seed+i), runs == 1)
		reads, shared, returned = reads+w.reads, shared+w.shared, returned+w.returned
		if w.wrong != "" {
			t.Errorf("run %d %s", seed+i, w.wrong)
			if runs == 1 {
				t.Log("\n" + strings.Join(w.trace, "\n"))
			}
			if wrong++; wrong == 3 {
				break
			}
		}
	}
	t.Log(fmt.Sprint(runs, " runs, ", reads, " reads, ", shared, " of them shared, ", returned, " invalidations"))
}
