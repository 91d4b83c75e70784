package linear

import (
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// model.go is what Porcupine is asked: what each step does to a row, and whether a
// read may return what it did.

// A step is one operation on one row.
type step struct {
	row    int
	kind   kind
	way    string // how it was done
	tick   int64  // of look-ups and of the values that Sets bring: their value
	since  int64  // of tellings and Sets: when they began
	served int64  // of reads: the value
}

type kind uint8

const (
	looked  kind = iota // a loader looked the row up; an instant
	told                // an invalidation of the row
	brought             // a Set
	read
)

// row is what may be read now: what was looked up after floor, and set.
type row struct {
	floor int64 // what was looked up until then is gone
	last  int64 // the last look
	set   int64 // what the last Set brought; 0: none, or it is gone
}

func (r row) serves(value int64) bool {
	return value == r.set && value != 0 || r.floor < value && value <= r.last
}

// Instant is the model in which an invalidation is one instant: what was looked up
// until then is gone.
func Instant() porcupine.Model {
	return model(func(r row, s step) (bool, row) {
		switch s.kind {
		case looked:
			r.last = s.tick
		case told:
			r.floor, r.set = r.last, 0
		case brought:
			r.floor, r.set = r.last, s.tick
		case read:
			return r.serves(s.served), r
		}
		return true, r
	})
}

// Promise is the model in which what was looked up before an invalidation began
// is gone when it returns, and what was looked up meanwhile may stay. There are no
// Sets in it: while two of them are under way the value of either may be met, which
// a row of one value cannot say.
func Promise() porcupine.Model {
	return model(func(r row, s step) (bool, row) {
		switch s.kind {
		case looked:
			r.last = s.tick
		case told:
			r.floor = max(r.floor, s.since)
		case read:
			return r.serves(s.served), r
		default:
			return false, r
		}
		return true, r
	})
}

// Register is the model of a register: a telling is a write of the version that its
// begin committed, and a read returns the last version that was written. Histories
// are not held to it; see the package comment.
func Register() porcupine.Model {
	m := model(func(r row, s step) (bool, row) {
		switch s.kind {
		case told:
			r.last = s.since
		case read:
			return s.served == r.last, r
		}
		return true, r
	})
	partition := m.Partition
	m.Partition = func(history []porcupine.Operation) [][]porcupine.Operation {
		rows := partition(history)
		for i := range rows {
			rows[i] = versions(rows[i])
		}
		return rows
	}
	return m
}

// versions returns the history of one row in which a read has read a version: the
// begin of the last telling before its value was looked up.
func versions(history []porcupine.Operation) (out []porcupine.Operation) {
	commits := []int64{0}
	for _, o := range history {
		if s := o.Input.(step); s.kind == told {
			commits = append(commits, s.since)
		}
	}
	slices.Sort(commits)
	for _, o := range history {
		s := o.Input.(step)
		if s.kind == read {
			after, _ := slices.BinarySearch(commits, s.served)
			s.served = commits[after-1]
			o.Input = s
		}
		if s.kind != looked {
			out = append(out, o)
		}
	}
	return out
}

// model is a porcupine.Model of rows that have nothing to do with each other.
func model(next func(r row, s step) (bool, row)) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			var rows [][]porcupine.Operation
			for _, o := range history {
				n := o.Input.(step).row
				for len(rows) <= n {
					rows = append(rows, nil)
				}
				rows[n] = append(rows[n], o)
			}
			return rows
		},
		Init: func() any { return row{} },
		Step: func(state, input, _ any) (bool, any) {
			ok, after := next(state.(row), input.(step))
			return ok, after
		},
		DescribeOperation: func(input, _ any) string { return input.(step).String() },
		DescribeState: func(state any) string {
			r := state.(row)
			return fmt.Sprintf("looked up in (%d, %d], or set: %d", r.floor, r.last, r.set)
		},
	}
}

func (s step) String() string {
	switch s.kind {
	case looked:
		return fmt.Sprintf("row %d: looked up: %d", s.row, s.tick)
	case told:
		return fmt.Sprintf("row %d: told by %s", s.row, s.way)
	case brought:
		return fmt.Sprintf("row %d: %s: %d", s.row, s.way, s.tick)
	}
	return fmt.Sprintf("row %d: %s → %d", s.row, s.way, s.served)
}
