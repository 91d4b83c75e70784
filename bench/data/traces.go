package data

import "math/rand/v2"

// A Trace is keys in the order in which they are asked for, made and not recorded. Each
// has the weakness of a policy in it.
type Trace struct {
	Name string
	Keys func(n int, seed uint64) []int // n look-ups, the same for the same seed
}

// universe is how many keys a trace is about.
const universe = 100_000

// Universe of the traces, of which a cache has room for a part.
func Universe() int { return universe }

// Traces are all of them.
func Traces() []Trace {
	return []Trace{{"zipf", zipfTrace}, {"loop", loopTrace}, {"zipf with scans", scanTrace}, {"zipf that drifts", driftTrace}}
}

func zipfOf(trace, seed uint64) *rand.Zipf {
	return rand.NewZipf(rand.New(rand.NewPCG(trace, 9+seed)), 1.01, 1, universe-1)
}

func zipfTrace(n int, seed uint64) []int {
	z, ks := zipfOf(1, seed), make([]int, n)
	for i := range ks {
		ks[i] = int(z.Uint64())
	}
	return ks
}

// loopTrace goes round a fifth of the keys: worst for what was used least recently, if
// there is not room for all. Nothing of it is left to chance.
func loopTrace(n int, _ uint64) []int {
	ks := make([]int, n)
	for i := range ks {
		ks[i] = i % (universe / 5)
	}
	return ks
}

// scanTrace is zipf with a job in between that reads 5,000 keys once.
func scanTrace(n int, seed uint64) []int {
	z, ks, next := zipfOf(2, seed), make([]int, n), universe
	for i := range ks {
		if i%20_000 < 5_000 {
			ks[i] = next
			next++
			continue
		}
		ks[i] = int(z.Uint64())
	}
	return ks
}

// driftTrace is zipf over keys that move on: what was popular is not any more.
func driftTrace(n int, seed uint64) []int {
	z, ks := zipfOf(3, seed), make([]int, n)
	for i := range ks {
		ks[i] = (int(z.Uint64()) + i/50) % universe
	}
	return ks
}
