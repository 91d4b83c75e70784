package scenario

// soaked.go is what a soak has seen of its processes, second by second, and what must
// hold of that: nothing has grown, and after each thing that happened reads are
// answered as before.

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	mostGrown   = 1.10            // memory at the end, in that at a quarter
	filled      = time.Minute     // after which a process has what it needs
	wholeAgain  = 0.95            // of the healthy hit ratio
	backWithin  = 5 * time.Second // of the end of what happened
	movedWithin = 9 * time.Second // of a change of the list: keys move when it has stood for S, and what may be on the way for another one
	soakServers = 3               // a process has connections to that many and those that were in its list before
)

// soak is what was seen.
type soak struct {
	began        time.Time
	length       time.Duration        // that it is to last
	quarter, end map[int]fleet.Sample // of each process, at rest, its garbage collected
	beside       sync.WaitGroup       // what goes on meanwhile
	look         func(*fleet.Process) // begins to watch one

	mu      sync.Mutex
	seconds map[int]*second // since began
	happened
}

// second is the reads that all processes answered in one.
type second struct{ hits, calls uint64 }

func (s *second) ratio() float64 { return float64(s.hits) / float64(max(s.calls, 1)) }

// happened is what has happened, and when everybody rested.
type happened []span

// span is a time in which something happened.
type span struct {
	what       string
	listing    bool // the list was changed, which is no fault
	begin, end time.Duration
}

// during notes when something happens.
func (s *soak) during(what string, listing bool, do func() error) error {
	begin := time.Since(s.began)
	err := do()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened = append(s.happened, span{what, listing, begin, time.Since(s.began)})
	return err
}

// not notes that since a time nothing was asked.
func (s *soak) not(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened = append(s.happened, span{"", false, since.Sub(s.began), time.Since(s.began)})
}

// watch reads p's counters once a second, until it is gone.
func (s *soak) watch(ctx context.Context, p *fleet.Process) {
	var before fleet.Sample
	for first := true; ; first = false {
		now, err := p.Sample(false)
		if err != nil {
			return // killed: the fleet knows
		}
		if !first {
			s.add(time.Since(s.began), before, now)
		}
		before = now
		if !sleep(ctx, time.Second) {
			return
		}
	}
}

// add takes what was answered between two samples into the second of the later one.
func (s *soak) add(at time.Duration, before, now fleet.Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seconds == nil {
		s.seconds = map[int]*second{}
	}
	n := int(at / time.Second)
	if s.seconds[n] == nil {
		s.seconds[n] = &second{}
	}
	s.seconds[n].hits += hits(now) - hits(before)
	s.seconds[n].calls += now.Counts.Calls - before.Counts.Calls
}

func hits(s fleet.Sample) uint64 {
	return s.Counts.L1 + s.Counts.L2 + s.Counts.L3 + s.Counts.Stale + s.Counts.Negative
}

// A SoakResult is what is left of it.
type SoakResult struct {
	Happened    int      `json:"happened"`
	Healthy     float64  `json:"healthy_hit_ratio"`
	Back        float64  `json:"slowest_return_s"`
	Moved       float64  `json:"slowest_return_from_another_list_s"`
	Heap        float64  `json:"heap_at_the_end_per_quarter"` // the largest of all processes; so is the next
	RSS         float64  `json:"rss_at_the_end_per_quarter"`
	Goroutines  int      `json:"goroutines_gained"` // the most of a process; so is the next
	Descriptors int      `json:"descriptors_gained"`
	Connections int      `json:"connections_at_the_end"`
	Failures    []string `json:"-"`
}

// result judges what was seen.
func (s *soak) result() *SoakResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &SoakResult{}
	r.grown(s.quarter, s.end, s.length >= filled)
	r.returned(s.seconds, s.happened)
	return r
}

// grown compares the processes that were there at both times; their memory only if it
// had the time to be filled.
func (r *SoakResult) grown(quarter, end map[int]fleet.Sample, memory bool) {
	compared := 0
	for _, id := range slices.Sorted(maps.Keys(end)) {
		a, b := quarter[id], end[id]
		if a.Heap == 0 {
			continue
		}
		compared++
		heap, rss := float64(b.Heap)/float64(a.Heap), float64(b.RSS)/float64(a.RSS)
		r.Heap, r.RSS = max(r.Heap, heap), max(r.RSS, rss)
		r.Goroutines, r.Descriptors = max(r.Goroutines, b.Goroutines-a.Goroutines), max(r.Descriptors, b.Descriptors-a.Descriptors)
		r.Connections = max(r.Connections, b.Connections)
		r.check(heap <= mostGrown || !memory, "process %d has %.2f times the heap that it had at a quarter (%d, %d)", id, heap, a.Heap, b.Heap)
		r.check(rss <= mostGrown || !memory, "process %d has %.2f times the memory that it had at a quarter (%d, %d)", id, rss, a.RSS, b.RSS)
		r.check(b.Goroutines <= a.Goroutines, "process %d has %d goroutines, and had %d at a quarter", id, b.Goroutines, a.Goroutines)
		r.check(b.Descriptors <= a.Descriptors, "process %d has %d open files, and had %d at a quarter", id, b.Descriptors, a.Descriptors)
		r.check(b.Connections <= soakConns*(soakServers+1), "process %d has %d connections", id, b.Connections)
	}
	r.check(compared > 0, "no process was there at a quarter and at the end")
}

// returned finds for each thing that happened when the hit ratio was whole again.
func (r *SoakResult) returned(seconds map[int]*second, all happened) {
	var calm []float64
	for n, s := range seconds {
		if n > 2 && s.calls > 0 && all.leave(n) {
			calm = append(calm, s.ratio())
		}
	}
	if r.check(len(calm) > 0, "there was no calm second"); len(calm) == 0 {
		return
	}
	slices.Sort(calm)
	r.Healthy = calm[len(calm)/2]
	for _, h := range all {
		if h.what == "" {
			continue
		}
		r.Happened++
		back := h.back(seconds, wholeAgain*r.Healthy)
		slowest, within := &r.Back, backWithin
		if h.listing {
			slowest, within = &r.Moved, movedWithin
		}
		*slowest = max(*slowest, back.Seconds())
		r.check(back <= within, "after %q at %v the hit ratio was not %.3f within %v", h.what, h.begin.Round(time.Second), wholeAgain*r.Healthy, within)
	}
}

// leave reports whether nothing happened in second n, nor for a while before it.
func (all happened) leave(n int) bool {
	at := time.Duration(n) * time.Second
	return !slices.ContainsFunc(all, func(h span) bool { return h.begin <= at+time.Second && at <= h.end+movedWithin })
}

// back is how long after the end of h there was a second of such a ratio.
func (h span) back(seconds map[int]*second, ratio float64) time.Duration {
	for n := int(h.end/time.Second) + 1; ; n++ {
		at := time.Duration(n+1)*time.Second - h.end
		if s := seconds[n]; at > 2*movedWithin || s != nil && s.calls > 0 && s.ratio() >= ratio {
			return at.Round(time.Second / 10)
		}
	}
}

func (r *SoakResult) check(ok bool, format string, args ...any) {
	if !ok {
		r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
	}
}
