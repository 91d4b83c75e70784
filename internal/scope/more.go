package scope

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/index"
)

// more is where a Table keeps its keys when its group has no room for them: a hash table of
// eight slots, faster than any map, and when those are not enough a map. All keys move, so
// that a hit looks in one place.
type more struct {
	many   *many // not nil: all keys lie there, and none here
	prints [slots]atomic.Uint32
	slots  [slots]atomic.Pointer[Item]
}

const (
	slots = 8

	// Prints that no key has.
	unused    = 0 // and no key that would have come by is further on
	forgotten = 2
)

// add keeps it, whose key is not in m, and reports false if m is full.
func (m *more) add(it *Item) bool {
	if m.many != nil {
		m.many.put(it)
		return true
	}
	for i, end := first(it.Key), first(it.Key)+slots; i < end; i++ {
		if p := m.prints[i%slots].Load(); p == unused || p == forgotten {
			m.slots[i%slots].Store(it)
			m.prints[i%slots].Store(uint32(printOf(it.Key)))
			return true
		}
	}
	return false
}

// replace keeps it in place of what m has for its key.
func (m *more) replace(it *Item) {
	if m.many != nil {
		m.many.put(it)
		return
	}
	m.slots[m.find(it.Key)].Store(it)
}

// remove drops key, which m has.
func (m *more) remove(key string) {
	if m.many != nil {
		m.many.index.Delete(m.many.hash(key), key)
		return
	}
	slot := m.find(key)
	m.prints[slot].Store(forgotten)
	m.slots[slot].Store(nil)
}

func (m *more) find(key string) int {
	for i := range m.slots {
		if it := m.slots[i].Load(); it != nil && it.Key == key {
			return i
		}
	}
	panic("scope: no such key")
}

// all yields the Items. The caller holds Scope.mu.
func (m *more) all(yield func(*Item) bool) {
	if m.many != nil {
		for it := range m.many.index.Range {
			if !yield(it.Value) {
				return
			}
		}
		return
	}
	for i := range m.slots {
		if it := m.slots[i].Load(); it != nil && !yield(it) {
			return
		}
	}
}

// moved returns a more that has what m has, and it, in its many.
func (m *more) moved(it *Item) *more {
	to := &many{seed: maphash.MakeSeed()}
	for old := range m.all {
		to.put(old)
	}
	to.put(it)
	return &more{many: to}
}

// many is where the keys of a Table lie when there are more than eight. Its seed is its own and
// random: keys chosen by somebody outside cannot make it slow.
type many struct {
	seed  maphash.Seed
	index index.Map[*Item]
}

func (m *many) put(it *Item) {
	m.index.Put(&index.Item[*Item]{Hash: m.hash(it.Key), Key: it.Key, Value: it})
}

func (m *many) hash(key string) uint32 { return uint32(maphash.String(m.seed, key)) }
