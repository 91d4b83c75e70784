package flight

import "context"

// Do is a whole read: as package memo does it, but for the Call, which lies with the job
// there.
func (g *Group[V]) Do(ctx, base context.Context, parent *Call[V], key string, job Job[V]) (v V, led bool, err error) {
	c, err := g.Join(ctx, parent, key, job.Joinable)
	if c == nil && err == nil {
		c, led, err = g.Lead(base, parent, key, new(Call[V]), job, false)
	}
	if err != nil {
		return v, led, err
	}
	v, err = c.Wait(ctx, parent, led, func() {
		if told, ok := job.(interface{ Waits() }); ok {
			told.Waits()
		}
	})
	return v, led, err
}

// Slots is the number of keys, and of loads, that g remembers.
func Slots[V any](g *Group[V]) (n int) {
	for i := range g.shards {
		g.shards[i].mu.Lock()
		n += len(g.shards[i].keys)
		for c := g.shards[i].loads; c != nil; c = c.next {
			n++
		}
		g.shards[i].mu.Unlock()
	}
	return n
}

// Unlocked is the number of shards whose lock is free.
func Unlocked[V any](g *Group[V]) (n int) {
	for i := range g.shards {
		if g.shards[i].mu.TryLock() {
			n++
			g.shards[i].mu.Unlock()
		}
	}
	return n
}

// Timers is the number of shards whose timer is set. It stops them.
func Timers[V any](g *Group[V]) (n int) {
	for i := range g.shards {
		g.shards[i].mu.Lock()
		if t := g.shards[i].limits.timer; t != nil && t.Stop() {
			n++
		}
		g.shards[i].mu.Unlock()
	}
	return n
}

// Armed reports whether a time of c, which has ended, is still to come.
func Armed[V any](c *Call[V]) bool {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	return c.due != 0 || c.grace != nil && c.grace.timer.Stop()
}

// StartTwo starts a load that is out of date before its goroutine comes to run,
// and another one, both without a caller.
func StartTwo[V any](g *Group[V], base context.Context, key string, old, young Job[V]) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := &slot[V]{}
	s.keys[key] = k
	for _, job := range []Job[V]{old, young} {
		if k.current != nil {
			g.outdate(k)
		}
		k.current = new(Call[V])
		k.current.opens(s, key, base, job)
		g.start(k, k.current)
	}
}

// Parent is the load that c is a part of.
func Parent[V any](c *Call[V]) *Call[V] { return c.parent.Load() }

// Waits is the number of loads that c waits for.
func Waits[V any](c *Call[V]) int {
	circles.Lock()
	defer circles.Unlock()
	t := c.ties.Load()
	if t == nil {
		return 0
	}
	return len(t.waits)
}
