package fleet_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// story is ten minutes of three processes, of which now and then one reads something
// old, with the outages of one of them.
func story(random *rand.Rand) *fleet.History {
	h := &fleet.History{Bound: time.Second, Logs: make([]fleet.Log, 3), Commits: map[fleet.Key][]int64{}}
	versions := map[int]uint64{}
	for at := int64(0); at < 600_000; at += 1 + random.Int64N(200) {
		n, process := random.IntN(4), random.IntN(3)
		log := &h.Logs[process]
		log.Process = process
		if random.IntN(10) == 0 {
			versions[n]++
			h.Commits[fleet.Row(n)] = append(h.Commits[fleet.Row(n)], at*ms)
			log.Writes = append(log.Writes, fleet.Write{
				Changed:  []fleet.Change{{Key: fleet.Row(n), Version: versions[n]}},
				Returned: at*ms + 1, Deferred: random.IntN(8) == 0,
			})
			continue
		}
		r := fleet.Read{Key: fleet.Row(n), Version: versions[n], Began: at * ms, Ended: at*ms + 2}
		if random.IntN(200) == 0 {
			r.Version -= min(r.Version, random.Uint64N(40)) // for good, sometimes
		}
		log.Reads = append(log.Reads, r)
		if random.IntN(500) == 0 {
			h.Faults = append(h.Faults, fleet.Fault{Process: process, Down: at * ms, Up: (at + 1500) * ms, Stopped: random.IntN(2) == 0})
		}
	}
	return h
}

// part is what of h was between two times. Faults are known as soon as they began.
func part(h *fleet.History, from, until int64) *fleet.History {
	p := &fleet.History{Commits: h.Commits}
	for _, f := range h.Faults {
		if f.Down < until {
			p.Faults = append(p.Faults, f)
		}
	}
	for _, log := range h.Logs {
		l := fleet.Log{Process: log.Process}
		for _, r := range log.Reads {
			if from <= r.Began && r.Began < until {
				l.Reads = append(l.Reads, r)
			}
		}
		for _, w := range log.Writes {
			if from <= w.Returned && w.Returned < until {
				l.Writes = append(l.Writes, w)
			}
		}
		p.Logs = append(p.Logs, l)
	}
	return p
}

// What is judged in parts is what is judged as a whole: a stale read is found also
// where what it is older than was long ago. Only of how many writes it is beyond the
// bound is not known then: the older ones of a process are forgotten.
func TestAHistoryInPartsIsJudgedAsOne(t *testing.T) {
	t.Parallel()
	type found struct{ reads, checked, same, impossible, writes, deferred, lags, falseOutages, waking int }
	of := func(v *fleet.Verdict) found {
		return found{v.Reads, v.Checked, v.Same, v.Impossible, v.Writes, v.Deferred, len(v.Lags), v.FalseOutages, v.Waking}
	}
	for seed := range uint64(5) {
		h := story(rand.New(rand.NewPCG(seed, 1)))
		whole := h.Check()
		c := &fleet.Checker{Bound: h.Bound}
		const step = 7_000 * ms
		for from := int64(0); from < 600_000*ms; from += step {
			c.Judge(part(h, from, from+step), from+step)
		}
		c.Judge(part(h, 600_000*ms, math.MaxInt64), math.MaxInt64)
		got := c.Verdict()
		if of(got) != of(whole) {
			t.Errorf("story %d: in parts %+v, as a whole %+v", seed, of(got), of(whole))
		}
		if whole.Same == 0 || whole.Beyond == 0 || got.Beyond == 0 {
			t.Errorf("story %d shows nothing: %d and %d", seed, whole.Same, whole.Beyond)
		}
		if got.Late > whole.Late || !slices.IsSorted(got.Lags) {
			t.Errorf("story %d: late by %v in parts, and by %v as a whole", seed, got.Late, whole.Late)
		}
	}
}

// What is kept of a long run does not grow with it.
func TestAJudgeForgets(t *testing.T) {
	t.Parallel()
	h := story(rand.New(rand.NewPCG(7, 7)))
	c := &fleet.Checker{Bound: h.Bound}
	most := 0
	for from := int64(0); from < 600_000*ms; from += 10_000 * ms {
		c.Judge(part(h, from, from+10_000*ms), from+10_000*ms)
		most = max(most, fleet.Remembered(c))
	}
	if most > 100+4*3 { // of forty seconds, ten writes a second at most come ten times; and the last of each row and process
		t.Errorf("it remembers up to %d invalidations", most)
	}
}

// A part ends between a write and a read that is too old. The write is not the last of
// its process, and yet it is the one that the read is beyond the bound of.
func TestAJudgeRemembersWhatTheBoundIsAbout(t *testing.T) {
	t.Parallel()
	row := func(version uint64, at int64) fleet.Write {
		return fleet.Write{Changed: []fleet.Change{{Key: fleet.Row(1), Version: version}}, Returned: at * ms}
	}
	h := &fleet.History{
		Logs: []fleet.Log{
			{Process: 0, Writes: []fleet.Write{row(2, 8500), row(3, 9900)}},
			{Process: 1, Reads: []fleet.Read{read(10_200, 1)}},
		},
		Commits: map[fleet.Key][]int64{fleet.Row(1): {0, 8400 * ms, 9800 * ms}},
	}
	c := &fleet.Checker{Bound: time.Second}
	c.Judge(part(h, 0, 10_000*ms), 10_000*ms)
	c.Judge(part(h, 10_000*ms, math.MaxInt64), math.MaxInt64)
	if v := c.Verdict(); v.Beyond != 1 || v.Lag(1) != 1700*time.Millisecond {
		t.Errorf("%d lags beyond the bound, the largest %v, want 1 of 1.7s", v.Beyond, v.Lag(1))
	}
}
