package coherence

import (
	"slices"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// A Pending holds the invalidations that this process could not deliver. Reads
// of what it covers must not use the store. The zero Pending is empty. It is not
// safe for concurrent use.
type Pending struct {
	// Most bounds the Targets. Beyond it everything is pending: one message.
	Most int

	turn    uint64
	targets map[Target]uint64 // the turn in which it was asked for last
	order   []asked           // targets by their turns, and more that are none any more
	all     uint64            // the turn of everything; 0: not asked for
}

// asked is a Target in a turn. It is out of date if the Target has another one by now.
type asked struct {
	Target
	turn uint64
}

// A Batch is what is to be delivered: everything, or names of one kind.
type Batch struct {
	All   bool
	About wire.Subject
	Names []string
	Turn  uint64 // of the queue: what is asked for later is not in it
}

// Turn is that of the last thing that was asked for.
func (p *Pending) Turn() uint64 { return p.turn }

// Add queues the invalidation of names.
func (p *Pending) Add(about wire.Subject, names ...string) {
	p.turn++
	if p.targets == nil {
		p.targets = map[Target]uint64{}
	}
	for _, name := range names {
		t := Target{about, name}
		if p.targets[t] != p.turn { // else twice in names
			p.targets[t] = p.turn
			p.order = append(p.order, asked{t, p.turn})
		}
	}
	p.tidy()
	if len(p.targets) > p.Most {
		p.AddAll()
	}
}

// tidy drops what is out of date, at the begin of order at once, and else once it is most of it.
func (p *Pending) tidy() {
	for len(p.order) > 0 && p.outdated(p.order[0]) {
		p.order = p.order[1:]
	}
	if len(p.order) == 0 {
		p.order = nil // and with it what an outage has made it grow to
	}
	if len(p.order) > 2*len(p.targets)+64 {
		p.order = slices.DeleteFunc(p.order, p.outdated)
	}
}

func (p *Pending) outdated(a asked) bool { return p.targets[a.Target] != a.turn }

// AddAll queues the invalidation of everything.
func (p *Pending) AddAll() {
	p.turn++
	p.all = p.turn
	p.targets, p.order = nil, nil
}

// Len is the number of Targets that wait, everything counting as one.
func (p *Pending) Len() int {
	if p.all != 0 {
		return len(p.targets) + 1
	}
	return len(p.targets)
}

// All reports whether everything is queued.
func (p *Pending) All() bool { return p.all != 0 }

// Covers reports whether reads of key must not use the store.
func (p *Pending) Covers(key string) bool {
	if p.all != 0 || p.has(wire.Keys, key) || p.has(wire.Expired, key) || p.has(wire.Trees, key) {
		return true
	}
	for above := range keys.Above(key) {
		if p.has(wire.Trees, above) {
			return true
		}
	}
	return false
}

// CoversTags reports whether what carries one of tags must not be used from the
// store.
func (p *Pending) CoversTags(tags []string) bool {
	for _, tag := range tags {
		if p.has(wire.Tags, tag) {
			return true
		}
	}
	return false
}

func (p *Pending) has(about wire.Subject, name string) bool {
	_, ok := p.targets[Target{about, name}]
	return ok
}

// Next returns what to deliver of what was asked for up to the turn upTo, at most most
// names. What was asked for first goes first, and what was asked for in one Add goes
// together, if it is no more than that:
//
//  1. A is made of B; B is asked for, and A with it or after it
//  2. A is delivered without B; another process makes it anew, of the old B that it has
//  3. B is delivered, and nothing to come drops the A of 2
func (p *Pending) Next(most int, upTo uint64) Batch {
	b := Batch{All: p.all != 0 && p.all <= upTo, Turn: upTo}
	if b.All {
		return b
	}
	together, last := 0, uint64(0) // of the names so far, those of whole Adds
	for _, a := range p.order {
		if a.turn > upTo {
			break
		}
		if p.outdated(a) {
			continue
		}
		if a.turn != last {
			together, last = len(b.Names), a.turn
		}
		if len(b.Names) > 0 && (a.About != b.About || len(b.Names) == most) {
			if together > 0 {
				b.Names = b.Names[:together]
			}
			break
		}
		b.About, b.Names = a.About, append(b.Names, a.Name)
	}
	return b
}

// Delivered takes b out of the queue, but for what was asked for again while b
// was under way: its write came after b's delete.
func (p *Pending) Delivered(b Batch) {
	defer p.tidy()
	if b.All {
		if p.all <= b.Turn {
			p.all = 0
		}
		for t, turn := range p.targets {
			if turn <= b.Turn {
				delete(p.targets, t)
			}
		}
		return
	}
	for _, name := range b.Names {
		if t := (Target{b.About, name}); p.targets[t] <= b.Turn {
			delete(p.targets, t)
		}
	}
}
