package main

// rounds.go measures: all points of a curve in turn, round after round, so that what else
// the machine does is the same for all of them.

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// setting is how exactly it is measured.
type setting struct {
	rounds  int
	each    time.Duration // of one point, in one round
	most    float64       // sizes beyond it are left out; 0: none
	watched int           // entries that invalidations do not concern
	root    string        // of the repository
}

// upTo is the sizes of all that are not left out.
func (s *setting) upTo(all ...float64) []float64 {
	return slices.DeleteFunc(all, func(x float64) bool { return s.most > 0 && x > s.most })
}

// cell is one point: a kind of work at one size.
type cell struct {
	line string
	base bool
	x    float64

	// prepare gets ready what it takes to do the work n times, and returns what is timed.
	prepare func(n int) func() error
	step    int     // n is a multiple of it; 0: 1
	counts  float64 // what one time counts for, as the keys of a batch; 0: 1

	// By what the cache should have answered every read; nil: nobody asks. A line of hits
	// that were loads in truth is worse than none.
	cache    *memo.Cache
	answered func(memo.Counts) uint64

	n         int
	wall, cpu []float64 // nanoseconds of each round
}

// again is the prepare of work that needs nothing: do is called n times.
func again(do func(i int) error) func(n int) func() error {
	return func(n int) func() error {
		return func() error {
			for i := range n {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

// play measures cells. Every second round goes backwards: what one cell leaves behind,
// as a heap that is to be swept, meets another one.
func (s *setting) play(ctx context.Context, cells []*cell) error {
	for _, c := range cells {
		if err := c.calibrate(s.each); err != nil {
			return err
		}
	}
	order := slices.Clone(cells)
	for range s.rounds {
		for _, c := range order {
			if err := ctx.Err(); err != nil {
				return err
			}
			wall, cpu, err := c.once(c.n)
			if err != nil {
				return err
			}
			times := float64(c.n) * max(c.counts, 1)
			c.wall, c.cpu = append(c.wall, float64(wall)/times), append(c.cpu, float64(cpu)/times)
		}
		slices.Reverse(order)
	}
	return nil
}

// calibrate finds how often the work is to be done to take as long as each. What took long
// enough is done twice more: once may have been an interruption, and nothing else.
func (c *cell) calibrate(each time.Duration) error {
	step := max(c.step, 1)
	for n := step; ; {
		least := time.Duration(math.MaxInt64)
		for try := 0; try < 3 && least >= each/4; try++ {
			wall, _, err := c.once(n)
			if err != nil {
				return err
			}
			least = min(least, wall)
		}
		if least >= each/4 {
			c.n = max(step, int(float64(n)*float64(each)/float64(max(least, 1)))/step*step)
			return nil
		}
		n = min(max(int(float64(n)*float64(each)/float64(max(least, 1))/4), 2*n), 100*n) / step * step
	}
}

// once does the work n times.
func (c *cell) once(n int) (wall, cpu time.Duration, err error) {
	do := c.prepare(n)
	var before uint64
	if c.answered != nil {
		before = c.answered(c.cache.Snapshot().Total)
	}
	began, used := time.Now(), usedCPU()
	err = do()
	wall, cpu = time.Since(began), usedCPU()-used
	if err != nil {
		return 0, 0, fmt.Errorf("%s, %v: %w", c.line, c.x, err)
	}
	if c.answered != nil {
		want := uint64(float64(n) * max(c.counts, 1))
		if got := c.answered(c.cache.Snapshot().Total) - before; got < want-want/50 { // a fiftieth may have met a busy machine
			return 0, 0, fmt.Errorf("%s, %v: of %d reads %d were answered as they should be", c.line, c.x, want, got)
		}
	}
	return wall, cpu, nil
}

// byClock puts the time that cells took into f, in microseconds.
func (f *Figure) byClock(cells []*cell) {
	for _, c := range cells {
		for i := range c.wall {
			c.wall[i] /= 1e3
		}
		f.add(c.line, c.base, c.x, c.wall...)
	}
}

// byCPU puts the processor time of cells into f, in nanoseconds. Of what waits for nobody
// it is the time, less that of others on a busy machine.
func (f *Figure) byCPU(cells []*cell) {
	for _, c := range cells {
		f.add(c.line, c.base, c.x, c.cpu...)
	}
}

// heap is what is in use on the heap.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func byL1(c memo.Counts) uint64    { return c.L1 }
func byL2(c memo.Counts) uint64    { return c.L2 }
func byL3(c memo.Counts) uint64    { return c.L3 }
func byLoads(c memo.Counts) uint64 { return c.Loads }
