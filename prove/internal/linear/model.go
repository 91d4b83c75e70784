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
	until  int64  // the same: when they had returned
	served int64  // of reads: the value
}

type kind uint8

const (
	looked  kind = iota // a loader looked the row up; an instant
	told                // an invalidation of the row
	brought             // a Set
	read
)

// row is what may be read now: what was looked up after floor, and what Sets brought.
type row struct {
	floor int64  // what was looked up until then is gone
	last  int64  // the last look
	sets  []kept // never changed in place: states share it
}

// A kept is the value of a Set, which had returned at until.
type kept struct{ value, until int64 }

func (r row) serves(value int64) bool {
	return r.floor < value && value <= r.last || slices.ContainsFunc(r.sets, func(k kept) bool { return k.value == value })
}

func (r row) equal(o row) bool {
	return r.floor == o.floor && r.last == o.last && slices.Equal(r.sets, o.sets)
}

// since is r after a telling, or a Set, that began then: what was there before is gone, and
// what came meanwhile may stay.
func (r row) since(begin int64) row {
	r.floor = max(r.floor, begin)
	if slices.ContainsFunc(r.sets, func(k kept) bool { return k.until < begin }) {
		r.sets = slices.DeleteFunc(slices.Clone(r.sets), func(k kept) bool { return k.until < begin })
	}
	return r
}

// Instant is the model in which an invalidation is one instant: what was looked up
// until then is gone.
func Instant() porcupine.Model {
	return model(func(r row, s step) (bool, row) {
		switch s.kind {
		case looked:
			r.last = s.tick
		case told:
			r.floor, r.sets = r.last, nil
		case brought:
			r.floor, r.sets = r.last, []kept{{s.tick, s.until}}
		case read:
			return r.serves(s.served), r
		}
		return true, r
	})
}

// Promise is the model in which what was looked up, or set, before an invalidation began
// is gone when it returns, and what came meanwhile may stay. A Set is two things in it:
// from its begin on its value may be met, and when it has returned nothing older may.
func Promise() porcupine.Model {
	m := model(func(r row, s step) (bool, row) {
		switch s.kind {
		case looked:
			r.last = s.tick
		case told:
			r = r.since(s.since)
		case brought:
			r.sets = append(slices.Clip(r.sets), kept{s.tick, s.until})
		case read:
			return r.serves(s.served), r
		}
		return true, r
	})
	partitioned(&m, func(o porcupine.Operation) []porcupine.Operation {
		s := o.Input.(step)
		if s.kind != brought {
			return []porcupine.Operation{o}
		}
		value, telling := o, o
		value.Return = o.Call
		s.kind = told
		telling.Input = s
		return []porcupine.Operation{value, telling}
	})
	return m
}

// partitioned has m see each operation of a row as what of returns.
func partitioned(m *porcupine.Model, of func(porcupine.Operation) []porcupine.Operation) {
	partition := m.Partition
	m.Partition = func(history []porcupine.Operation) [][]porcupine.Operation {
		rows := partition(history)
		for i, row := range rows {
			rows[i] = nil
			for _, o := range row {
				rows[i] = append(rows[i], of(o)...)
			}
		}
		return rows
	}
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
		Equal:             func(a, b any) bool { return a.(row).equal(b.(row)) },
		DescribeOperation: func(input, _ any) string { return input.(step).String() },
		DescribeState: func(state any) string {
			r := state.(row)
			return fmt.Sprintf("looked up in (%d, %d], or set: %v", r.floor, r.last, r.sets)
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
