package data

import "math/rand/v2"

// A Trace is keys in the order in which they are asked for, made and not recorded. Each
// has the weakness of a policy in it.
type Trace struct {
	Name string
	Keys []int
}

// universe is how many keys a trace is about.
const universe = 100_000

// Universe of the traces, of which a cache has room for a part.
func Universe() int { return universe }

// Traces of n look-ups each.
func Traces(n int) []Trace {
	return []Trace{zipfTrace(n), loopTrace(n), scanTrace(n), driftTrace(n)}
}

func zipfOf(seed uint64) *rand.Zipf {
	return rand.NewZipf(rand.New(rand.NewPCG(seed, 9)), 1.01, 1, universe-1)
}

func zipfTrace(n int) Trace {
	z, t := zipfOf(1), Trace{Name: "zipf", Keys: make([]int, n)}
	for i := range t.Keys {
		t.Keys[i] = int(z.Uint64())
	}
	return t
}

// loopTrace goes round a fifth of the keys: worst for what was used least recently, if
// there is not room for all.
func loopTrace(n int) Trace {
	t := Trace{Name: "loop", Keys: make([]int, n)}
	for i := range t.Keys {
		t.Keys[i] = i % (universe / 5)
	}
	return t
}

// scanTrace is zipf with a job in between that reads 5,000 keys once.
func scanTrace(n int) Trace {
	z, t, next := zipfOf(2), Trace{Name: "zipf with scans", Keys: make([]int, n)}, universe
	for i := range t.Keys {
		if i%20_000 < 5_000 {
			t.Keys[i] = next
			next++
			continue
		}
		t.Keys[i] = int(z.Uint64())
	}
	return t
}

// driftTrace is zipf over keys that move on: what was popular is not any more.
func driftTrace(n int) Trace {
	z, t := zipfOf(3), Trace{Name: "zipf that drifts", Keys: make([]int, n)}
	for i := range t.Keys {
		t.Keys[i] = (int(z.Uint64()) + i/50) % universe
	}
	return t
}
