package coherence

import (
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// A Target is what an invalidation names.
type Target struct {
	About wire.Subject
	Name  string
}

// Fences are what a process remembers of the invalidations of tags and trees. An
// entry does not know that its tag was invalidated: it is asked for when it is
// met, and then found to be on the wrong side of a fence. So an invalidation costs
// the same whatever it concerns, and an entry that is not asked for costs nothing.
//
// They outlive the entries: a process that forgets all it has can still read, from
// the shared tier, what a marker to come will hide.
//
// The zero Fences hide nothing. They are not safe for concurrent use.
type Fences struct {
	// Most bounds the Targets that are remembered one by one. What had to be
	// forgotten hides every entry from before it that was not checked since.
	Most int

	turn       uint64
	everything uint64 // the turn in which everything was hidden that there was
	young, old generation
	lost       fence  // the newest of what was forgotten
	lostTurn   uint64 // the turn of the last one of those
}

// A generation is a half of what is remembered.
type generation struct {
	fences map[Target]fence
	newest fence
	mixed  bool   // of several epochs: newest is that of the last
	turn   uint64 // of the last one
}

// none reports whether g hides nothing that is as new as that, whatever it concerns.
func (g *generation) none(stamp, began uint64) bool {
	return !g.mixed && !g.newest.hides(stamp, began)
}

// A fence hides what is older than it. One that another process has put up is
// known by its number; one of this process by its turn, since it may have no number
// yet. (By the time, a load that began in the same instant would be on neither side.)
type fence struct {
	seq  uint64 // 0: none
	turn uint64 // the same
}

// hides reports whether an entry is older than f.
//
// By number, and not by the time at which this process heard of it: the record can
// be read before the marker is written, and until then the shared tier still hands
// out what is old.
func (f fence) hides(stamp, began uint64) bool {
	return began < f.turn || SameEpoch(stamp, f.seq) && stamp < f.seq
}

// then is f where g is put up after it. Of two epochs the later one counts: with
// it everything from before was forgotten.
func (f fence) then(g fence) fence {
	if g.seq == 0 || SameEpoch(f.seq, g.seq) {
		g.seq = max(f.seq, g.seq)
	}
	return fence{g.seq, max(f.turn, g.turn)}
}

// Turn counts the times at which fences were put up. An entry that was checked in
// this turn need not be checked again.
func (f *Fences) Turn() uint64 { return f.turn }

// Len is the number of Targets that are remembered.
func (f *Fences) Len() int { return len(f.young.fences) + len(f.old.fences) }

// Heard puts up a fence for an invalidation of another process, number seq.
func (f *Fences) Heard(seq uint64, targets ...Target) {
	f.turn++
	f.put(fence{seq: seq}, targets)
}

// Made puts up a fence for an invalidation of this process. It hides what began to
// be loaded, or read from the shared tier, in an earlier turn. What is read from
// the shared tier afterwards has to be hidden by its marker.
func (f *Fences) Made(targets ...Target) {
	f.turn++
	f.put(fence{turn: f.turn}, targets)
}

// Everything puts up a fence for all that began to be loaded, or read, in an earlier
// turn.
func (f *Fences) Everything() {
	f.turn++
	f.everything = f.turn
}

// Again makes every entry be looked at again.
func (f *Fences) Again() { f.turn++ }

func (f *Fences) put(one fence, targets []Target) {
	for _, t := range targets {
		if f.young.fences == nil || len(f.young.fences) >= max(f.Most/2, 1) {
			f.age()
		}
		known := f.old.fences[t].then(f.young.fences[t])
		for _, seq := range []uint64{known.seq, one.seq} {
			newest := f.young.newest.seq
			f.young.mixed = f.young.mixed || seq != 0 && newest != 0 && !SameEpoch(seq, newest)
		}
		f.young.fences[t] = known.then(one)
		f.young.newest = f.young.newest.then(known).then(one)
		f.young.turn = f.turn
	}
}

// age forgets the older half.
func (f *Fences) age() {
	if f.old.fences != nil {
		f.lost, f.lostTurn = f.lost.then(f.old.newest), f.old.turn
	}
	f.old, f.young = f.young, generation{fences: map[Target]fence{}}
}

// Since reports whether there is any fence, whatever it concerns, that would hide
// what had stamp when its load began, in the turn began.
func (f *Fences) Since(stamp, began uint64) bool {
	return began < f.everything || f.young.newest.hides(stamp, began) || f.old.newest.hides(stamp, began) || f.lost.hides(stamp, began)
}

// Hides reports whether an entry of key with tags is hidden, which had stamp when
// its load began, in the turn began, and was last checked in the turn checked (0:
// never).
func (f *Fences) Hides(key string, tags []string, stamp, began, checked uint64) bool {
	if began < f.everything || checked < f.lostTurn && f.lost.hides(stamp, began) {
		return true
	}
	// Nearly every entry is newer than all fences: to look for each of its tags and trees
	// among them was a tenth of a hit in the shared tier.
	if checked >= f.turn || f.young.none(stamp, began) && f.old.none(stamp, began) {
		return false
	}
	hides := func(about wire.Subject, name string) bool {
		t := Target{about, name}
		return f.young.fences[t].hides(stamp, began) || f.old.fences[t].hides(stamp, began)
	}
	for _, tag := range tags {
		if hides(wire.Tags, tag) {
			return true
		}
	}
	for above := range keys.Above(key) {
		if hides(wire.Trees, above) {
			return true
		}
	}
	return hides(wire.Trees, key)
}
