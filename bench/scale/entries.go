package main

// entries.go: an L2 of a thousand entries, and of ten million.

import (
	"context"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

func entries(ctx context.Context, s *setting) ([]Figure, error) {
	e := entriesFigures{
		hit: Figure{Name: "entries", Title: "L2 hits by the entries that there are, each as likely as the others", X: "entries", Y: "ns per hit, of processor time"},
		mem: Figure{Name: "entries-memory", Title: "Heap of an entry with a value of 24 bytes and a string that all share", X: "entries", Y: "bytes per entry", LinearY: true},
		gc:  Figure{Name: "entries-gc", Title: "One garbage collection by the entries that there are", X: "entries", Y: "ms"},
	}
	for _, x := range s.upTo(1e3, 1e4, 1e5, 1e6, 1e7) {
		if err := e.measure(ctx, s, int(x)); err != nil {
			return nil, err
		}
	}
	return []Figure{e.hit, e.mem, e.gc}, nil
}

type entriesFigures struct{ hit, mem, gc Figure }

// drawn is how many keys are drawn beforehand: enough that the processor does not
// remember them.
const drawn = 1 << 20

// measure fills a cache and a map with n entries each, one after the other on the heap,
// and reads them in turn.
func (e *entriesFigures) measure(ctx context.Context, s *setting, n int) error {
	if n >= 1e6 { // the heap would else grow to twice what is measured
		defer debug.SetGCPercent(debug.SetGCPercent(50))
	}
	defer debug.FreeOSMemory()
	c, err := process(n)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	f := memo.NewFunc(c, "user", func(_ context.Context, id int) (user, error) { return user{id, ada}, nil })
	ctx = c.With(ctx)

	empty := heap()
	for id := range n {
		if err := f.Set(ctx, id, user{id, ada}); err != nil {
			return err
		}
	}
	for range 2 { // what is measured comes after the first uses: one notes an entry, and one finds its number's place
		for id := range n {
			if _, err := f.Do(ctx, id); err != nil {
				return err
			}
		}
	}
	full := heap()
	e.mem.add("L2", false, float64(n), (full-empty)/float64(n))
	cpu, stop := collections(s.rounds)
	e.gc.add("processor time, L2", false, float64(n), cpu...)
	e.gc.add("the world stands still, L2", false, float64(n), stop...)
	ids, keys := picked(n)
	empty = heap()
	plain := make(map[int]*user)
	for id := range n {
		plain[id] = &user{id, ada}
	}
	e.mem.add("a Go map of pointers", true, float64(n), (heap()-empty)/float64(n))
	load := func(context.Context) (user, error) { return user{}, nil }
	var sum int
	at := 0
	next := func() int { at = (at + 1) % len(ids); return at }
	cells := []*cell{
		{line: "Func, int key", x: float64(n), cache: c, answered: byL2, prepare: again(func(int) error {
			_, err := f.Do(ctx, ids[next()])
			return err
		})},
		{line: "Do, string key", x: float64(n), cache: c, answered: byL2, prepare: again(func(int) error {
			_, err := memo.Do(ctx, keys[next()], load)
			return err
		})},
		{line: "a Go map of pointers, int key", base: true, x: float64(n), prepare: again(func(int) error {
			sum += plain[ids[next()]].ID
			return nil
		})},
	}
	if err := s.play(ctx, cells); err != nil {
		return err
	}
	e.hit.byCPU(cells)
	runtime.KeepAlive(plain)
	return nil
}

// picked returns arguments at random, and their keys.
func picked(n int) (ids []int, keys []string) {
	r := rand.New(rand.NewPCG(1, 2))
	count := min(drawn, 4*n)
	ids, keys = make([]int, count), make([]string, count)
	for i := range ids {
		ids[i] = r.IntN(n)
		keys[i] = memo.Key("user", ids[i])
	}
	return ids, keys
}

// collections runs the garbage collector, and returns in milliseconds what each run took
// of the processors, and for how long nobody else could run.
func collections(rounds int) (cpu, stop []float64) {
	const ms = float64(time.Millisecond)
	var before, after debug.GCStats
	for range rounds {
		debug.ReadGCStats(&before)
		used := usedCPU() // the runtime's own figure counts a worker that waits for a processor, too
		runtime.GC()
		cpu = append(cpu, float64(usedCPU()-used)/ms)
		debug.ReadGCStats(&after)
		stop = append(stop, float64(after.PauseTotal-before.PauseTotal)/ms)
	}
	return cpu, stop
}
