package main

// goroutines.go: hits by one goroutine, and by ten thousand at once.

import (
	"context"
	"sync"

	"github.com/tiermemo/tiermemo/memo"
)

// requestKeys is how many keys a request has: as many as its memory looks through in
// order. processKeys are those that the process has.
const requestKeys, processKeys = 4, 1024

func goroutines(ctx context.Context, s *setting) ([]Figure, error) {
	c, err := process(processKeys)
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	f := memo.NewFunc(c, "user", func(_ context.Context, id int) (user, error) { return user{id, ada}, nil })
	for id := range processKeys {
		if _, err := f.Do(c.With(ctx), id); err != nil {
			return nil, err
		}
	}
	request := func() (context.Context, func(), error) {
		ctx, end := c.Begin(ctx)
		for id := range requestKeys {
			if _, err := f.Do(ctx, id); err != nil {
				return nil, end, err
			}
		}
		return ctx, end, nil
	}
	one, end, err := request()
	defer end()
	if err != nil {
		return nil, err
	}
	guarded := newGuarded()

	var cells []*cell
	for _, x := range s.upTo(1, 2, 4, 10, 30, 100, 300, 1000, 3000, 10_000) {
		n := int(x)
		own, none := make([]context.Context, n), make([]context.Context, n)
		for i := range own {
			none[i] = c.With(ctx)
			ctx, end, err := request()
			defer end()
			if err != nil {
				return nil, err
			}
			own[i] = ctx
		}
		cells = append(cells,
			&cell{line: "L1 hit, one request for all", x: x, cache: c, answered: byL1, step: 100 * n, prepare: beside(n, func(_, i int) error {
				_, err := f.Do(one, i%requestKeys)
				return err
			})},
			&cell{line: "L1 hit, a request for each", x: x, cache: c, answered: byL1, step: 100 * n, prepare: beside(n, func(who, i int) error {
				_, err := f.Do(own[who], i%requestKeys)
				return err
			})},
			&cell{line: "L2 hit, outside of requests", x: x, cache: c, answered: byL2, step: 100 * n, prepare: beside(n, func(who, i int) error {
				_, err := f.Do(none[who], (who*31+i)%processKeys)
				return err
			})},
			&cell{line: "a map behind a mutex", base: true, x: x, step: 100 * n, prepare: beside(n, func(_, i int) error {
				guarded.get(i % requestKeys)
				return nil
			})},
		)
	}
	if err := s.play(ctx, cells); err != nil {
		return nil, err
	}
	wall := Figure{Name: "goroutines", Title: "Hits by many goroutines at once: what the clock says", X: "goroutines", Y: "ns per hit, of time"}
	cpu := Figure{Name: "goroutines-cpu", Title: "Hits by many goroutines at once: what the processors did", X: "goroutines", Y: "ns per hit, of processor time"}
	for _, c := range cells {
		wall.add(c.line, c.base, c.x, c.wall...)
	}
	cpu.byCPU(cells)
	return []Figure{wall, cpu}, nil
}

// beside is the prepare of work that so many goroutines do together. They are there
// before the clock runs.
func beside(goroutines int, do func(who, i int) error) func(n int) func() error {
	return func(n int) func() error {
		start, failed := make(chan struct{}), make(chan error, goroutines)
		var all sync.WaitGroup
		for who := range goroutines {
			all.Go(func() {
				<-start
				for i := range n / goroutines {
					if err := do(who, i); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		return func() error {
			close(start)
			all.Wait()
			close(failed)
			return <-failed
		}
	}
}

// guarded is the map that one would write by hand.
type guarded struct {
	mu sync.Mutex
	m  map[int]user
}

func newGuarded() *guarded {
	g := &guarded{m: map[int]user{}}
	for id := range processKeys {
		g.m[id] = user{id, ada}
	}
	return g
}

func (g *guarded) get(id int) user {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.m[id]
}
