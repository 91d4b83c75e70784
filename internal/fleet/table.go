package fleet

import (
	"fmt"
	"strings"
	"time"
)

// A Line is one scenario in the report.
type Line struct {
	Scenario  string
	Processes int
	Verdict   *Verdict
	Loads     int
	Note      string // what else it showed
}

// Markdown returns the report. Lags are those of each key of a write and other
// process; "after return" is the largest of the deferred writes since memcached
// was back.
func Markdown(lines []Line) string {
	var b strings.Builder
	b.WriteString("| scenario | processes | reads | checked in the writer's process | writes (deferred) | same-process stale | lag p50/p99/max ms | beyond bound | deferred: max ms after return | loads | notes |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|\n")
	checked := 0
	for _, l := range lines {
		v := l.Verdict
		if v.OK() {
			checked += v.Checked
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d (%d) | %d | %s/%s/%s | %d | %s | %d | %s |\n",
			l.Scenario, l.Processes, v.Reads, v.Checked, v.Writes, v.Deferred, v.Same,
			millis(v.Lag(0.5)), millis(v.Lag(0.99)), millis(v.Lag(1)), v.Beyond, millis(v.Late), l.Loads, l.notes())
	}
	fmt.Fprintf(&b, "\nReads checked in the writer's process, where nothing was stale: %d.\n", checked)
	return b.String()
}

func (l Line) notes() string {
	if n := l.Verdict.FalseOutages; n > 0 {
		return strings.TrimSpace(fmt.Sprintf("%s %d deferred by a false outage", l.Note, n))
	}
	return l.Note
}

func millis(d time.Duration) string {
	return fmt.Sprint(d.Round(time.Millisecond).Milliseconds())
}
