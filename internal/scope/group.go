package scope

import "sync/atomic"

// An Item is what a Table keeps: a value with its key, which is not written there a second
// time. It may be a part of something larger, of whoever keeps it: package memo keeps the
// key and the value of its entries. It must not change once it is kept.
type Item struct {
	Key   string
	Value any
}

// group is room for four Items. A Table has one in itself, which is as many keys as most
// requests ask for, and so costs them no allocation.
//
// Readers take no lock. A print says that a slot may have a key, and never that it has: the
// key itself is compared. So a slot may be used again for another key at any time, and to
// replace an Item is one store, before which a reader finds the old one and after which the
// new one.
type group struct {
	prints atomic.Uint64 // 16 bits for each slot; 0: it is free. Changed under Scope.mu
	slots  [perGroup]atomic.Pointer[Item]
}

const (
	perGroup  = 4
	printBits = 64 / perGroup
)

// print is that of slot.
func (g *group) print(slot uint) uint64 {
	return g.prints.Load() >> (printBits * slot) & (1<<printBits - 1)
}

// setPrint gives slot the print p.
func (g *group) setPrint(slot uint, p uint64) {
	const mask = 1<<printBits - 1
	g.prints.Store(g.prints.Load()&^(mask<<(printBits*slot)) | p<<(printBits*slot))
}

// find returns the slot of key, which g has.
func (g *group) find(key string) uint {
	for slot := range uint(perGroup) {
		if it := g.slots[slot].Load(); it != nil && it.Key == key {
			return slot
		}
	}
	panic("scope: no such key")
}

// add keeps it, whose key is not in g, and reports false if g is full.
func (g *group) add(it *Item) bool {
	from := first(it.Key)
	for slot := from; slot < from+perGroup; slot++ {
		if slot := slot % perGroup; g.print(slot) == 0 {
			g.slots[slot].Store(it)
			g.setPrint(slot, printOf(it.Key))
			return true
		}
	}
	return false
}

// remove drops key, which g has. A reader that has seen its print finds nothing in the
// slot, or another key.
func (g *group) remove(key string) {
	slot := g.find(key)
	g.setPrint(slot, 0)
	g.slots[slot].Store(nil)
}

func (g *group) clear() {
	if g.prints.Load() == 0 {
		return
	}
	g.prints.Store(0)
	for i := range g.slots {
		if g.slots[i].Load() != nil { // a store is dearer
			g.slots[i].Store(nil)
		}
	}
}

// all yields the Items. The caller holds Scope.mu.
func (g *group) all(yield func(*Item) bool) {
	for i := range g.slots {
		if it := g.slots[i].Load(); it != nil && !yield(it) {
			return
		}
	}
}
