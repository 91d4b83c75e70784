package flight

import (
	"math"
	"math/bits"
	"slices"
)

// Always as seq makes Invalidate concern every load that runs.
const Always = math.MaxUint64

// Invalidate makes later callers of keys start anew, marks the loads of keys that
// began before the sequence seq as out of date, and runs forget, all in one step
// against Keep, Join and Lead. A load that queues has seen nothing yet and stays.
//
// It is one step for several keys too, which may be made of each other. With one
// after the other:
//
//  1. A is forgotten
//  2. a load of A begins, and finds the old B in the process tier, of which it makes A
//  3. B is forgotten, and the load of A keeps what it made
func (g *Group[V]) Invalidate(seq uint64, forget func(), keys ...string) {
	if len(keys) == 1 { // nearly always; without a lock of a number that is known only when it runs
		g.invalidateOne(seq, forget, keys[0])
		return
	}
	var locks uint64
	for _, key := range keys {
		locks |= 1 << g.home(key)
	}
	for ; locks != 0; locks &= locks - 1 {
		s := &g.shards[bits.TrailingZeros64(locks)] // ascending, as everyone who takes several
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	for _, key := range keys {
		if k := g.shard(key).keys[key]; k != nil {
			g.invalidate(k, seq)
		}
	}
	forget()
}

func (g *Group[V]) invalidateOne(seq uint64, forget func(), key string) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[key]; k != nil {
		g.invalidate(k, seq)
	}
	forget()
}

// InvalidateAll is Invalidate for every key; forget empties the process tier. It
// too is one step, under all locks at once. With one after the other:
//
//  1. the loads of A are marked, and those of B
//  2. a load of A begins; the process tier still has the old B, of which it makes A
//  3. forget empties the process tier, and the load of A keeps what it made
func (g *Group[V]) InvalidateAll(seq uint64, forget func()) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, k := range s.keys {
			g.invalidate(k, seq)
		}
	}
	forget()
}

func (g *Group[V]) invalidate(k *slot[V], seq uint64) {
	for _, c := range k.claims {
		c.dirty = c.dirty || c.stamp < seq
	}
	k.missed = k.missed || seq > 0
	if c := k.current; c != nil && c.running && c.stamp < seq {
		g.outdate(k)
	}
}

// outdate takes the current load of k out of the way of later callers, and ends
// it if nobody waits for it: nobody will.
func (g *Group[V]) outdate(k *slot[V]) {
	c := k.current
	c.dirty = true
	g.vacate(k)
	if c.waiters == 0 {
		c.cancel()
	}
}

// Claim registers a write of key, from its begin to its Release: loads that run
// now are out of date, and an invalidation that comes before the end makes the
// write's own Keep do nothing, as the later of the two wins.
func (g *Group[V]) Claim(key string) *Call[V] { return g.register(key, true) }

// Watch registers a read of key that is no load: it disturbs nobody, and its
// Keep does nothing when an invalidation came before, or a load of key landed.
func (g *Group[V]) Watch(key string) *Call[V] { return g.register(key, false) }

func (g *Group[V]) register(key string, write bool) *Call[V] {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil {
		k = s.slot()
		s.keys[key] = k
	}
	if write {
		g.invalidate(k, Always) // of two writes at once the later one wins
	}
	c := &Call[V]{group: g, shard: s, key: key, write: write}
	k.claims = append(k.claims, c)
	return c
}

// Release ends a Claim or a Watch.
func (c *Call[V]) Release() {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	c.settled = true
	k := c.shard.keys[c.key]
	k.claims = slices.DeleteFunc(k.claims, func(o *Call[V]) bool { return o == c })
	c.shard.tidy(c.key, k)
}
