package fleet

import (
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A Key names a row of the database, or a value that is made of one: the loader
// of Whole(n) reads Row(n) by memo.Do, and its version is that of the row.
type Key struct {
	Derived bool
	N       int
}

// Row is a key whose loader queries the database.
func Row(n int) Key { return Key{N: n} }

// Whole is a key whose loader asks the cache for Row(n), and the database.
func Whole(n int) Key { return Key{Derived: true, N: n} }

// String is k in the cache.
func (k Key) String() string {
	if k.Derived {
		return memo.Key("whole", k.N)
	}
	return memo.Key("row", k.N)
}

// A Read is what one memo.Do returned: the first of its key in a request.
type Read struct {
	Key          Key
	Version      uint64
	Began, Ended int64
	Fresh        bool // under memo.Fresh
}

// A Change is a row, or what is made of it, and the version that it now has.
type Change struct {
	Key     Key
	Version uint64
}

// A Write is one or several commits, and what told the caches of them.
type Write struct {
	Operation Operation
	Changed   []Change // what the operation was about: rows, and what is made of them
	Returned  int64    // when it had returned
	Deferred  bool     // ErrDeferred
}

// An Age is how old a value was that only ends, and is never invalidated: from when
// its loader looked to the begin of a read.
type Age struct {
	Old  time.Duration
	Soft bool // it may be served past its end, and refreshed before it
}

// A Log is what one process did. A process reports now and then, each of its
// writes at once: what it did before it was killed is known.
type Log struct {
	Process int
	Reads   []Read
	Writes  []Write
	Failed  int   // reads that returned an error to a caller who was still there
	Torn    int   // second reads in a request that differed from the first
	Ages    []Age // of what nobody writes
}

func (l *Log) add(more *Log) {
	l.Reads = append(l.Reads, more.Reads...)
	l.Writes = append(l.Writes, more.Writes...)
	l.Torn += more.Torn
	l.Ages = append(l.Ages, more.Ages...)
	l.Failed += more.Failed
}

// A Fault is a time in which a process could not reach memcached, or did not
// run.
type Fault struct {
	Process  int // Everyone: all of them
	Down, Up int64
	Stopped  bool // it did not run
	Explains bool // it explains that a write was deferred, and excuses no lag
}

// Everyone is the Process of a Fault that all have.
const Everyone = -1

// A History is what all processes did, and what was done to them.
type History struct {
	Logs    []Log
	Commits map[Key][]int64 // when version i+1 of a row was committed
	Faults  []Fault
	// Bound and Waking are those of the Checker, where the History is a whole.
	Bound, Waking time.Duration
}

// stale says what happened: a read began after an invalidation of a newer
// version had returned.
func (h *History) stale(process int, r Read, a *ack) string {
	return fmt.Sprintf("process %d read version %d of %s, %v after process %d had told of version %d (%s, deferred: %t); the read took %v%s",
		process, r.Version, r.Key, time.Duration(r.Began-a.returned), a.process, a.version, a.operation, a.deferred, time.Duration(r.Ended-r.Began), h.lastFault(process, r))
}

// lastFault tells of what last was wrong with a process before a read.
func (h *History) lastFault(process int, r Read) string {
	var last Fault
	for _, f := range h.Faults {
		if (f.Process == process || f.Process == Everyone) && f.Down <= r.Began && f.Down > last.Down {
			last = f
		}
	}
	if last.Down == 0 {
		return ""
	}
	return fmt.Sprintf("; its last fault began %v and ended %v before it", time.Duration(r.Began-last.Down), time.Duration(r.Began-last.Up))
}
