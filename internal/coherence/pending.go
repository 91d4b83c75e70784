package coherence

import (
	"cmp"
	"maps"
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
	all     uint64            // the same for everything; 0: not asked for
}

// A Batch is what is to be delivered: everything, or names of one kind.
type Batch struct {
	All   bool
	About wire.Subject
	Names []string
	turn  uint64
}

// Add queues the invalidation of names.
func (p *Pending) Add(about wire.Subject, names ...string) {
	p.turn++
	if p.targets == nil {
		p.targets = map[Target]uint64{}
	}
	for _, name := range names {
		p.targets[Target{about, name}] = p.turn
	}
	if len(p.targets) > p.Most {
		p.AddAll()
	}
}

// AddAll queues the invalidation of everything.
func (p *Pending) AddAll() {
	p.turn++
	p.all = p.turn
	p.targets = nil
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

// Next returns what to deliver, at most most names. What was asked for first goes
// first, and what was asked for in one Add goes together, if it is no more than that:
//
//  1. A is made of B; B is asked for, and A with it or after it
//  2. A is delivered without B; another process makes it anew, of the old B that it has
//  3. B is delivered, and nothing to come drops the A of 2
func (p *Pending) Next(most int) Batch {
	b := Batch{All: p.all != 0, turn: p.turn}
	if b.All {
		return b
	}
	waiting := slices.SortedFunc(maps.Keys(p.targets), func(s, t Target) int {
		return cmp.Compare(p.targets[s], p.targets[t])
	})
	together := 0 // of the targets so far, those of whole Adds
	for i, t := range waiting {
		turn := p.targets[t]
		if i > 0 && turn != p.targets[waiting[i-1]] {
			together = i
		}
		if t.About != waiting[0].About || i == most {
			if together > 0 {
				b.Names = b.Names[:together]
			}
			break
		}
		b.About, b.Names = t.About, append(b.Names, t.Name)
	}
	return b
}

// Delivered takes b out of the queue, but for what was asked for again while b
// was under way: its write came after b's delete.
func (p *Pending) Delivered(b Batch) {
	if b.All {
		if p.all <= b.turn {
			p.all = 0
		}
		for t, turn := range p.targets {
			if turn <= b.turn {
				delete(p.targets, t)
			}
		}
		return
	}
	for _, name := range b.Names {
		if t := (Target{b.About, name}); p.targets[t] <= b.turn {
			delete(p.targets, t)
		}
	}
}
