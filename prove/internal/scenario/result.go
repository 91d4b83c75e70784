package scenario

// result.go is what is left of a scenario: its figures, whether they are as they
// must be, and how they look in a table.

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// A Result is what a scenario showed, as RESULTS.json has it.
type Result struct {
	Name      string  `json:"name"`
	Processes int     `json:"processes"` // all that lived, also those that were killed
	Writers   int     `json:"writers"`
	Seconds   float64 `json:"seconds"`

	Reads        int `json:"reads"`
	Checked      int `json:"checked"` // reads in a process that had itself written the key before
	Writes       int `json:"writes"`
	Deferred     int `json:"deferred"`
	FalseOutages int `json:"false_outages"` // of the deferred, those that no fault explains

	Same       int `json:"same_process_stale"`
	Beyond     int `json:"beyond_bound"`
	Fresh      int `json:"fresh"` // reads under memo.Fresh
	FreshStale int `json:"fresh_stale"`
	Torn       int `json:"changed_within_a_request"`
	Impossible int `json:"impossible"`

	Waking   int     `json:"stale_while_waking"`        // reads beyond the bound in processes that had just been stopped, and are allowed to
	AwakeMax float64 `json:"stale_while_waking_max_ms"` // how long after their process went on

	Bound     float64 `json:"bound_ms"`
	LagP50    float64 `json:"lag_p50_ms"`
	LagP99    float64 `json:"lag_p99_ms"`
	LagMax    float64 `json:"lag_max_ms"`
	LateMax   float64 `json:"deferred_lag_after_heal_max_ms"`
	LateBound float64 `json:"deferred_lag_bound_ms"`

	Loads  int            `json:"loads"`
	Errors int            `json:"errors"` // reads that returned one to a caller who was still there
	Epochs int            `json:"epochs"` // that began
	Faults map[string]int `json:"faults"`

	Failures []string `json:"failures,omitempty"` // empty: nothing was wrong
	Examples []string `json:"examples,omitempty"`

	Counts map[int]memo.Counts `json:"-"` // of each process that was not killed
}

// result judges what happened.
func (r *run) result(h *fleet.History, took time.Duration) *Result {
	v := h.Check()
	s := &Result{
		Name: r.Name, Processes: len(h.Logs), Writers: r.Writers, Seconds: took.Round(time.Millisecond).Seconds(),
		Reads: v.Reads, Checked: v.Checked, Writes: v.Writes, Deferred: v.Deferred, FalseOutages: v.FalseOutages,
		Same: v.Same, Beyond: v.Beyond, Fresh: v.Fresh, FreshStale: v.FreshStale, Torn: v.Torn, Impossible: v.Impossible,
		Waking: v.Waking, AwakeMax: millis(v.Awake),
		Bound: millis(h.Bound), LagP50: millis(v.Lag(0.5)), LagP99: millis(v.Lag(0.99)), LagMax: millis(v.Lag(1)), LateMax: millis(v.Late), LateBound: millis(Recovery),
		Loads: r.fleet.Database.LoadCount(), Epochs: r.operator.epochs, Faults: r.faults, Examples: v.Examples, Counts: map[int]memo.Counts{},
	}
	for _, l := range h.Logs {
		s.Counts[l.Process] = l.Counts
		s.Errors += l.Failed
	}
	s.judge()
	return s
}

// judge says what is wrong with s.
func (s *Result) judge() {
	for _, c := range []struct {
		n    int
		what string
	}{
		{s.Same, "stale reads in the process that had written"},
		{s.Beyond, fmt.Sprintf("lags beyond the bound of %v ms", s.Bound)},
		{s.FreshStale, "reads under Fresh that were older than a write which had returned"},
		{s.Torn, "requests whose memory changed"},
		{s.Impossible, "reads of what was not committed"},
		{s.Errors, "reads that returned an error"},
	} {
		if c.n > 0 {
			s.Failures = append(s.Failures, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if s.LateMax > s.LateBound {
		s.Failures = append(s.Failures, fmt.Sprintf("a deferred invalidation was not heard for %v ms, more than %v", s.LateMax, s.LateBound))
	}
	if s.Checked < 300 || s.Writes < 10 {
		s.Failures = append(s.Failures, fmt.Sprintf("%d reads checked and %d writes: too few to show anything", s.Checked, s.Writes))
	}
}

// OK reports whether nothing was wrong.
func (s *Result) OK() bool { return len(s.Failures) == 0 }

// Checked is how many reads the results checked in the processes that had
// written.
func Checked(results []*Result) (n int) {
	for _, s := range results {
		n += s.Checked
	}
	return n
}

// Markdown returns results as a table.
func Markdown(results []*Result) string {
	var b strings.Builder
	b.WriteString("| scenario | processes (writers) | reads | checked | writes (deferred) | same-process stale | lag p50 / p99 / max ms | beyond bound | deferred: max ms after heal | loads | errors | epochs | faults |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, s := range results {
		name := s.Name
		if !s.OK() {
			name += ": **FAILED**, " + strings.Join(s.Failures, ", ")
		}
		late := "–"
		if s.Deferred > 0 {
			late = fmt.Sprintf("%.0f", s.LateMax)
		}
		fmt.Fprintf(&b, "| %s | %d (%d) | %d | %d | %d (%d) | %d | %.0f / %.0f / %.0f | %d | %s | %d | %d | %d | %s |\n",
			name, s.Processes, s.Writers, s.Reads, s.Checked, s.Writes, s.Deferred, s.Same,
			s.LagP50, s.LagP99, s.LagMax, s.Beyond, late, s.Loads, s.Errors, s.Epochs, s.faults())
	}
	fmt.Fprintf(&b, "\nReads checked in a process that had written the key itself: **%d**.\n", Checked(results))
	return b.String()
}

func (s *Result) faults() string {
	var list []string
	for _, kind := range slices.Sorted(maps.Keys(s.Faults)) {
		list = append(list, fmt.Sprintf("%d %s", s.Faults[kind], kind))
	}
	if s.Fresh > 0 {
		list = append(list, fmt.Sprintf("%d Fresh reads, %d of them old", s.Fresh, s.FreshStale))
	}
	if s.FalseOutages > 0 {
		list = append(list, fmt.Sprintf("%d deferred without a fault of that kind", s.FalseOutages))
	}
	if s.Waking > 0 {
		list = append(list, fmt.Sprintf("%d reads beyond the bound in the first %.0f ms after a stop", s.Waking, max(s.AwakeMax, 1)))
	}
	return strings.Join(list, ", ")
}

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond/10)) / float64(time.Millisecond)
}
