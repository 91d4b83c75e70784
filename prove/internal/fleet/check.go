package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"
)

// A Verdict is what a History shows.
type Verdict struct {
	Reads, Writes int
	Deferred      int // writes whose Invalidate returned ErrDeferred
	FalseOutages  int // those of them that no Fault explains

	Checked int // reads in a process that had itself invalidated the key before
	Same    int // those of them that were stale

	Lags   []time.Duration // of the writes that were not deferred: the largest of each write and other process, ascending
	Beyond int             // those of them that exceed the bound
	Late   time.Duration   // of the writes that were deferred: the largest since their process had memcached again

	Waking int           // reads of processes that were waking up, and that would have exceeded the bound
	Awake  time.Duration // when the last of them began, after its process went on

	Fresh      int // reads under memo.Fresh
	FreshStale int // those of them that were older than a write which had returned in any process, but for deferred ones

	Torn       int // second reads in a request that differed from the first
	Impossible int // reads of a version that was committed after they had ended, or never
	Examples   []string
}

const (
	mostExamples = 8
	// clocksApart is what the clocks of two processes may differ before a read
	// counts as impossible.
	clocksApart = 20 * time.Millisecond
	// healing is how long after a fault an invalidation may still be deferred
	// because of it: the poller has to find the server again.
	healing = 2 * time.Second
)

// OK reports whether nothing was wrong.
func (v *Verdict) OK() bool {
	return v.Same == 0 && v.Beyond == 0 && v.FreshStale == 0 && v.Torn == 0 && v.Impossible == 0
}

// ack is one key of a write, as a reader of that key sees it.
type ack struct {
	process   int
	operation Operation
	version   uint64
	newest    uint64 // the largest version of this and all earlier acks
	returned  int64
	deferred  bool
	since     int64   // when the others could hear of it
	lags      []int64 // by index of the log
}

// Check finds the stale reads of h.
func (h *History) Check() *Verdict {
	v := &Verdict{}
	acks, all := h.acks(v)
	for i := range h.Logs {
		log := &h.Logs[i]
		v.Reads += len(log.Reads)
		v.Torn += log.Torn
		own := firstOwn(log)
		for _, r := range log.Reads {
			if first, wrote := own[r.Key]; wrote && first < r.Began {
				v.Checked++
			}
			if r.Fresh {
				v.Fresh++
			}
			h.read(v, acks[r.Key], i, r)
		}
	}
	for _, a := range all {
		h.lag(v, a)
	}
	slices.Sort(v.Lags)
	return v
}

// acks returns the invalidations by key, in the order in which they returned.
// The keys of one write are separate: each has readers of its own.
func (h *History) acks(v *Verdict) (byKey map[Key][]*ack, all []*ack) {
	byKey = map[Key][]*ack{}
	for _, log := range h.Logs {
		for _, w := range log.Writes {
			since, explained := h.heard(log.Process, w)
			v.count(w, explained)
			for _, c := range w.Changed {
				a := &ack{
					process: log.Process, operation: w.Operation, version: c.Version,
					returned: w.Returned, deferred: w.Deferred, since: since, lags: make([]int64, len(h.Logs)),
				}
				byKey[c.Key] = append(byKey[c.Key], a)
				all = append(all, a)
			}
		}
	}
	for _, list := range byKey {
		slices.SortFunc(list, func(a, b *ack) int { return cmp.Compare(a.returned, b.returned) })
		var newest uint64
		for _, a := range list {
			newest = max(newest, a.version)
			a.newest = newest
		}
	}
	return byKey, all
}

func (v *Verdict) count(w Write, explained bool) {
	v.Writes++
	if w.Deferred {
		v.Deferred++
	}
	if w.Deferred && !explained {
		v.FalseOutages++
	}
}

// heard is the time from which the lag of process's w counts, and whether a fault
// explains that it was deferred.
func (h *History) heard(process int, w Write) (since int64, explained bool) {
	if !w.Deferred {
		return w.Returned, false
	}
	since = w.Returned
	for _, f := range h.Faults {
		if f.Process != Everyone && f.Process != process {
			continue
		}
		if f.Down <= w.Returned && w.Returned <= f.Up+int64(healing) {
			since, explained = max(since, f.Up), true
		}
	}
	return since, explained
}

// read compares r, of log i, with every invalidation that had returned when it
// began. acks[j].newest bounds how far it has to look back.
func (h *History) read(v *Verdict, acks []*ack, i int, r Read) {
	log := &h.Logs[i]
	if h.impossible(r) {
		v.Impossible++
		v.example(func() string {
			return fmt.Sprintf("process %d read version %d of %s before it was committed", log.Process, r.Version, r.Key)
		})
	}
	same, excused, old := false, false, false
	up, waking := h.waking(log.Process, r)
	before := sort.Search(len(acks), func(j int) bool { return acks[j].returned >= r.Began })
	for j := before - 1; j >= 0 && acks[j].newest > r.Version; j-- {
		a := acks[j]
		if a.version <= r.Version {
			continue
		}
		if r.Fresh && !a.deferred && !old {
			old = true
			v.FreshStale++
			v.example(func() string { return "under Fresh: " + h.stale(log.Process, r, a) })
		}
		if a.process == log.Process {
			if !same {
				v.Same++
				v.example(func() string { return h.stale(log.Process, r, a) })
			}
			same = true
			continue
		}
		lag := r.Began - a.since
		if lag <= a.lags[i] {
			continue
		}
		if waking && !a.deferred && lag > int64(h.Bound) {
			excused = true
			continue
		}
		if !a.deferred && a.lags[i] <= int64(h.Bound) && lag > int64(h.Bound) {
			v.example(func() string { return "beyond the bound: " + h.stale(log.Process, r, a) })
		}
		a.lags[i] = lag
	}
	if excused {
		v.Waking++
		v.Awake = max(v.Awake, time.Duration(r.Began-up))
	}
}

// waking reports whether r began while its process woke up, and when that went
// on.
func (h *History) waking(process int, r Read) (up int64, waking bool) {
	for _, f := range h.Faults {
		if f.Stopped && f.Process == process && f.Down <= r.Began && r.Began <= f.Up+int64(h.Waking) {
			return f.Up, true
		}
	}
	return 0, false
}

// lag takes the lags of one invalidation into v.
func (h *History) lag(v *Verdict, a *ack) {
	for i, ns := range a.lags {
		lag := time.Duration(ns)
		switch {
		case h.Logs[i].Process == a.process:
		case a.deferred:
			v.Late = max(v.Late, lag)
		default:
			v.Lags = append(v.Lags, lag)
			if lag > h.Bound {
				v.Beyond++
			}
		}
	}
}

// impossible reports whether r knew a version before it was there.
func (h *History) impossible(r Read) bool {
	if r.Version == 0 {
		return false
	}
	commits := h.Commits[Row(r.Key.N)]
	return r.Version > uint64(len(commits)) || r.Ended < commits[r.Version-1]-int64(clocksApart)
}

// firstOwn is when log's process first had invalidated each key.
func firstOwn(log *Log) map[Key]int64 {
	first := map[Key]int64{}
	for _, w := range log.Writes {
		for _, c := range w.Changed {
			if at, ok := first[c.Key]; !ok || w.Returned < at {
				first[c.Key] = w.Returned
			}
		}
	}
	return first
}

func (v *Verdict) example(text func() string) {
	if len(v.Examples) < mostExamples {
		v.Examples = append(v.Examples, text())
	}
}

// Lag returns the lag that the part q of all pairs of a write and another
// process do not exceed.
func (v *Verdict) Lag(q float64) time.Duration {
	if len(v.Lags) == 0 {
		return 0
	}
	return v.Lags[min(int(q*float64(len(v.Lags))), len(v.Lags)-1)]
}
