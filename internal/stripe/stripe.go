// Package stripe counts what happens on the hit path. Every call counts
// something, and one shared counter would send its cache line from core to core
// for each: so there are several of each counter, far apart, and who wants to
// know adds them up.
package stripe

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// maxStripes bounds what a Set costs, and what a Sum has to read.
const maxStripes = 64

// Set is a group of exact counters, numbered from 0: nothing is sampled and
// nothing is lost. All methods are safe for concurrent use.
type Set struct {
	stripes []Stripe // a power of two of them, about four for each core
}

// Stripe is one of the places where a Set counts.
type Stripe struct{ cells []atomic.Uint64 }

// NewSet returns a Set of counters counters, all 0.
func NewSet(counters int) *Set {
	const line = 64 / 8 // counters in a cache line
	n := 1
	for n < 4*runtime.GOMAXPROCS(0) && n < maxStripes {
		n *= 2
	}
	// The gap of a line after each Stripe keeps two of them off one line
	// wherever the first begins. Two lines, since cores fetch them in pairs.
	width := counters + 2*line
	cells := make([]atomic.Uint64, n*width)
	s := &Set{stripes: make([]Stripe, n)}
	for i := range s.stripes {
		s.stripes[i].cells = cells[i*width:][:counters:counters]
	}
	return s
}

// Here is the number of a Stripe for the goroutine that calls, for At: it is made of where its
// stack lies, so that two that count at once on two cores mostly have one each. It changes
// when the stack grows.
//
// Refused: a number of the request. Its goroutines would meet at each hit, and so would all
// requests of a server whose BaseContext has the cache: two cores together were slower than one.
func Here() uint32 {
	const smallest = 2048 // of all stacks
	var here byte
	return uint32(uint64(uintptr(unsafe.Pointer(&here))/smallest) * 0x9e3779b97f4a7c15 >> 32)
}

// At returns the Stripe of s with the number n, which may be any.
func (s *Set) At(n uint32) *Stripe {
	return &s.stripes[n&uint32(len(s.stripes)-1)]
}

// Add adds n to counter i. It panics if s has no such counter.
func (s *Stripe) Add(i int, n uint64) { s.Counter(i).Add(n) }

// Counter returns counter i, for who counts elsewhere than where it is chosen. It panics
// if s has no such counter.
func (s *Stripe) Counter(i int) *atomic.Uint64 { return &s.cells[i] }

// Sum returns counter i: at least what was added before the call began, at most
// what was before it returned. It panics if s has no such counter.
func (s *Set) Sum(i int) uint64 {
	var sum uint64
	for j := range s.stripes {
		sum += s.stripes[j].cells[i].Load()
	}
	return sum
}

// Sums sets dst[i] to Sum(i) for each i of dst. While others count, the sums are
// not of one instant: a call counted as begun may not be counted as a hit yet,
// or the other way round. When they pause, they are.
func (s *Set) Sums(dst []uint64) {
	for i := range dst {
		dst[i] = s.Sum(i)
	}
}
