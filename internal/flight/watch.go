package flight

// WatchAlone is Watch for a key with which nothing goes on; nil: something does.
func (g *Group[V]) WatchAlone(key string) *Call[V] {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[key] != nil || g.closed.Load() {
		return nil
	}
	a := &struct { // one allocation for three
		call   Call[V]
		slot   slot[V]
		claims [1]*Call[V]
	}{call: Call[V]{group: g, shard: s, key: key}}
	a.claims[0] = &a.call
	a.slot.claims = a.claims[:]
	s.keys[key] = &a.slot
	return &a.call
}
