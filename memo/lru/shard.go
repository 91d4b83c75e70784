package lru

// This file is one shard: the index, where a Get looks without a lock, and
// behind it, under a mutex, the policy that says who leaves.

import (
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tiermemo/tiermemo/internal/index"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// An item is a key with its entry, which a Set may replace, under the lock. Its
// Mark is what shard.inserted was when the item last moved to the front. It is
// in the index and in the policy, or in neither: then only a Get that began
// earlier still holds it.
type item = index.Item[atomic.Pointer[tier.Entry]]

type shard struct {
	index    index.Map[atomic.Pointer[tier.Entry]] // changed under mu
	inserted atomic.Uint32                         // new keys so far, modulo 2³²; changed under mu
	slack    uint32                                // how many of them a hit lets pass before it moves its item again
	size     int

	mu sync.Mutex
	// The policy is keyed by the item and not by its key. That saves a string in
	// each entry, and an item that was deleted is never taken for the one that
	// has its key now.
	policy *simplelru.LRU[*item, struct{}]

	_ [64]byte // a Set here does not take the cache line from a Get next door
}

func (s *shard) init(size int) {
	s.size = size
	s.slack = uint32(size / 8)
	s.policy = newPolicy(size)
}

// newPolicy registers no callback, which would fire for a Remove as well: set
// makes room itself, and so knows who left.
func newPolicy(size int) *simplelru.LRU[*item, struct{}] {
	p, err := simplelru.NewLRU[*item, struct{}](size, nil)
	if err != nil {
		panic("lru: " + err.Error()) // size is 1 or more
	}
	return p
}

// promote notes a use of it. A hit does not wait for a writer: if the lock is
// taken, the order stays a little wrong and the next hit tries again. Only where
// the order is promised to be exact does it wait.
func (s *shard) promote(it *item) {
	if s.slack == 0 {
		s.mu.Lock()
	} else if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	s.toFront(it)
}

// toFront does nothing to an item that left before the lock was taken.
func (s *shard) toFront(it *item) {
	s.policy.Get(it)
	it.Mark.Store(s.inserted.Load())
}

// set returns the item that had to leave, or nil.
func (s *shard) set(hash uint32, key string, e *tier.Entry) (out *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.index.Get(hash, key); it != nil {
		it.Value.Store(e)
		s.toFront(it)
		return nil
	}
	if s.policy.Len() == s.size {
		out, _, _ = s.policy.RemoveOldest()
		s.index.Delete(out.Hash, out.Key)
	}
	it := &item{Hash: hash, Key: key}
	it.Value.Store(e)
	it.Mark.Store(s.inserted.Add(1))
	s.policy.Add(it, struct{}{})
	s.index.Put(it)
	return out
}

func (s *shard) delete(hash uint32, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.index.Delete(hash, key); it != nil {
		s.policy.Remove(it)
	}
}

// clear takes a new policy: Purge would visit every entry under the lock, and
// keep the memory.
func (s *shard) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.Clear()
	s.policy = newPolicy(s.size)
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy.Len()
}
