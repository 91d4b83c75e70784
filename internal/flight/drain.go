package flight

import (
	"context"
	"errors"

	"github.com/tiermemo/tiermemo/internal/ended"
)

// ErrClosed is the answer to who asks after Drain.
var ErrClosed = errors.New("flight: closed")

// Drain lets no new load begin, and returns when none runs, and no Glance. If ctx ends first,
// it cancels those that run or queue, and returns its error: a load that does
// not heed its ctx may still go on. It is called once.
func (g *Group[V]) Drain(ctx context.Context) error {
	g.closed.Store(true)
	for i := range g.shards { // who saw it open has started its load when this lock is free
		g.shards[i].mu.Lock()
		//lint:ignore SA2001 there is nothing to do under it
		g.shards[i].mu.Unlock()
	}
	for {
		done := make(chan struct{})
		g.idle.Store(&done)
		if g.InFlight() == 0 {
			g.rest()
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			err := ended.Err(ctx)
			g.cancelAll(err)
			return err
		}
	}
}

// rest stops the timers: no load is bounded any more.
func (g *Group[V]) rest() {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		if s.limits.timer != nil {
			s.limits.timer.Stop()
		}
		s.mu.Unlock()
	}
}

// landed notes the end of a load.
func (g *Group[V]) landed() {
	if g.flying.Add(-1) > 0 {
		return
	}
	if done := g.idle.Swap(nil); done != nil {
		close(*done)
	}
}

func (g *Group[V]) cancelAll(cause error) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for c := s.loads; c != nil; c = c.next {
			c.dirty = true
			c.ctx.end(cause, g.over)
		}
		for _, k := range s.keys {
			if c := k.current; c != nil && !c.running { // it would start when those have ended
				g.settle(c, result[V]{err: cause})
			}
		}
		s.mu.Unlock()
	}
}
