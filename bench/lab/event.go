// Package lab measures: contenders for one kind of work in turn (A B A B …), round
// after round, so that a busy machine is busy for all of them.
package lab

import "time"

// Units of what is measured. Less is better, but for the last two.
const (
	Time   = "ns/op"
	CPU    = "cpu ns/op"
	Allocs = "allocs/op"
	Bytes  = "B/op"
	Hits   = "hit %"
	Rate   = "requests/s"
)

// MoreIsBetter reports whether a larger figure wins.
func MoreIsBetter(unit string) bool { return unit == Hits || unit == Rate }

// An Event is one kind of work.
type Event struct {
	Group      string   // the section of the results
	Name       string   // what is done, and with what
	Columns    []string // units, of which the first is compared; nil: those of a Loop
	Rounds     int      // at most so many, where one takes long; 0: as many as asked for
	Heavy      bool     // its caches are so large that the garbage is collected once a round
	Contenders []Contender
}

// Units are the columns.
func (e Event) Units() []string {
	if e.Columns == nil {
		return []string{Time, Allocs, Bytes, CPU}
	}
	return e.Columns
}

// A Contender does the work of an Event.
type Contender struct {
	Name    string
	Against string // which contender of ours it is compared with; "" for the first
	Floor   bool   // no cache, but what the work costs without one
	Needs   string // a server: "memcached" or "redis"
	New     func(Env) (Bench, error)
}

// Env is where a contender is measured.
type Env struct {
	Memcached, Redis string        // addresses
	Tiny             bool          // in a test: does it run at all
	Time             time.Duration // about how long one round of one contender takes
}

// N is n, or a few if it only has to run.
func (e Env) N(n int) int {
	if e.Tiny {
		return min(n, 100)
	}
	return n
}

// Stream is n, a power of two, or a smaller one if it only has to run.
func (e Env) Stream(n int) int {
	if e.Tiny {
		return min(n, 1<<8)
	}
	return n
}

// A Bench is a contender that is ready. It has a Loop or a Trial.
type Bench struct {
	Loop  func(n int)            // does the work n times
	Block int                    // when not 0: the Loop is run for so many at a time,
	Ready func() error           // and this before each of them, which is not measured
	Trial func() (Sample, error) // measures by itself
	Check func() error           // whether it does what it should, after a round; may be nil
	Close func()                 // may be nil
}

// Sample is what one round of one contender came to, by unit.
type Sample map[string]float64
