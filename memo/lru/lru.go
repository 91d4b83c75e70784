// Package lru is the default process tier: bounded, sharded, and read without locks. Who has to
// leave is decided by more than what was used last: see Cache.
package lru

// This file is the tier as the engine sees it, and the hit: find the shard, look
// in its table, and nearly always nothing else. Whatever changes a shard is in
// shard.go.

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// DefaultSize is the number of entries of a Cache when memo.Config.Local is
// nil.
const DefaultSize = 10_000

// Cache is a bounded tier.Local. It starts no goroutine and needs no Close.
//
// What leaves is what was not used since it came, or since it was last looked at for that: first of
// a tenth of the entries, the newest ones, and of the others when those are few. A key that
// comes back soon after it left is not among the newest again. So keys that are asked for once,
// however many, displace few that are asked for again, and a hit has to note no more than
// that there was one: a Get takes no lock and in steady state writes nothing. An entry in use may
// leave where nearly all are.
type Cache struct {
	hasher                         // random: nobody outside can choose keys that collide
	tables []atomic.Pointer[table] // one for each shard, and apart from it: a Set does not take their lines from a Get
	shards []shard                 // a power of two of them, at most maxShards
	size   int
	evict  func(key string, e *tier.Entry)

	numbered struct {
		mu    sync.Mutex
		all   []*Numbers
		slots atomic.Int64 // of all of them; changed under mu
		most  atomic.Int64 // of one; changed under mu
	}
}

var _ tier.Local = (*Cache)(nil)

// A shard has room for minShard entries or more: then keys that fall unevenly
// on the shards cost next to no hits, and a small Cache is one queue over all its
// keys. maxShards is what the bits that choose a shard can name.
const (
	minShard  = 512
	shardBits = 6
	maxShards = 1 << shardBits
)

// New returns a Cache that holds at most size entries; size below 1 means
// DefaultSize. More than two billion are as many.
func New(size int) *Cache {
	if size < 1 {
		size = DefaultSize
	}
	size = min(size, math.MaxInt32-1)
	n := shardsFor(size, runtime.GOMAXPROCS(0))
	c := &Cache{hasher: newHasher(), tables: make([]atomic.Pointer[table], n), shards: make([]shard, n), size: size}
	for i := range c.shards {
		own := size / n
		if i < size%n {
			own++
		}
		c.shards[i].init(c.hasher, &c.tables[i], own)
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
	hash := c.hash(key)
	t := c.tables[c.shard(hash)].Load()
	if t == nil {
		return nil
	}
	e := t.find(hash, key)
	if e != nil {
		use(e)
	}
	return e
}

// GetWords is Get for a key that is not written anywhere, but for its Words.
func (c *Cache) GetWords(w keys.Words) *tier.Entry {
	hash := c.hashWords(w)
	t := c.tables[c.shard(hash)].Load()
	if t == nil {
		return nil
	}
	e := t.findWords(hash, w)
	if e != nil {
		use(e)
	}
	return e
}

// Peek implements tier.Local. It does not keep key.
func (c *Cache) Peek(key string) *tier.Entry {
	hash := c.hash(key)
	t := c.tables[c.shard(hash)].Load()
	if t == nil {
		return nil
	}
	return t.find(hash, key)
}

// Set implements tier.Local. It keeps e and its Key as they are, and panics if that is not key. A
// key that is a part of a longer string keeps all of that string in memory: clone such a key
// first, as the engine does.
func (c *Cache) Set(key string, e *tier.Entry) {
	if e.Key != key {
		panic("lru: Set of an entry under another key than its own")
	}
	hash := c.hash(key)
	out := c.shards[c.shard(hash)].set(hash, e)
	if out != nil && c.evict != nil {
		c.evict(out.Key, out)
	}
}

// Delete implements tier.Local.
func (c *Cache) Delete(key string) { c.Take(key) }

// Take is Delete that returns what was there, or nil. It does not keep key.
func (c *Cache) Take(key string) *tier.Entry {
	hash := c.hash(key)
	return c.shards[c.shard(hash)].delete(hash, key)
}

// Clear implements tier.Local. It empties one shard after the other: a Get that
// overlaps it may miss one entry and the next Get find another, and what a Set
// stores meanwhile stays or goes.
func (c *Cache) Clear() {
	for i := range c.shards {
		c.shards[i].clear()
	}
	c.clearNumbers()
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

// shard goes by the highest bits of hash; table and ghost go by the others.
func (c *Cache) shard(hash uint64) int { return int(hash>>(64-shardBits)) & (len(c.tables) - 1) }
