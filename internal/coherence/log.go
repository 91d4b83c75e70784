package coherence

import (
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
)

const (
	// fewest and most are how many numbers beyond the last one a poll asks for.
	fewest, most = 8, 256
	// tooFar is how far behind a reader forgets everything in place of reading
	// record after record.
	tooFar = 4096
)

// A Log is one process's reading of the invalidations of one store. A record
// that is not there although its number was given out is a hole: its writer is
// about to write it, or died. The zero Log has read nothing.
type Log struct {
	// GiveUp is how long a hole is waited for: twice what a writer may take from
	// its number to its record. A writer that takes longer draws a new number, so
	// a record that was written in time is never overlooked.
	GiveUp time.Duration

	known bool
	next  uint64 // every number up to here was looked at
	holes map[uint64]int64
	own   map[uint64]struct{} // applied by their writer, this process, before it returned
	size  uint64              // how many numbers the next poll asks for
	found uint64              // numbers, since nothing was left to read

	// Where the reading began in the midst of an epoch, the writers of numbers
	// before that may be about to delete still. What is read from the store until
	// then may be old, and is forgotten when they must have ended. 0: it is over.
	settled int64

	busy bool   // what the last Read asked for is not Done
	done uint64 // Covered, until it is
}

// Action is what a reading asks for.
type Action struct {
	// Purge: forget everything in the process tier, and every load in flight.
	Purge bool
	// Lost: that is because a record is missing or damaged, or too many are unread;
	// and not because an epoch or the reading has begun.
	Lost bool
	// Drop: forget the keys of these records, unless the value is newer.
	Drop []wire.Record
	// Complete: nothing up to the counter is missing. The process tier is covered
	// up to the time at which this poll began.
	Complete bool
	// More: the counter is beyond what was asked for. Poll again.
	More bool
}

// Wanted returns the numbers whose records the next poll reads, after the
// counter, oldest first.
func (l *Log) Wanted() []uint64 {
	if !l.known {
		return nil
	}
	var wanted []uint64
	for n := range l.holes {
		wanted = append(wanted, n)
	}
	slices.Sort(wanted)
	for i := range l.size {
		wanted = append(wanted, l.next+1+i)
	}
	return wanted
}

// Read takes what a poll that began at now (on any monotonic clock) found: the
// counter, and under wanted[i] the bytes records[i], or nil. While the poll was
// under way Own may have closed a hole, and Restart begun an epoch: what is
// wanted no more does not become a hole.
func (l *Log) Read(now int64, seq uint64, wanted []uint64, records [][]byte) Action {
	l.done, l.busy = l.Covered(), true
	var act Action
	first := Epoch(seq) << countBits
	switch {
	case l.known && !SameEpoch(seq, l.next) && seq-first <= tooFar, !l.known && seq == first:
		l.restart(first)
		act.Purge = true
	case !l.known || !SameEpoch(seq, l.next) || seq < l.next || seq-l.next > tooFar:
		act = Action{Purge: true, Lost: l.known && SameEpoch(seq, l.next)}
		l.restart(seq)
		l.settled = now + int64(l.GiveUp)
		return act
	case l.settled != 0 && now >= l.settled:
		l.settled = 0
		act.Purge = true
	}
	last := l.next
	for i, n := range wanted {
		if n > seq || !SameEpoch(n, seq) { // counted after the counter was read: the next poll's
			continue
		}
		if _, open := l.holes[n]; n <= l.next && !open {
			continue
		}
		last = max(last, n)
		l.take(now, n, records[i], &act)
	}
	l.found += last - l.next
	l.next = last
	act.More = last < seq
	act.Complete = !act.More && len(l.holes) == 0 && l.settled == 0
	if act.More {
		l.size = room(seq - last)
	} else {
		l.size, l.found = room(l.found), 0
	}
	return act
}

// room is how many numbers a poll asks for that expects n: those that are left, or as
// many as the last poll has found. They come at random, and a second command costs the
// server as much as dozens of names that are not there; with a quarter and six to spare
// one poll in twenty needs it. A poll with too little room is not complete, and the next one
// follows at once: nothing else depends on the guess.
func room(n uint64) uint64 { return min(max(n+n/4+6, fewest), most) }

// take looks at one number that was given out.
func (l *Log) take(now int64, n uint64, data []byte, act *Action) {
	if _, own := l.own[n]; own {
		delete(l.own, n)
		return
	}
	if data == nil {
		since, open := l.holes[n]
		if !open {
			since = now
			l.holes[n] = now
		}
		if now-since >= int64(l.GiveUp) {
			delete(l.holes, n)
			act.Purge, act.Lost = true, true // whatever it was about
		}
		return
	}
	delete(l.holes, n)
	var r wire.Record
	if err := wire.ParseRecord(data, &r); err != nil || r.Seq != n {
		act.Purge, act.Lost = true, true // damaged, or a kind of a later release
		return
	}
	act.Drop = append(act.Drop, r)
}

// Done notes that what the last Read asked for is carried out. Until then it is
// not covered, although the reading is beyond it:
//
//  1. a poll reads record n, and is about to drop its key
//  2. an invalidation of this process ends, and asks what is covered
//  3. with n covered, a load inside of a load would use the entry that 1 is about to drop
func (l *Log) Done() { l.busy = false }

// Restart begins to read at seq: the caller has forgotten everything.
func (l *Log) Restart(seq uint64) {
	l.restart(seq)
	l.busy = false
}

func (l *Log) restart(seq uint64) {
	l.known, l.next, l.settled = true, seq, 0
	l.size, l.found = fewest, 0
	l.holes = map[uint64]int64{}
	l.own = map[uint64]struct{}{}
}

// Own notes that this process has applied its own number n.
func (l *Log) Own(n uint64) {
	if !l.known || !SameEpoch(n, l.next) {
		return
	}
	if n > l.next {
		l.own[n] = struct{}{}
	}
	delete(l.holes, n)
}

// Covered is the number up to which everything is applied in this process; 0
// before the first reading. What this process wrote itself counts although its
// poller has not come by yet.
func (l *Log) Covered() uint64 {
	if l.busy {
		return l.done
	}
	if l.settled != 0 {
		return Epoch(l.next) << countBits
	}
	if len(l.holes) > 0 {
		covered := l.next
		for n := range l.holes {
			covered = min(covered, n-1)
		}
		return covered
	}
	covered := l.next
	for {
		if _, own := l.own[covered+1]; !own {
			return covered
		}
		covered++
	}
}
