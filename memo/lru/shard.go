package lru

// This file is one shard: its table, which a Get reads without a lock (index.go), and behind it,
// under a mutex, the policy that says who leaves (order.go).

import (
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/tier"
)

type shard struct {
	hasher
	table *atomic.Pointer[table] // of Cache.tables; nil when empty; changed under mu
	size  int

	mu    sync.Mutex
	order order

	_ [64]byte // a Set here does not take the cache line from one next door
}

func (s *shard) init(h hasher, t *atomic.Pointer[table], size int) {
	s.hasher, s.table, s.size = h, t, size
	s.order.init(size)
}

// set returns the entry that had to leave, or nil.
func (s *shard) set(hash uint64, e *tier.Entry) (out *tier.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table.Load()
	if t != nil {
		if old := t.find(hash, e.Key); old != nil {
			s.order.replace(old, e)
			t.replace(hash, old, e)
			return nil
		}
	}
	if s.order.len() == s.size {
		out = s.makeRoom(t)
	}
	if n := int64(s.order.len() + 1); t == nil || n > room(len(t.buckets)) {
		t = s.grow(t, n)
	}
	s.order.add(hash, e)
	t.put(hash, e)
	return out
}

func (s *shard) makeRoom(t *table) *tier.Entry {
	out, remember := s.order.leave()
	hash := s.hash(out.Key)
	t.delete(hash, out)
	if remember {
		s.order.ghost.add(hash)
	}
	return out
}

// grow publishes a table for n entries: half as large as the last one that there will be, or a
// quarter, and so on.
func (s *shard) grow(t *table, n int64) *table {
	buckets := bucketsFor(s.size)
	for buckets > 1 && room((buckets+1)/2) >= n {
		buckets = (buckets + 1) / 2
	}
	t = t.grown(buckets, s.hash)
	s.table.Store(t)
	return t
}

// delete returns what it has removed, or nil.
func (s *shard) delete(hash uint64, key string) *tier.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table.Load()
	if t == nil {
		return nil
	}
	e := t.find(hash, key)
	if e != nil {
		s.order.remove(e)
		t.delete(hash, e)
	}
	return e
}

// clear takes a new table and a new order: to visit every entry would take time, under the lock,
// and keep the memory.
func (s *shard) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Store(nil)
	s.order.init(s.size)
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order.len()
}
