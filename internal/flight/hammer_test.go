package flight_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// hammer_test.go is for the race detector, and for orders that nobody thought of.

// world is a source whose versions only grow, and a process tier before it.
type world struct {
	g      *flight.Group[int]
	source atomic.Int64

	mu   sync.Mutex
	tier map[string]int
}

func (w *world) set(key string, v int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tier[key] = v
}

func (w *world) forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tier, key)
}

func (w *world) forgetAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.tier)
}

func (w *world) look(key string) (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.tier[key]
	return v, ok
}

// read is the way of a call: the tier, a load, which its leader begins or not, the tier once
// more, the source.
func (w *world) read(ctx context.Context, key string) (int, error) {
	if v, ok := w.look(key); ok {
		return v, nil
	}
	do := func(_ context.Context, c *flight.Call[int]) (int, error) {
		if v, ok := w.look(key); ok {
			return v, nil
		}
		v := int(w.source.Load())
		c.Keep(func() { w.set(key, v) })
		return v, nil
	}
	job := load{do: do}
	c, err := w.g.Join(ctx, nil, key, job.Joinable)
	led := false
	if c == nil && err == nil {
		c, led, err = w.g.Lead(context.Background(), nil, key, new(flight.Call[int]), job, rand.N(2) == 0)
	}
	if err != nil {
		return 0, err
	}
	if led && c.Here() {
		runtime.Gosched() // others join it
		if rand.N(2) == 0 {
			v, err := do(ctx, c)
			c.End(v, err)
			return v, err
		}
		if !c.GoOn(ctx) {
			return c.Result()
		}
	}
	return c.Wait(ctx, nil, led, nothing)
}

// write makes a new version and tells one of three ways.
func (w *world) write(i int, key string) {
	switch i % 8 {
	default:
		w.source.Add(1)
		w.g.Invalidate(flight.Always, func() { w.forget(key) }, key)
	case 6:
		c := w.g.Claim(key)
		v := int(w.source.Add(1))
		if !c.Keep(func() { w.set(key, v) }) {
			w.g.Invalidate(flight.Always, func() { w.forget(key) }, key)
		}
		c.Release()
	case 7:
		w.source.Add(1)
		w.g.InvalidateAll(flight.Always, w.forgetAll)
	}
}

func TestNothingOlderIsFoundAfterAnInvalidation(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		const keys, writers, readers, rounds = 3, 3, 6, 3000
		w := &world{g: g, tier: map[string]int{}}
		w.source.Store(1) // so that 0 is nobody's value
		var told [keys]atomic.Int64
		var all sync.WaitGroup
		for n := range writers {
			all.Go(func() {
				for i := range rounds {
					k := (n + i) % keys
					seen := w.source.Load()
					w.write(i, fmt.Sprint(k))
					for old := told[k].Load(); old <= seen && !told[k].CompareAndSwap(old, seen+1); {
						old = told[k].Load()
					}
				}
			})
		}
		for n := range readers {
			all.Go(func() {
				for i := range rounds {
					k := (n + i) % keys
					ctx, cancel := context.WithCancel(t.Context())
					if i%16 == 0 {
						go cancel()
					}
					least := told[k].Load()
					v, err := w.read(ctx, fmt.Sprint(k))
					if err == nil && int64(v) < least {
						t.Errorf("read version %d of key %d after version %d was told", v, k, least)
					}
					if err != nil && ctx.Err() == nil {
						t.Errorf("key %d: %v", k, err)
					}
					cancel()
				}
			})
		}
		all.Wait()
	})
}

func TestNestedLoadsNeverHang(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		const keys = 5
		var deep func(depth int) load
		deep = func(depth int) load {
			return load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
				if depth == 0 {
					return 7, nil
				}
				var parts sync.WaitGroup
				for i := range 2 {
					parts.Go(func() { _, _ = within(ctx, g, c, fmt.Sprint((depth*3+i*2)%keys), deep(depth-1)) })
				}
				parts.Wait()
				return 7, nil
			}}
		}
		begin := time.Now()
		var all sync.WaitGroup
		for n := range 8 {
			all.Go(func() {
				for i := range 200 {
					key := fmt.Sprint((n + i) % keys)
					if i%5 == 0 {
						g.Invalidate(flight.Always, nothing, key)
					}
					call(t.Context(), g, key, deep(3)).mustBe(t, 7)
				}
			})
		}
		all.Wait()
		mustEqual(t, "took", time.Since(begin), 0)
	})
}
