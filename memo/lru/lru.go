// Package lru is the default process tier: a sharded LRU over
// hashicorp/golang-lru.
package lru

// This file is the tier as the engine sees it, and the hit: find the shard, look
// in its index, and nearly always nothing else. Whatever changes a shard is in
// shard.go.

import (
	"hash/maphash"
	"runtime"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// DefaultSize is the number of entries of a Cache when memo.Config.Local is
// nil.
const DefaultSize = 10_000

// Cache is a bounded tier.Local. It starts no goroutine and needs no Close.
//
// A Get takes no lock and in steady state writes nothing: it notes that an
// entry was used only if an eighth of the entry's shard has come in since the
// last note. So the entry that leaves is nearly, not exactly, the least
// recently used one of its shard. With fewer than 8 entries it is exact, and a
// Get does lock.
type Cache struct {
	seed   maphash.Seed // random: nobody outside can choose keys that collide
	shards []shard      // a power of two of them, at most maxShards
	size   int
	evict  func(key string, e *tier.Entry)
}

var _ tier.Local = (*Cache)(nil)

// A shard has room for minShard entries or more: then keys that fall unevenly
// on the shards cost next to no hits, and a small Cache is one LRU over all its
// keys. maxShards is what the 6 bits that choose a shard can name.
const (
	minShard  = 512
	maxShards = 64
)

// New returns a Cache that holds at most size entries; size below 1 means
// DefaultSize.
func New(size int) *Cache {
	if size < 1 {
		size = DefaultSize
	}
	n := shardsFor(size, runtime.GOMAXPROCS(0))
	c := &Cache{seed: maphash.MakeSeed(), shards: make([]shard, n), size: size}
	for i := range c.shards {
		own := size / n
		if i < size%n {
			own++
		}
		c.shards[i].init(own)
	}
	return c
}

// shardsFor keeps writers apart: four shards for each processor do that. Readers
// need no help.
func shardsFor(size, procs int) int {
	n := 1
	for n < maxShards && n < 4*procs && size/(2*n) >= minShard {
		n *= 2
	}
	return n
}

// Get implements tier.Local. It does not keep key.
func (c *Cache) Get(key string) *tier.Entry {
	hash := maphash.String(c.seed, key)
	s := c.shard(hash)
	it := s.index.Get(uint32(hash), key)
	if it == nil {
		return nil
	}
	if noted := it.Mark.Load(); s.inserted.Load()-noted >= s.slack { // in this order: inserted is never behind a mark
		s.promote(it)
	}
	return it.Value.Load()
}

// Peek implements tier.Local. It does not keep key.
func (c *Cache) Peek(key string) *tier.Entry {
	hash := maphash.String(c.seed, key)
	it := c.shard(hash).index.Get(uint32(hash), key)
	if it == nil {
		return nil
	}
	return it.Value.Load()
}

// Set implements tier.Local. It keeps key as it is. A key that is a part of a
// longer string keeps all of that string in memory: clone such a key first, as
// the engine does.
func (c *Cache) Set(key string, e *tier.Entry) {
	hash := maphash.String(c.seed, key)
	out := c.shard(hash).set(uint32(hash), key, e)
	if out != nil && c.evict != nil {
		c.evict(out.Key, out.Value.Load())
	}
}

// Delete implements tier.Local.
func (c *Cache) Delete(key string) {
	hash := maphash.String(c.seed, key)
	c.shard(hash).delete(uint32(hash), key)
}

// Clear implements tier.Local. It empties one shard after the other: a Get that
// overlaps it may miss one entry and the next Get find another, and what a Set
// stores meanwhile stays or goes.
func (c *Cache) Clear() {
	for i := range c.shards {
		c.shards[i].clear()
	}
}

// Len implements tier.Local. It counts one shard after the other and is never
// above Cap.
func (c *Cache) Len() int {
	n := 0
	for i := range c.shards {
		n += c.shards[i].len()
	}
	return n
}

// Cap implements tier.Local.
func (c *Cache) Cap() int { return c.size }

// OnEvict implements tier.Local. It must return before the first Set begins.
// fn runs in the Set that needed the room, with no lock held: it may use the
// Cache. It does not hear of a Delete, a Clear, or a Set that replaces.
func (c *Cache) OnEvict(fn func(key string, e *tier.Entry)) { c.evict = fn }

// shard goes by the highest bits of hash; the index goes by the lowest.
func (c *Cache) shard(hash uint64) *shard {
	return &c.shards[int(hash>>58)&(len(c.shards)-1)]
}
