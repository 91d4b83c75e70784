package fleet

import (
	"slices"
	"testing"
	"time"
)

// Who brings a value is the only writer of its row; all rows have one.
func TestRowsThatAreSetHaveOneWriter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ops  []Operation
		want [2][]int
	}{
		{[]Operation{OneKey, Everything}, [2][]int{{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}}},
		{[]Operation{OneKey, NewValue}, [2][]int{{0, 2, 4}, {1, 3}}},
	} {
		for writer, want := range c.want {
			tr := traffic{Traffic: Traffic{Rows: 5, Operations: c.ops, Writer: writer, Writers: 2}}
			if got := tr.mine(); !slices.Equal(got, want) {
				t.Errorf("%v: writer %d has the rows %v, want %v", c.ops, writer, got, want)
			}
		}
	}
}

// Each row is written in one of the turns, and rests in all others.
func TestRowsRestInTurn(t *testing.T) {
	t.Parallel()
	for n := 1; n < 8; n++ {
		rows := []int{0, 1, 2, 3, 4, 5, 6}[:n]
		written := map[int]int{}
		parts := min(turns, n)
		for i := range parts {
			these := inTurn(rows, int64(i)*int64(turn)+5, turn)
			if len(these) == 0 {
				t.Errorf("of %d rows none is written in turn %d", n, i)
			}
			for _, row := range these {
				written[row]++
			}
		}
		for _, row := range rows {
			if written[row] != 1 {
				t.Errorf("of %d rows, row %d is written in %d turns, want one", n, row, written[row])
			}
		}
	}
	if turns*turn-turn < 2*time.Second {
		t.Error("the rows do not rest for long enough to see twice the bound")
	}
}

// A write that is about more rows than there are is about all of them, each
// once.
func TestAnOperationCoversItsRowsOnce(t *testing.T) {
	t.Parallel()
	for name, op := range operations() {
		for n := 1; n < 6; n++ {
			got := op.covers([]int{7, 8, 9, 10, 11}[:n])
			slices.Sort(got)
			if len(got) == 0 || len(slices.Compact(slices.Clone(got))) != len(got) || got[0] < 7 || got[len(got)-1] > 6+n {
				t.Errorf("%s: of %d rows from 7 it covers %v", name, n, got)
			}
		}
	}
}

func TestAnOperationThatDoesNotExistIsAnError(t *testing.T) {
	t.Parallel()
	tr := traffic{Traffic: Traffic{Rows: 1, Operations: []Operation{OneKey, "glob"}}}
	if err := tr.start(); err == nil {
		t.Error("the traffic began")
	}
}
