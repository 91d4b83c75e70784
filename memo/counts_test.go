package memo_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a Snapshot says while others count, and when they are done.

// ups are the counters of s that never go down.
func ups(s memo.Stats) map[string]uint64 {
	all := map[string]uint64{"RunTime": uint64(s.Total.RunTime), "Node.Ops": s.Nodes[0].Ops, "Node.Errors": s.Nodes[0].Errors, "Node.Time": uint64(s.Nodes[0].Time)}
	for _, v := range []reflect.Value{reflect.ValueOf(s.Total), reflect.ValueOf(s.Total.Invalidations)} {
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Uint64 {
				all[v.Type().Field(i).Name] = v.Field(i).Uint()
			}
		}
	}
	return all
}

func TestCountsUnderTraffic(t *testing.T) {
	t.Parallel()
	const workers, rounds, reads = 8, 100, 50
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), Local: lru.New(30)}))
	var calls, runs, failed, misses, keys, everything atomic.Uint64
	broken := errors.New("broken")
	traffic := func(worker int) {
		for round := range rounds {
			ctx, end := c.Begin(context.Background())
			key := memo.Key("k", (worker*round)%50)
			for range reads {
				_, err := memo.Do(ctx, key, func(context.Context) (int, error) {
					runs.Add(1)
					if round%7 == 0 {
						return 0, broken
					}
					return round, nil
				})
				calls.Add(1)
				if err != nil {
					failed.Add(1)
				}
			}
			_, err := memo.Get[int](ctx, memo.Key("absent", round))
			calls.Add(1)
			if errors.Is(err, memo.ErrMiss) {
				misses.Add(1)
			}
			if round%5 == 0 {
				must(t, memo.Invalidate(ctx, key, "another"))
				keys.Add(2)
			}
			if round%50 == 0 {
				must(t, memo.InvalidateAll(ctx))
				everything.Add(1)
			}
			end()
		}
	}
	var busy, watching sync.WaitGroup
	for worker := range workers {
		busy.Go(func() { traffic(worker) })
	}
	done := make(chan struct{})
	watching.Go(func() {
		before := ups(c.Snapshot())
		for {
			s := c.Snapshot()
			n := s.Total
			if sum := n.L1 + n.L2 + n.L3 + n.Loads + n.Joined + n.Stale + n.Negative + n.Bypass + n.Miss + n.Errors; n.Calls != sum {
				t.Errorf("%d calls, and %d outcomes", n.Calls, sum)
			}
			now := ups(s)
			for name, count := range now {
				if count < before[name] {
					t.Errorf("%s went from %d to %d", name, before[name], count)
				}
			}
			before = now
			select {
			case <-done:
				return
			default:
			}
		}
	})
	busy.Wait()
	close(done)
	watching.Wait()
	n := c.Snapshot().Total
	for name, pair := range map[string][2]uint64{
		"Calls": {n.Calls, calls.Load()}, "Runs": {n.Runs, runs.Load()}, "Errors": {n.Errors, failed.Load()}, "Miss": {n.Miss, misses.Load()},
		"Invalidations.Keys": {n.Invalidations.Keys, keys.Load()}, "Invalidations.All": {n.Invalidations.All, everything.Load()},
		"Bypass": {n.Bypass, 0}, "InFlight": {uint64(n.InFlight), 0}, "Calls of workers": {n.Calls, workers * rounds * (reads + 1)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: counted %d, want %d", name, pair[0], pair[1])
		}
	}
	if n.L1 == 0 || n.L2 == 0 || n.Loads == 0 || n.Errors == 0 || n.Miss == 0 || n.Evictions == 0 {
		t.Errorf("the traffic was too plain: %+v", n)
	}
}
