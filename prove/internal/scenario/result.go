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
	Servers   int     `json:"servers"`
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

	Ages []Age       `json:"ages,omitempty"`
	Soak *SoakResult `json:"soak,omitempty"`

	Counts map[int]memo.Counts `json:"-"` // of each process that was not killed
}

// An Age is how old values became that only end, in the processes of one clock.
type Age struct {
	Skew float64 `json:"clock_off_ms"`
	Soft bool    `json:"stale_and_early"` // they may be served past their end
	P50  float64 `json:"p50_ms"`
	Max  float64 `json:"max_ms"`
	Most float64 `json:"bound_ms"`
}

// result judges what happened.
func (r *run) result(v *fleet.Verdict, counts map[int]memo.Counts, took time.Duration) *Result {
	s := &Result{
		Name: r.Name, Servers: max(r.Servers, 1), Processes: len(r.fleet.Processes), Writers: r.Writers, Seconds: took.Round(time.Millisecond).Seconds(),
		Reads: v.Reads, Checked: v.Checked, Writes: v.Writes, Deferred: v.Deferred, FalseOutages: v.FalseOutages,
		Same: v.Same, Beyond: v.Beyond, Fresh: v.Fresh, FreshStale: v.FreshStale, Torn: v.Torn, Impossible: v.Impossible, Errors: v.Failed,
		Waking: v.Waking, AwakeMax: millis(v.Awake),
		Bound: millis(StaleBound), LagP50: millis(v.Lag(0.5)), LagP99: millis(v.Lag(0.99)), LagMax: millis(v.Lag(1)), LateMax: millis(v.Late), LateBound: millis(r.recovery()),
		Loads: r.fleet.Database.LoadCount(), Epochs: r.epochs(), Faults: r.faults, Examples: v.Examples, Counts: counts, Ages: r.ages(v),
	}
	if v.Late > Recovery { // with several servers that may be right, and somebody may wonder
		s.Examples = append(s.Examples, "late: "+v.Latest)
	}
	if r.soak != nil {
		s.Soak = r.soak.result()
		s.Failures = s.Soak.Failures
	}
	s.judge()
	return s
}

// recovery is what a deferred invalidation may take. Where the lists change it may be
// deferred because the writer does not know yet who reads from where.
func (r *run) recovery() time.Duration {
	if r.Spread > 0 {
		return max(Recovery, r.Spread+registered+StaleBound)
	}
	return Recovery
}

// ages are those of the values that only end. A value may be older than its lifetime
// by what the clocks are apart, and no more: whoever has it long is slow, whoever
// reads it is fast.
func (r *run) ages(v *fleet.Verdict) (ages []Age) {
	for part, skew := range r.Skews {
		for _, soft := range []bool{false, true} {
			all := v.Ages[fleet.AgeOf{Process: part, Soft: soft}]
			if len(all) == 0 {
				continue
			}
			most := fleet.AgedTTL + slices.Max(r.Skews) - slices.Min(r.Skews) + untimely
			if soft {
				most += r.Setup.Stale
			}
			ages = append(ages, Age{Skew: millis(skew), Soft: soft, P50: millis(all[len(all)/2]), Max: millis(all[len(all)-1]), Most: millis(most)})
		}
	}
	return ages
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
	for _, a := range s.Ages {
		if a.Max > a.Most {
			s.Failures = append(s.Failures, fmt.Sprintf("a value was %v ms old where the clock is off by %v ms, more than %v", a.Max, a.Skew, a.Most))
		}
	}
	if s.LateMax > s.LateBound {
		s.Failures = append(s.Failures, fmt.Sprintf("a deferred invalidation was not heard for %v ms, more than %v", s.LateMax, s.LateBound))
	}
	if s.Few() {
		s.Failures = append(s.Failures, fmt.Sprintf("%d reads checked and %d writes: too few to show anything", s.Checked, s.Writes))
	}
}

// Few says that too little happened to show anything: the machine was busy.
func (s *Result) Few() bool { return s.Checked < 300 || s.Writes < 10 }

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

// Markdown returns a soak's figures as a table.
func (s *SoakResult) Markdown() string {
	return fmt.Sprintf("| what happened | healthy hit ratio | back to 95 %% of it after a fault within, s, at most | after a change of the list | heap, end / quarter | memory of the process, end / quarter | goroutines gained | open files gained | connections of a process |\n"+
		"|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n| %d | %.3f | %.1f | %.1f | %.2f | %.2f | %d | %d | %d |\n",
		s.Happened, s.Healthy, s.Back, s.Moved, s.Heap, s.RSS, s.Goroutines, s.Descriptors, s.Connections)
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
	for _, a := range s.Ages {
		kind := "TTL 1 s"
		if a.Soft {
			kind += ", and stale"
		}
		list = append(list, fmt.Sprintf("clock %+.0f s, %s: p50 %.0f ms old, at most %.0f", a.Skew/1000, kind, a.P50, a.Max))
	}
	if s.Waking > 0 {
		list = append(list, fmt.Sprintf("%d reads beyond the bound in the first %.0f ms after a stop", s.Waking, max(s.AwakeMax, 1)))
	}
	return strings.Join(list, ", ")
}

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond/10)) / float64(time.Millisecond)
}
