package scaling

// cpu.go is what is not counted but measured, on one machine: processor time.

import "time"

// What `make scaling` has found, written down here so that the sheet has something to
// go by. Other machines are faster or slower by a factor, and a busy server needs less
// for a command than an idle one, which wakes up for each.
const (
	commandCPU = 24 * time.Microsecond  // of the server, for a command
	keyCPU     = 340 * time.Nanosecond  // of the server, for each key of a `gets`
	pollCPU    = 340 * time.Microsecond // of the process, for a poll
)

// cpu is the processor time that a server needs for t.
func cpu(t Traffic) time.Duration {
	return time.Duration(t.Commands*float64(commandCPU) + t.Gets*float64(keyCPU))
}

// Sample is the processor time that some traffic took.
type Sample struct {
	Traffic Traffic
	CPU     time.Duration
}

// Fit returns what a command and a key cost such that the samples come out best, by
// least squares: what is small is mostly noise, and does not count. Of samples that have
// as many keys for each command it says 0 and 0.
func Fit(samples []Sample) (command, key time.Duration) {
	var cc, ck, kk, ct, kt float64
	for _, s := range samples {
		c, k, took := s.Traffic.Commands, s.Traffic.Gets, float64(s.CPU)
		cc, ck, kk, ct, kt = cc+c*c, ck+c*k, kk+k*k, ct+c*took, kt+k*took
	}
	d := cc*kk - ck*ck
	if d <= 1e-9*cc*kk {
		return 0, 0
	}
	return time.Duration((ct*kk - kt*ck) / d), time.Duration((kt*cc - ct*ck) / d)
}

// A Line is points of which y grows by x. The zero Line has none.
type Line struct{ n, x, y, xx, xy float64 }

// Point adds one.
func (l *Line) Point(x, y float64) {
	l.n, l.x, l.y, l.xx, l.xy = l.n+1, l.x+x, l.y+y, l.xx+x*x, l.xy+x*y
}

// Fit returns by how much y grows with x, and what it is at 0, by least squares. Of
// points of one x it says 0 and their middle.
func (l *Line) Fit() (slope, at0 float64) {
	if l.n == 0 {
		return 0, 0
	}
	if d := l.n*l.xx - l.x*l.x; d > 1e-9*l.n*l.xx {
		slope = (l.n*l.xy - l.x*l.y) / d
	}
	return slope, (l.y - slope*l.x) / l.n
}
