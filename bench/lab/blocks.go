package lab

import (
	"runtime"
	"time"
)

// blocks.go measures work that uses up what it works on, as a deletion does: a block of it, for
// which all was made ready, and then the next.

// untimed is how much longer a round may take than what is measured of it.
const untimed = 4

// calibrateBlocks finds how many blocks a round has.
func (r *runner) calibrateBlocks(env Env) error {
	start := time.Now()
	s, err := r.block()
	if err != nil {
		return err
	}
	all, measured := time.Since(start), s[Time]*float64(r.Block)
	r.n = max(1, int(min(float64(env.Time)/max(measured, 1), untimed*float64(env.Time)/float64(all))))
	return nil
}

// blocks runs the r.n blocks of a round: all are as long, so each counts as much.
func (r *runner) blocks() (Sample, error) {
	sum := Sample{}
	for range r.n {
		s, err := r.block()
		if err != nil {
			return nil, err
		}
		for unit, x := range s {
			sum[unit] += x / float64(r.n)
		}
	}
	return sum, nil
}

// block collects the garbage of Ready before it measures, or the work would pay for it.
func (r *runner) block() (Sample, error) {
	if r.Ready != nil {
		if err := r.Ready(); err != nil {
			return nil, err
		}
	}
	runtime.GC()
	return Timed(r.Block, r.Loop), nil
}
