package flight_test

import (
	"context"
	"sync"
	"testing"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// BenchmarkMiss is what a load costs beside the load itself.
func BenchmarkMiss(b *testing.B) {
	g := flight.New[int]()
	ctx := context.Background()
	job := &load{do: func(context.Context, *flight.Call[int]) (int, error) { return 7, nil }}
	b.ReportAllocs()
	for b.Loop() {
		if v, _, err := g.Do(ctx, ctx, nil, "k", job); v != 7 || err != nil {
			b.Fatal(v, err)
		}
	}
}

// BenchmarkThousandWaiters is one load and 1000 callers, their goroutines and
// cancellable ctxs included. The load ends when all of them wait.
func BenchmarkThousandWaiters(b *testing.B) {
	g := flight.New[int]()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		var boarded, all sync.WaitGroup
		boarded.Add(999)
		job := &load{
			do: func(context.Context, *flight.Call[int]) (int, error) {
				boarded.Wait()
				return 7, nil
			},
			join: func(*flight.Call[int]) bool {
				boarded.Done()
				return true
			},
		}
		for range 1000 {
			all.Go(func() { _, _, _ = g.Do(ctx, context.Background(), nil, "k", job) })
		}
		all.Wait()
	}
}
