package scope

import (
	"sync/atomic"
	"unsafe"
)

// Table is the part of one owner. Get takes no lock; whatever changes a Table holds the
// lock of its Scope.
type Table struct {
	scope *Scope
	owner unsafe.Pointer       // *Owner; nil: there is none yet. See shut
	more  atomic.Pointer[more] // not nil: all Items are there, and none in group

	epoch atomic.Uint32 // rises with everything that is forgotten
	live  int32         // values; under Scope.mu

	group group
}

// open gives t, which nobody has met, to owner.
func (t *Table) open(s *Scope, owner *Owner) *Table {
	t.scope = s
	atomic.StorePointer(&t.owner, unsafe.Pointer(owner))
	return t
}

func (t *Table) ownedBy() *Owner { return (*Owner)(atomic.LoadPointer(&t.owner)) }

// Scope returns that of which t is a part.
func (t *Table) Scope() *Scope { return t.scope }

// Add keeps it, unless its key has an Item, and returns the Item that the key has now: a
// request goes on with what it has read first. Where the Scope is closed or full it keeps
// nothing and returns it.
func (t *Table) Add(it *Item) *Item {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	return t.add(it)
}

// Epoch is for AddSince.
func (t *Table) Epoch() uint64 { return uint64(t.epoch.Load()) }

// AddSince is Add for what was read below, without a Call, after Epoch
// returned epoch. If anything has been forgotten since, it keeps nothing and
// returns it. Without that:
//
//  1. One goroutine of the request reads v1 of key in a lower tier.
//  2. Another invalidates key: the lower tiers first, then Forget, which finds nothing here.
//  3. The first adds v1, which the request then sees to its end.
//
// (To do without the lock, by an epoch in the word of the prints, was refused: between the
// print and its Item the slot may be forgotten and given to another key, which the Item
// then hides.)
func (t *Table) AddSince(epoch uint64, it *Item) *Item {
	t.scope.mu.Lock()
	if t.Epoch() == epoch {
		it = t.add(it)
	}
	t.scope.mu.Unlock()
	return it
}

func (t *Table) add(it *Item) *Item {
	if old := t.Get(it.Key); old != nil {
		return old
	}
	if t.scope.room() {
		t.keep(it)
	}
	return it
}

// Put keeps it, in place of any Item of its key before and of what a running
// Call of the key would keep. Where the Scope is closed, or full and the key is new to
// it, nothing is kept.
func (t *Table) Put(it *Item) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	t.put(it)
}

// PutSince is Put for what was read below after Epoch returned epoch: where
// anything has been forgotten since, it keeps nothing. See AddSince.
func (t *Table) PutSince(epoch uint64, it *Item) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	if t.Epoch() == epoch {
		t.put(it)
	}
}

func (t *Table) put(it *Item) {
	t.poison(it.Key)
	switch m := t.more.Load(); {
	case t.Get(it.Key) == nil:
		if t.scope.room() {
			t.keep(it)
		}
	case m != nil: // one store: a reader must find the old Item or the new one
		m.replace(it)
	default:
		t.group.slots[t.group.find(it.Key)].Store(it)
	}
}

// keep keeps it, whose key has no Item. When there is no more room where the Items are, they
// move: they are there before they are gone here, where a reader may be who has begun
// before, and looks again (see Get).
func (t *Table) keep(it *Item) {
	t.live++
	t.scope.live++
	m := t.more.Load()
	switch {
	case m == nil && t.group.add(it), m != nil && m.add(it):
	case m == nil:
		m = newMore()
		for old := range t.group.all {
			m.add(old)
		}
		m.add(it)
		t.more.Store(m)
		t.group.clear()
	default:
		t.more.Store(m.moved(it, int(t.live)))
	}
	if t.scope.Closed() {
		// 1. who keeps something has found that there is room
		// 2. Close finds nothing, and returns without the lock
		// 3. the value is kept, and nobody would drop it again
		t.scope.clear()
	}
}

// empty reports whether t keeps nothing, and never had more than its group has room for.
func (t *Table) empty() bool { return t.group.prints.Load() == 0 && t.more.Load() == nil }

// all yields the Items. The caller holds Scope.mu.
func (t *Table) all(yield func(*Item) bool) {
	if m := t.more.Load(); m != nil {
		m.all(yield)
	} else {
		t.group.all(yield)
	}
}
