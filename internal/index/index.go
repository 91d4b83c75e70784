// Package index is the look-up table under the memory of a large request: a hash
// map whose readers take no lock.
//
// The caller hashes each key once, with a hash/maphash seed of its own, so that
// nobody outside can choose keys that collide. It also makes the Items, so that
// a key and what the owner keeps under it are one allocation.
package index

import "sync/atomic"

// An Item is one key with what its owner keeps under it. Key and Hash must not
// change once the Item is in a Map. Readers meet Value without a lock: it is either
// constant or guards itself.
type Item[V any] struct {
	Key   string
	Hash  uint32
	Value V
}

// A Map finds Items by key. The zero Map is empty and ready; it must not be
// copied after its first use. A key must always come with the same hash.
//
// Get and Range may run at any time on any goroutine. The others must not run
// beside one another: their caller holds a lock. A Get that overlaps a change
// sees the Map as before it or as after it; a Get that begins when the change
// has returned sees it as after.
type Map[V any] struct {
	table atomic.Pointer[table[V]] // nil when empty
	live  int                      // slots that hold an Item
	used  int                      // live, and the slots that say gone
}

// A table is open addressing with linear probing. Its rule: from the home of an
// Item (the low bits of its hash) to the slot it lies in, no slot is nil. So a
// reader may stop at the first nil.
//
// At most half of the slots are used, and a quarter after a rebuild: a slot is 8
// bytes, and to look at a wrong Item first costs a hit more than its arithmetic.
type table[V any] struct {
	slots []atomic.Pointer[Item[V]] // a power of two of them
	gone  Item[V]                   // its address in a slot says: something was deleted here, go on
}

const minSlots = 8

func (t *table[V]) slot(i uint32) *atomic.Pointer[Item[V]] {
	return &t.slots[int(i)&(len(t.slots)-1)]
}

// Get returns the Item of key, or nil. It does not keep key: one that was
// concatenated for the call can stay on the caller's stack.
func (m *Map[V]) Get(hash uint32, key string) *Item[V] {
	t := m.table.Load()
	if t == nil {
		return nil
	}
	_, it := t.find(hash, key)
	return it
}

// find returns the Item of key and its slot; or nil, and the slot of that nil.
func (t *table[V]) find(hash uint32, key string) (uint32, *Item[V]) {
	for i := hash; ; i++ {
		// gone looks like the empty key with hash 0; only its address tells.
		if it := t.slot(i).Load(); it == nil || it.Hash == hash && it.Key == key && it != &t.gone {
			return i, it
		}
	}
}

// Put stores it in place of the Item of the same key, which it returns, or nil.
func (m *Map[V]) Put(it *Item[V]) *Item[V] {
	t := m.table.Load()
	if t == nil || 2*(m.used+1) > len(t.slots) {
		t = m.rebuild()
	}
	end, old := t.find(it.Hash, it.Key)
	if old != nil {
		t.slot(end).Store(it)
		return old
	}
	// The key is absent: it goes into the first slot on its way that is free.
	at := it.Hash
	for at != end && t.slot(at).Load() != &t.gone {
		at++
	}
	if at == end {
		m.used++
	}
	m.live++
	t.slot(at).Store(it)
	return nil
}

// Delete removes the Item of key and returns it, or nil if there is none.
//
// The Items behind it are not moved up, as they would be in a table that nobody
// reads meanwhile:
//
//  1. A reader looks for B, whose home is slot 4 and which lies in slot 5. In slot 4 it sees A.
//  2. The writer deletes A and moves B up to slot 4.
//  3. The reader looks at slot 5, finds nil and says that B is absent. It never was.
//
// So the slot says gone. But when the next slot is nil no Item has this one on
// its way; then it can be nil, and so can the gone ones just before it. That
// keeps a table clean where as many keys are deleted as are put.
func (m *Map[V]) Delete(hash uint32, key string) *Item[V] {
	t := m.table.Load()
	if t == nil {
		return nil
	}
	at, it := t.find(hash, key)
	if it == nil {
		return nil
	}
	m.live--
	t.slot(at).Store(&t.gone)
	if t.slot(at+1).Load() != nil {
		return it
	}
	for ; t.slot(at).Load() == &t.gone; at-- {
		t.slot(at).Store(nil)
		m.used--
	}
	return it
}

// Clear removes every Item and gives the memory back.
func (m *Map[V]) Clear() {
	m.table.Store(nil)
	m.live, m.used = 0, 0
}

// Range calls yield for each Item, in no order, until it returns false:
//
//	for it := range m.Range { ... }
//
// An Item that is put or deleted meanwhile may be seen or not.
func (m *Map[V]) Range(yield func(*Item[V]) bool) {
	t := m.table.Load()
	if t == nil {
		return
	}
	for i := range t.slots {
		if it := t.slots[i].Load(); it != nil && it != &t.gone && !yield(it) {
			return
		}
	}
}

// rebuild publishes a copy of the table that the Items fill to a quarter or
// less, and that has forgotten what is gone. The old one is never written again, and
// a reader that still holds it is right:
//
//  1. A reader loads the old table.
//  2. The writer publishes the new one. Both say the same.
//  3. The writer deletes A, in the new one only.
//  4. The reader finds A in the old one.
//
// Its Get began before 3 and may answer as of 2; a Get that begins after 3
// loads the new table. To clear the old slots and fill them again would spare
// the collector, and show a reader in the midst of it a map without half its keys.
func (m *Map[V]) rebuild() *table[V] {
	size := minSlots
	for size < 4*m.live {
		size *= 2
	}
	t := &table[V]{slots: make([]atomic.Pointer[Item[V]], size)}
	for it := range m.Range {
		at, _ := t.find(it.Hash, it.Key)
		t.slot(at).Store(it)
	}
	m.used = m.live
	m.table.Store(t)
	return t
}
