package stripe_test

import (
	"sync"
	"testing"
	"unsafe"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/stripe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	const goroutines, each = 8, 200_000
	s := stripe.NewSet(3)
	shared := s.At(7)
	start := make(chan struct{})
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			<-start
			own := s.At(stripe.Here())
			for range each {
				shared.Add(0, 1)
			}
			own.Add(2, 1<<40)
		})
	}
	close(start)
	all.Wait()
	got := make([]uint64, 3)
	s.Sums(got)
	want := []uint64{goroutines * each, 0, goroutines << 40}
	for i := range want {
		if got[i] != want[i] || s.Sum(i) != want[i] {
			t.Errorf("counter %d: Sums says %d and Sum %d, want %d", i, got[i], s.Sum(i), want[i])
		}
	}
}

// Two Stripes are not to share a cache line: the last counter of one and the first of the
// next are the nearest.
func TestStripesAreManyAndApart(t *testing.T) {
	t.Parallel()
	for _, counters := range []int{1, 7, 8, 9, 40} {
		s := stripe.NewSet(counters)
		seen := map[*stripe.Stripe]bool{}
		for i := range uint32(1000) {
			seen[s.At(i)] = true
		}
		if len(seen) < 2 {
			t.Errorf("there is %d Stripe", len(seen))
		}
		for a := range seen {
			for b := range seen {
				from, to := uintptr(unsafe.Pointer(a.Counter(counters-1))), uintptr(unsafe.Pointer(b.Counter(0)))
				if a != b && to > from && to-from < 64+8 {
					t.Errorf("%d counters: %d bytes between two Stripes", counters, to-from)
				}
			}
		}
	}
}

// What counts at once is to spread, whatever it is a part of.
func TestGoroutinesSpread(t *testing.T) {
	t.Parallel()
	s, seen := stripe.NewSet(1), map[*stripe.Stripe]int{}
	here, done := make(chan uint32), make(chan struct{})
	const goroutines = 256
	for range goroutines { // all live at once: a stack that is free is used again
		go func() {
			here <- stripe.Here()
			<-done
		}()
	}
	for range goroutines {
		seen[s.At(<-here)]++
	}
	close(done)
	for at, n := range seen {
		if n > goroutines/2 {
			t.Errorf("%d of %d count at %p", n, goroutines, at)
		}
	}
}

func TestCountersOfAStripeAreItsOwn(t *testing.T) {
	t.Parallel()
	s := stripe.NewSet(2)
	defer func() {
		if recover() == nil {
			t.Error("a counter that does not exist was counted")
		}
	}()
	s.At(0).Add(2, 1)
}

func BenchmarkAdd(b *testing.B) {
	p := stripe.NewSet(8).At(0)
	for b.Loop() {
		p.Add(3, 1)
	}
}

func BenchmarkAddParallel(b *testing.B) {
	s := stripe.NewSet(8)
	b.RunParallel(func(pb *testing.PB) {
		p := s.At(stripe.Here())
		for pb.Next() {
			p.Add(3, 1)
		}
	})
}

func BenchmarkStripe(b *testing.B) {
	s := stripe.NewSet(8)
	for b.Loop() {
		s.At(stripe.Here()).Add(3, 1)
	}
}
