package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// Histories made by hand: process 0 writes version 2 of a row, and its
// invalidation has returned at 1000 ms. The times are milliseconds.

const ms = int64(time.Millisecond)

func read(at int64, version uint64) fleet.Read {
	return fleet.Read{Key: fleet.Row(1), Version: version, Began: at * ms, Ended: (at + 1) * ms}
}

func write(at int64, deferred bool) []fleet.Write {
	return []fleet.Write{{Changed: []fleet.Change{{Key: fleet.Row(1), Version: 2}, {Key: fleet.Whole(1), Version: 2}}, Returned: at * ms, Deferred: deferred}}
}

func TestTheCheckerSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	outage := []fleet.Fault{{Process: fleet.Everyone, Down: 500 * ms, Up: 3000 * ms}, {Process: 1, Down: 500 * ms, Up: 9000 * ms}}
	derived := read(1001, 1)
	derived.Key = fleet.Whole(1)
	fresh := read(1001, 1)
	fresh.Fresh = true
	asleep := []fleet.Fault{{Process: 1, Down: 1100 * ms, Up: 2500 * ms, Stopped: true}}
	type want struct {
		same, beyond, checked, torn, impossible, falseOutages, waking, fresh, freshStale int
		lag, late                                                                        time.Duration
	}
	for name, c := range map[string]struct {
		writer, other fleet.Log
		faults        []fleet.Fault
		want          want
	}{
		"all is well": {
			writer: fleet.Log{Reads: []fleet.Read{read(1001, 2)}, Writes: write(1000, false)},
			other:  fleet.Log{Reads: []fleet.Read{read(999, 1), read(1001, 2)}},
			want:   want{checked: 1}},
		"a stale read in the writer's process": {
			writer: fleet.Log{Reads: []fleet.Read{read(1001, 1)}, Writes: write(1000, false)},
			want:   want{checked: 1, same: 1}},
		"the same where the write was deferred": {
			writer: fleet.Log{Reads: []fleet.Read{read(1001, 1)}, Writes: write(1000, true)}, faults: outage,
			want: want{checked: 1, same: 1}},
		"a read that began before Invalidate had returned": {
			writer: fleet.Log{Reads: []fleet.Read{read(1000, 1)}, Writes: write(1000, false)}},
		"a stale value that is made of the row": {
			writer: fleet.Log{Reads: []fleet.Read{derived}, Writes: write(1000, false)},
			want:   want{checked: 1, same: 1}},
		"a lag within the bound": {
			writer: fleet.Log{Writes: write(1000, false)},
			other:  fleet.Log{Reads: []fleet.Read{read(1400, 1), read(1200, 1), read(1500, 2)}},
			want:   want{lag: 400 * time.Millisecond}},
		"a lag beyond the bound": {
			writer: fleet.Log{Writes: write(1000, false)},
			other:  fleet.Log{Reads: []fleet.Read{read(2001, 1)}},
			want:   want{lag: 1001 * time.Millisecond, beyond: 1}},
		"a process that was stopped reads while it wakes up": {
			writer: fleet.Log{Writes: write(1000, false)},
			other:  fleet.Log{Reads: []fleet.Read{read(1050, 1), read(2510, 1), read(2520, 1)}}, faults: asleep,
			want: want{lag: 50 * time.Millisecond, waking: 2}},
		"a process that was stopped reads when it must be awake": {
			writer: fleet.Log{Writes: write(1000, false)},
			other:  fleet.Log{Reads: []fleet.Read{read(2521, 1)}}, faults: asleep,
			want: want{lag: 1521 * time.Millisecond, beyond: 1}},
		"the writer's own process reads while it wakes up": {
			writer: fleet.Log{Process: 1, Writes: write(1000, false), Reads: []fleet.Read{read(2510, 1)}}, faults: asleep,
			want: want{same: 1, checked: 1}},
		"a deferred write reaches the others late": {
			writer: fleet.Log{Writes: write(1000, true)},
			other:  fleet.Log{Reads: []fleet.Read{read(2900, 1), read(3200, 1)}}, faults: outage,
			want: want{late: 200 * time.Millisecond}},
		"a write is deferred where only another process had a fault": {
			writer: fleet.Log{Writes: write(1000, true)},
			other:  fleet.Log{Reads: []fleet.Read{read(1500, 1)}}, faults: outage[1:],
			want: want{falseOutages: 1, late: 500 * time.Millisecond}},
		"a write is deferred where nothing was broken": {
			writer: fleet.Log{Writes: write(1000, true)},
			want:   want{falseOutages: 1}},
		"a Fresh read in another process, within the bound": {
			writer: fleet.Log{Writes: write(1000, false)},
			other:  fleet.Log{Reads: []fleet.Read{fresh, read(1002, 1)}},
			want:   want{fresh: 1, freshStale: 1, lag: 2 * time.Millisecond}},
		"a Fresh read in another process, of a write that was deferred": {
			writer: fleet.Log{Writes: write(1000, true)},
			other:  fleet.Log{Reads: []fleet.Read{fresh}}, faults: outage,
			want: want{fresh: 1}},
		"a write that something explains, and nothing excuses": {
			writer: fleet.Log{Writes: write(1000, true)},
			other:  fleet.Log{Reads: []fleet.Read{read(2900, 1)}}, faults: []fleet.Fault{{Process: fleet.Everyone, Down: 500 * ms, Up: 1000 * ms, Explains: true}},
			want: want{late: 1900 * time.Millisecond}},
		"a write that is deferred after what would explain it": {
			writer: fleet.Log{Writes: write(1000, true)},
			faults: []fleet.Fault{{Process: fleet.Everyone, Down: 500 * ms, Up: 999 * ms, Explains: true}},
			want:   want{falseOutages: 1}},
		"a version that was never committed": {
			writer: fleet.Log{Reads: []fleet.Read{read(1, 4)}},
			want:   want{impossible: 1}},
		"a version from the future": {
			writer: fleet.Log{Reads: []fleet.Read{read(1, 2)}},
			want:   want{impossible: 1}},
		"a request whose memory changed": {
			writer: fleet.Log{Torn: 1},
			want:   want{torn: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.other.Process = 1
			h := fleet.History{
				Logs: []fleet.Log{c.writer, c.other}, Faults: c.faults, Bound: time.Second, Waking: 20 * time.Millisecond,
				Commits: map[fleet.Key][]int64{fleet.Row(1): {0, 900 * ms, 5000 * ms}},
			}
			v := h.Check()
			got := want{v.Same, v.Beyond, v.Checked, v.Torn, v.Impossible, v.FalseOutages, v.Waking, v.Fresh, v.FreshStale, v.Lag(1), v.Late}
			if got != c.want {
				t.Errorf("found %+v, want %+v", got, c.want)
			}
			wrong := c.want.same+c.want.beyond+c.want.freshStale+c.want.torn+c.want.impossible > 0
			if v.OK() == wrong {
				t.Errorf("OK is %t", v.OK())
			}
		})
	}
}

// An older invalidation may return after a newer one, of another process. A read
// is stale against each of them that it began after.
func TestTheCheckerDoesNotStopAtAnInvalidationThatReturnedLate(t *testing.T) {
	t.Parallel()
	row := func(version uint64) []fleet.Change { return []fleet.Change{{Key: fleet.Row(1), Version: version}} }
	h := fleet.History{
		Bound: time.Second,
		Logs: []fleet.Log{
			{Process: 0, Writes: []fleet.Write{{Changed: row(3), Returned: 1000 * ms}}},
			{Process: 1, Writes: []fleet.Write{{Changed: row(2), Returned: 2000 * ms}}},
			{Process: 2, Reads: []fleet.Read{read(2500, 2)}},
		},
		Commits: map[fleet.Key][]int64{fleet.Row(1): {0, 100 * ms, 200 * ms}},
	}
	if v := h.Check(); v.Beyond != 1 || v.Lag(1) != 1500*time.Millisecond {
		t.Errorf("%d lags beyond the bound, the largest %v, want 1 of 1.5s", v.Beyond, v.Lag(1))
	}
}
