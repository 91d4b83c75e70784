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
}

// A Write is one commit and its invalidation.
type Write struct {
	Keys     []Key // what was invalidated: the row, and what is made of it
	Version  uint64
	Returned int64 // when Invalidate had returned
	Deferred bool  // ErrDeferred
}

// A Log is what one process did.
type Log struct {
	Process int
	Reads   []Read
	Writes  []Write
	Torn    int         // second reads in a request that differed from the first
	Counts  memo.Counts // of its cache
}

// A Fault is a time in which memcached was not there.
type Fault struct{ Down, Up int64 }

// A History is what all processes did, and what was done to them.
type History struct {
	Logs    []Log
	Commits map[Key][]int64 // when version i+1 of a row was committed
	Faults  []Fault
	Bound   time.Duration // Config.StaleBound
}

// stale says what happened: a read began after an invalidation of a newer
// version had returned.
func stale(process int, r Read, a *ack) string {
	return fmt.Sprintf("process %d read version %d of %s, %v after process %d's invalidation of version %d had returned (deferred: %t)",
		process, r.Version, r.Key, time.Duration(r.Began-a.returned), a.process, a.version, a.deferred)
}
