// Package targets is what was aimed at, as data: which cell of the results is held to
// which figure. RESULTS.md says of each whether it is met.
package targets

import (
	"fmt"
	"math"

	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/report"
)

// A Target is held by one cell, or by two of one event.
type Target struct {
	Row   string
	Event string
	Who   string // of ours
	Unit  string

	AtMost  float64 // the cell itself
	AtLeast float64

	Over string  // another contender of the event
	Gain float64 // Over by Who, at least
	Cost float64 // Who by Over, at most

	Ahead  float64 // Who less Over, at least
	Behind float64 // Over less Who, at most

	Plus   string  // another event
	Within float64 // Who there, less Who here, at most

	// AtMost and Within were set on a machine where the contender Yard of Event took There.
	// Where it takes twice that, they are twice as much, and what meets that is said to. Where
	// it takes less they stay as they are.
	Yard  string
	There float64

	Why string // it is not met: what the profile says, and what the machine
}

// Judge says which of the targets f meets.
func Judge(f report.File, all []Target) []report.Verdict {
	verdicts := make([]report.Verdict, len(all))
	for i, t := range all {
		verdicts[i] = t.judge(f)
	}
	return verdicts
}

func (t Target) judge(f report.File) (v report.Verdict) {
	v.Row, v.Why = t.Row, t.Why
	ours := f.Find(t.Event, t.Who)
	slower := t.slower(f)
	if slower > 1 {
		v.Yard = fmt.Sprintf("%s by the yardstick: %s takes %.2f× as long here", plain((t.AtMost+t.Within)*slower), t.Yard, slower)
	}
	switch {
	case t.Plus != "":
		v.Limit = fmt.Sprintf("at most %s %s more", plain(t.Within), t.Unit)
		there := f.Find(t.Plus, t.Who)
		if has(ours, t.Unit) && has(there, t.Unit) {
			more := report.Median(there.Rounds[t.Unit]) - report.Median(ours.Rounds[t.Unit])
			v.Measured, v.Met = fmt.Sprintf("%s %s more", plain(more), t.Unit), more <= t.Within
			v.ByYard = more <= t.Within*slower
		}
	case t.Ahead > 0, t.Behind > 0:
		theirs := f.Find(t.Event, t.Over)
		v.Limit = fmt.Sprintf("%s: %s points or more over %s", t.Event, plain(t.Ahead), t.Over)
		if t.Behind > 0 {
			v.Limit = fmt.Sprintf("%s: %s points or less below %s", t.Event, plain(t.Behind), t.Over)
		}
		if has(ours, t.Unit) && has(theirs, t.Unit) {
			ahead := report.Median(ours.Rounds[t.Unit]) - report.Median(theirs.Rounds[t.Unit])
			v.Measured, v.Met = fmt.Sprintf("%+.1f points", ahead), ahead >= t.Ahead-t.Behind
		}
	case t.Gain > 0:
		v.Limit = fmt.Sprintf("≥ %s× better than %s", plain(t.Gain), t.Over)
		if t.Unit == lab.CPU {
			v.Limit += ", in processor time"
		}
		if ratio, ok := report.Ratio(ours, f.Find(t.Event, t.Over), t.Unit); ok {
			v.Measured, v.Met = fmt.Sprintf("%.2f×", ratio), ratio >= t.Gain
		}
	case t.Cost > 0:
		v.Limit = fmt.Sprintf("≤ %s× of %s", plain(t.Cost), t.Over)
		if ratio, ok := report.Ratio(f.Find(t.Event, t.Over), ours, t.Unit); ok {
			v.Measured, v.Met = fmt.Sprintf("%.2f×", ratio), ratio <= t.Cost
		}
	case t.AtLeast > 0:
		v.Limit = fmt.Sprintf("≥ %s %s", plain(t.AtLeast), t.Unit)
		if has(ours, t.Unit) {
			x := report.Median(ours.Rounds[t.Unit])
			v.Measured, v.Met = fmt.Sprintf("%s %s", plain(x), t.Unit), x >= t.AtLeast
		}
	default:
		v.Limit = fmt.Sprintf("≤ %s %s", plain(t.AtMost), t.Unit)
		if has(ours, t.Unit) {
			x := report.Median(ours.Rounds[t.Unit])
			if counted(t.Unit) {
				x = math.Round(x*10) / 10 // a few of another goroutine, shared out
			}
			v.Measured, v.Met = fmt.Sprintf("%s %s", plain(x), t.Unit), x <= t.AtMost
			v.ByYard = x <= t.AtMost*slower
		}
	}
	return v
}

// slower is how much longer the yardstick takes here than where t was set; 0: there is none.
func (t Target) slower(f report.File) float64 {
	yard := f.Find(t.Event, t.Yard)
	if t.Yard == "" || !has(yard, t.Unit) {
		return 0
	}
	return report.Median(yard.Rounds[t.Unit]) / t.There
}

// counted are the units that come in whole numbers for one run.
func counted(unit string) bool { return unit == lab.Allocs }

func has(m *lab.Measured, unit string) bool { return m != nil && len(m.Rounds[unit]) > 0 }

func plain(x float64) string { return fmt.Sprintf("%.4g", x) }
