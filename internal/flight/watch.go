package flight

// A Glance is a look at a key with which nothing else goes on, by somebody who has no
// load of it. It is what a Watch is, in an eighth of the room, all of which its owner
// brings along: a batch has a hundred of them.
type Glance[V any] struct {
	slot[V]
	shard *shard[V]
	key   string
	free  bool // nothing goes on with key since its End
}

// Glance begins a look at key, which l is until its End; false: something goes on.
func (g *Group[V]) Glance(l *Glance[V], key string) bool {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[key] != nil || g.closed.Load() {
		return false
	}
	g.flying.Add(1) // Drain waits for it
	*l = Glance[V]{slot: slot[V]{glances: true, lent: true}, shard: s, key: key}
	s.keys[key] = &l.slot
	return true
}

// End ends the look. It runs store, if there is one, unless an invalidation came since
// its begin, or a load of the key landed, and reports whether neither did. It is one
// step against Invalidate, as Keep is.
func (l *Glance[V]) End(store func()) bool {
	s := l.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { // store may panic: a process tier of a user's
		l.glances = false
		l.free = s.tidy(l.key, &l.slot)
		s.group.landed()
	}()
	if l.missed {
		return false
	}
	if store != nil {
		store()
	}
	return true
}

// Free reports whether l, which has ended or was never begun, is its owner's again: nothing
// else went on with its key at its End. Else what goes on is noted in l.
func (l *Glance[V]) Free() bool { return l.shard == nil || l.free }

// Busy reports whether anything goes on with key.
func (g *Group[V]) Busy(key string) bool {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[key] != nil
}
