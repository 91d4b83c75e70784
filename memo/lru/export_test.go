package lru

// Locked calls fn while every shard of c is locked, as if writers were at work
// in all of them.
func Locked(c *Cache, fn func()) {
	for i := range c.shards {
		c.shards[i].mu.Lock()
		defer c.shards[i].mu.Unlock()
	}
	fn()
}
