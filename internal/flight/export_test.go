package flight

// Slots is the number of keys, and of loads, that g remembers.
func Slots[V any](g *Group[V]) (n int) {
	for i := range g.shards {
		g.shards[i].mu.Lock()
		n += len(g.shards[i].keys) + len(g.shards[i].loads)
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

// Parent is the load that c is a part of.
func Parent[V any](c *Call[V]) *Call[V] { return c.parent.Load() }

// Waits is the number of loads that c waits for.
func Waits[V any](c *Call[V]) int {
	circles.Lock()
	defer circles.Unlock()
	return len(c.waits)
}
