package fleet

// check.go is what a history shows: a read that began after an invalidation of a newer
// version had returned is stale. A history may come in parts, so that a long run is
// never in memory as a whole.

import (
	"fmt"
	"math"
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
	Latest string          // which that was

	Waking int           // reads of processes that were waking up, and that would have exceeded the bound
	Awake  time.Duration // when the last of them began, after its process went on

	Fresh      int // reads under memo.Fresh
	FreshStale int // those of them that were older than a write which had returned in any process, but for deferred ones

	Failed int                       // reads that returned an error to a caller who was still there
	Ages   map[AgeOf][]time.Duration // ascending

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

// AgeOf is whose ages there are, and of which values.
type AgeOf struct {
	Process int
	Soft    bool
}

func (v *Verdict) age(log *Log) {
	for _, a := range log.Ages {
		if v.Ages == nil {
			v.Ages = map[AgeOf][]time.Duration{}
		}
		of := AgeOf{log.Process, a.Soft}
		v.Ages[of] = append(v.Ages[of], a.Old)
	}
}

// OK reports whether nothing was wrong.
func (v *Verdict) OK() bool {
	return v.Same == 0 && v.Beyond == 0 && v.FreshStale == 0 && v.Torn == 0 && v.Impossible == 0
}

// A Checker judges a history part by part, in the order of time.
type Checker struct {
	Bound time.Duration // Config.StaleBound
	// Waking is for how long after it goes on a process that was stopped may use the
	// clock that it went to sleep with: what it reads then is not held to Bound.
	Waking time.Duration

	v    Verdict
	part *History
	acks acks
	own  map[int]map[Key]int64 // when each process first had told of each key
}

// Check finds the stale reads of h, which is a whole.
func (h *History) Check() *Verdict {
	c := &Checker{Bound: h.Bound, Waking: h.Waking}
	c.Judge(h, forever)
	return c.Verdict()
}

// Judge finds the stale reads of the next part of a history. It must have all that
// returned before until, all faults that began before it, and only reads that did;
// whatever of that comes with a later part is compared with what is still known.
func (c *Checker) Judge(part *History, until int64) {
	c.part = part
	c.hear(part)
	for i := range part.Logs {
		log := &part.Logs[i]
		c.v.Reads += len(log.Reads)
		c.v.Torn += log.Torn
		c.v.Failed += log.Failed
		own := c.own[log.Process]
		for _, r := range log.Reads {
			if first, wrote := own[r.Key]; wrote && first < r.Began {
				c.v.Checked++
			}
			if r.Fresh {
				c.v.Fresh++
			}
			c.read(log.Process, r)
		}
		c.v.age(log)
	}
	c.acks.forget(until-int64(remembered), c.lag)
}

const (
	forever = math.MaxInt64
	// remembered is for how long an invalidation is compared with reads, whatever
	// followed on it: far longer than any bound. Of older ones the last of each process
	// and key are enough to see a read that is stale for good.
	remembered = 30 * time.Second
)

// Verdict is what all parts have shown. There must be no more of them.
func (c *Checker) Verdict() *Verdict {
	c.acks.each(c.lag)
	slices.Sort(c.v.Lags)
	for _, ages := range c.v.Ages {
		slices.Sort(ages)
	}
	return &c.v
}

// hear takes the invalidations of a part. The keys of one write are separate: each
// has readers of its own.
func (c *Checker) hear(part *History) {
	if c.own == nil {
		c.own, c.acks.byKey = map[int]map[Key]int64{}, map[Key][]*ack{}
	}
	for _, log := range part.Logs {
		if c.own[log.Process] == nil {
			c.own[log.Process] = map[Key]int64{}
		}
		c.acks.processes = max(c.acks.processes, log.Process+1)
		for _, w := range log.Writes {
			since, explained := part.heard(log.Process, w)
			c.v.count(w, explained)
			for _, changed := range w.Changed {
				c.acks.add(changed.Key, &ack{
					process: log.Process, operation: w.Operation, version: changed.Version,
					returned: w.Returned, deferred: w.Deferred, since: since,
				})
				if at, ok := c.own[log.Process][changed.Key]; !ok || w.Returned < at {
					c.own[log.Process][changed.Key] = w.Returned
				}
			}
		}
	}
	c.acks.sort()
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
		switch {
		case f.Process != Everyone && f.Process != process, f.Down > w.Returned:
		case f.Explains:
			explained = explained || w.Returned <= f.Up
		case w.Returned <= f.Up+int64(healing):
			since, explained = max(since, f.Up), true
		}
	}
	return since, explained
}

// read compares r with every invalidation that had returned when it began.
// acks[j].newest bounds how far it has to look back.
func (c *Checker) read(process int, r Read) {
	v, acks := &c.v, c.acks.byKey[r.Key]
	if c.part.impossible(r) {
		v.Impossible++
		v.example(func() string {
			return fmt.Sprintf("process %d read version %d of %s before it was committed", process, r.Version, r.Key)
		})
	}
	same, excused, old := false, false, false
	up, waking := c.waking(process, r)
	before := sort.Search(len(acks), func(j int) bool { return acks[j].returned >= r.Began })
	for j := before - 1; j >= 0 && acks[j].newest > r.Version; j-- {
		a := acks[j]
		if a.version <= r.Version {
			continue
		}
		if r.Fresh && !a.deferred && !old {
			old = true
			v.FreshStale++
			v.example(func() string { return "under Fresh: " + c.part.stale(process, r, a) })
		}
		if a.process == process {
			if !same {
				v.Same++
				v.example(func() string { return c.part.stale(process, r, a) })
			}
			same = true
			continue
		}
		lag, known := r.Began-a.since, a.lags[process]
		if lag <= known {
			continue
		}
		if waking && !a.deferred && lag > int64(c.Bound) {
			excused = true
			continue
		}
		if !a.deferred && known <= int64(c.Bound) && lag > int64(c.Bound) {
			v.example(func() string { return "beyond the bound: " + c.part.stale(process, r, a) })
		}
		if a.deferred && lag > int64(v.Late) {
			v.Late, v.Latest = time.Duration(lag), c.part.stale(process, r, a)
		}
		if a.lags == nil {
			a.lags = map[int]int64{}
		}
		a.lags[process] = lag
	}
	if excused {
		v.Waking++
		v.Awake = max(v.Awake, time.Duration(r.Began-up))
	}
}

// waking reports whether r began while its process woke up, and when that went
// on.
func (c *Checker) waking(process int, r Read) (up int64, waking bool) {
	for _, f := range c.part.Faults {
		if f.Stopped && f.Process == process && f.Down <= r.Began && r.Began <= f.Up+int64(c.Waking) {
			return f.Up, true
		}
	}
	return 0, false
}

// lag takes the lags of one invalidation into the verdict: of each other process,
// also of one that has read nothing old.
func (c *Checker) lag(a *ack) {
	for process := range c.acks.processes {
		if process == a.process || a.deferred {
			continue
		}
		lag := time.Duration(a.lags[process])
		c.v.Lags = append(c.v.Lags, lag)
		if lag > c.Bound {
			c.v.Beyond++
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
