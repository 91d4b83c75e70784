package flight

// Slots is the number of keys that g remembers.
func Slots[V any](g *Group[V]) (n int) {
	for i := range g.shards {
		g.shards[i].mu.Lock()
		n += len(g.shards[i].keys)
		g.shards[i].mu.Unlock()
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
