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
	shared := s.At(stripe.Any())
	start := make(chan struct{})
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			<-start
			own := s.At(stripe.Any())
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

// Requests are to spread, and two Stripes are not to share a cache line: the
// last counter of one and the first of the next are the nearest.
func TestStripesAreManyAndApart(t *testing.T) {
	t.Parallel()
	for _, counters := range []int{1, 7, 8, 9, 40} {
		s := stripe.NewSet(counters)
		seen := map[*stripe.Stripe]bool{}
		for range 1000 {
			seen[s.At(stripe.Any())] = true
		}
		if len(seen) < 2 {
			t.Errorf("all requests share %d Stripe", len(seen))
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

// Who lie far apart are of any Stripe.
func TestAddressesSpread(t *testing.T) {
	t.Parallel()
	s := stripe.NewSet(1)
	seen := map[*stripe.Stripe]bool{}
	far := make([]byte, 1<<20)
	for at := 0; at < len(far); at += 16 << 10 {
		seen[s.At(stripe.Of(unsafe.Pointer(&far[at])))] = true
	}
	if len(seen) < 2 {
		t.Error("all share one Stripe")
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
	s.At(stripe.Any()).Add(2, 1)
}

func BenchmarkAdd(b *testing.B) {
	p := stripe.NewSet(8).At(stripe.Any())
	for b.Loop() {
		p.Add(3, 1)
	}
}

func BenchmarkAddParallel(b *testing.B) {
	s := stripe.NewSet(8)
	b.RunParallel(func(pb *testing.PB) {
		p := s.At(stripe.Any())
		for pb.Next() {
			p.Add(3, 1)
		}
	})
}

func BenchmarkStripe(b *testing.B) {
	s := stripe.NewSet(8)
	for b.Loop() {
		s.At(stripe.Any()).Add(3, 1)
	}
}
