package lab

import (
	"fmt"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// Measured is what all rounds of a contender came to: one figure a round for each unit.
type Measured struct {
	Name    string               `json:"name"`
	Against string               `json:"against,omitempty"`
	Floor   bool                 `json:"floor,omitempty"`
	Rounds  map[string][]float64 `json:"rounds"`
}

// runner is a Bench between its rounds.
type runner struct {
	Bench
	n int // runs of the Loop in a round
}

// Measure runs the contenders of e in turn.
func Measure(e Event, env Env, rounds int) ([]Measured, error) {
	if e.Rounds > 0 {
		rounds = min(rounds, e.Rounds)
	}
	runners := make([]runner, len(e.Contenders))
	results := make([]Measured, len(e.Contenders))
	defer func() {
		for _, r := range runners {
			if r.Close != nil {
				r.Close()
			}
		}
	}()
	for i, c := range e.Contenders {
		b, err := c.New(env)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", e.Name, c.Name, err)
		}
		runners[i] = runner{Bench: b}
		results[i] = Measured{Name: c.Name, Against: c.Against, Floor: c.Floor, Rounds: map[string][]float64{}}
	}
	for i := range runners {
		if err := runners[i].calibrate(env); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", e.Name, e.Contenders[i].Name, err)
		}
	}
	for round := range rounds {
		if e.Heavy {
			runtime.GC()
		}
		for turn := range runners {
			i := (turn + round) % len(runners) // nobody is always first
			if !e.Heavy {
				runtime.GC()
			}
			s, err := runners[i].round()
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", e.Name, e.Contenders[i].Name, err)
			}
			for unit, x := range s {
				results[i].Rounds[unit] = append(results[i].Rounds[unit], digits(x))
			}
		}
	}
	return results, nil
}

// calibrate finds how often the Loop runs in a round.
func (r *runner) calibrate(env Env) error {
	if r.Loop == nil {
		return nil
	}
	r.n = 1
	if env.Tiny {
		r.n = 3
		return nil
	}
	if r.Block > 0 {
		return r.calibrateBlocks(env)
	}
	for {
		took := time.Hour
		for range 3 { // one that another process has held up says nothing
			start := time.Now()
			r.Loop(r.n)
			took = min(took, time.Since(start))
		}
		if took >= env.Time/4 || r.n >= 1<<30 {
			r.n = max(1, int(float64(r.n)*float64(env.Time)/float64(max(took, 1))))
			return nil
		}
		r.n *= 4
	}
}

func (r *runner) round() (s Sample, err error) {
	if r.Block > 0 {
		if s, err = r.blocks(); err != nil {
			return nil, err
		}
	} else if r.Loop != nil {
		s = Timed(r.n, r.Loop)
	} else if s, err = r.Trial(); err != nil {
		return nil, err
	}
	if r.Check != nil {
		err = r.Check()
	}
	return s, err
}

// Timed measures n runs of loop.
func Timed(n int, loop func(n int)) Sample {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := Spent(), time.Now()
	loop(n)
	took, used := time.Since(start), Spent()-cpu
	runtime.ReadMemStats(&after)
	each := func(x float64) float64 { return x / float64(n) }
	return Sample{
		Time: each(float64(took)), CPU: each(float64(used)),
		Allocs: each(float64(after.Mallocs - before.Mallocs)), Bytes: each(float64(after.TotalAlloc - before.TotalAlloc)),
	}
}

// Spent is the processor time of this process.
func Spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// digits leaves four of x: more are noise, and make the file large.
func digits(x float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64)
	if err != nil {
		return x
	}
	return short
}
