package nethttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
)

// What the middleware costs a request, without a server around it.

func loadOne(context.Context) (int, error) { return 1 << 30, nil }

// calling is a handler that calls Do so often, for one key.
func calling(times int) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for range times {
			_, _ = memo.Do(r.Context(), "user:1234567", loadOne)
		}
	})
}

// The unused middleware is two allocations, the copy of the request that carries the
// ctx, and the memory, which has room for the first keys.
func TestMiddlewareAllocations(t *testing.T) {
	c := newCache(t)
	for calls, want := range map[int]float64{0: 2, 1: 2, 10: 2} {
		h := nethttp.Middleware(c)(calling(calls))
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		h.ServeHTTP(w, r)
		if got := testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }); got != want && !raceEnabled {
			t.Errorf("%d calls in a request: %v allocations, want %v", calls, got, want)
		}
	}
}

func BenchmarkMiddleware(b *testing.B) {
	c := newCache(b)
	for name, calls := range map[string]int{"unused": 0, "1 call": 1, "10 calls": 10} {
		h := nethttp.Middleware(c)(calling(calls))
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
