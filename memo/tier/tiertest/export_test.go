package tiertest

import "sync"

// Held counts the items a Memory keeps, expired ones included.
func Held(m *Memory) int {
	held := 0
	for _, n := range m.nodes {
		n.mu.Lock()
		held += len(n.items)
		n.mu.Unlock()
	}
	return held
}

// CountLocks returns a function that says how often a lock of m was taken since
// then. It must not run beside other calls.
func CountLocks(m *Memory) func() int {
	c := &countingLock{}
	for _, n := range m.nodes {
		n.mu = c
	}
	return func() int { return c.locks }
}

type countingLock struct {
	sync.Mutex
	locks int
}

func (c *countingLock) Lock() {
	c.Mutex.Lock()
	c.locks++
}
