package tiertest

import (
	"sync"
	"testing"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// SharedRules and LocalRules are the rules of the suites, to be tried on tiers
// that break them, in a bubble of testing/synctest.
func SharedRules() []rule[func() tier.Shared]    { return sharedRules() }
func LocalRules() []rule[func(int) tier.Local]   { return localRules() }
func (r rule[S]) Name() string                   { return r.name }
func (r rule[S]) Says() []string                 { return r.says }
func (r rule[S]) Harm() string                   { return r.harm }
func (r rule[S]) Judge(tb testing.TB, subject S) { r.judge(tb, subject) }

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
