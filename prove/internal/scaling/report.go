package scaling

// report.go is what was measured, for people.

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Off is by how much of it the prediction missed what was counted, at worst, among
// commands, keys and the bytes of both ways.
func (r Row) Off() (worst float64) {
	for _, c := range [][2]float64{
		{r.Got.Commands, r.Want.Commands}, {r.Got.Gets, r.Want.Gets}, {r.Got.In, r.Want.In}, {r.Got.Out, r.Want.Out},
	} {
		worst = max(worst, math.Abs(c[1]-c[0])/max(c[0], 1))
	}
	return worst
}

// Table returns what was counted beside what was predicted, of each server and second.
func Table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| processes | servers | poll each | the fleet does | commands/s counted, predicted | keys/s asked for | KB/s in | KB/s out | off at most | connections | CPU of a server | CPU of a process |\n")
	b.WriteString("|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %d | %d | %.0f ms | %s | %.0f, %.0f | %.0f, %.0f | %.1f, %.1f | %.1f, %.1f | %.0f %% | %d | %.2f %% | %.2f %% |\n",
			r.Processes, r.Servers, 1000*r.Poll.Seconds(), r.Doing, r.Got.Commands, r.Want.Commands, r.Got.Gets, r.Want.Gets,
			r.Got.In/1000, r.Want.In/1000, r.Got.Out/1000, r.Want.Out/1000, 100*r.Off(), r.Connections,
			percent(r.CPU), percent(r.ProcessCPU))
	}
	return b.String()
}

// percent of a processor, of the time in a second.
func percent(d time.Duration) float64 { return 100 * d.Seconds() }

// Costs says what a command and a key took of the servers' time, and a poll of the
// processes'.
func Costs(rows []Row) string {
	var samples []Sample
	var rest Line // processor time of a process by the polls that it makes
	for _, r := range rows {
		samples = append(samples, Sample{r.Got, r.CPU})
		if r.Got.Sets+r.Got.Incrs == 0 && r.ProcessCPU > 0 { // nothing but polls, and three commands where it renews its list
			polls := r.Got.Commands - 3*r.Got.Touches
			rest.Point(polls*float64(r.Servers)/float64(r.Processes), float64(r.ProcessCPU))
		}
	}
	command, key := Fit(samples)
	poll, nothing := rest.Fit()
	return fmt.Sprintf("A server took %.1f µs for a command and %.2f µs for each key of a `gets`. A process that does nothing took %.1f ms of each second, and %.0f µs for each poll.\n",
		float64(command)/1e3, float64(key)/1e3, nothing/1e6, poll/1e3)
}
