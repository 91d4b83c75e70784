package lru

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Locked calls fn while every shard of c is locked, as if writers were at work
// in all of them.
func Locked(c *Cache, fn func()) {
	for i := range c.shards {
		c.shards[i].mu.Lock()
		defer c.shards[i].mu.Unlock()
	}
	fn()
}

// Table is an index alone.
type Table struct{ t atomic.Pointer[table] }

func NewTable(buckets int) *Table {
	t := new(Table)
	t.t.Store((*table)(nil).grown(buckets, nil))
	return t
}

func (t *Table) Find(hash uint64, key string) *tier.Entry { return t.t.Load().find(hash, key) }
func (t *Table) FindWords(hash uint64, w keys.Words) *tier.Entry {
	return t.t.Load().findWords(hash, w)
}
func (t *Table) Put(hash uint64, e *tier.Entry)          { t.t.Load().put(hash, e) }
func (t *Table) Replace(hash uint64, old, e *tier.Entry) { t.t.Load().replace(hash, old, e) }
func (t *Table) Delete(hash uint64, e *tier.Entry)       { t.t.Load().delete(hash, e) }
func (t *Table) Grow(buckets int, hash func(string) uint64) {
	t.t.Store(t.t.Load().grown(buckets, hash))
}

// Half leaves t as a reader may meet it who has read the prints before a Delete, and its cells after.
func (t *Table) Half(hash uint64) {
	b := t.t.Load().bucket(hash)
	b.prints.Store(b.prints.Load() | printOf(hash))
}

// Chained is how many buckets there are beyond the first of each chain.
func (t *Table) Chained() (n int) {
	for i := range t.t.Load().buckets {
		for b := t.t.Load().buckets[i].more.Load(); b != nil; b = b.more.Load() {
			n++
		}
	}
	return n
}

// Check looks for broken rules in the structure of c, which nobody uses meanwhile.
func Check(c *Cache) error {
	for i := range c.shards {
		if err := c.shards[i].check(); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	return nil
}

func (s *shard) check() error {
	listed := map[*tier.Entry]bool{}
	for flag, q := range map[uint32]*queue{0: &s.order.small, inMain: &s.order.main} {
		n, older := 0, uint32(0)
		for p := q.oldest; p != 0; p = s.order.places[p].newer &^ inMain {
			at := s.order.places[p]
			if at.older != older || at.newer&inMain != flag || at.entry == nil || listed[at.entry] {
				return fmt.Errorf("place %d of queue %x is %+v, after %d", p, flag, at, older)
			}
			listed[at.entry] = true
			older = p
			n++
		}
		if n != q.len || q.newest != older {
			return fmt.Errorf("queue %x has %d places from %d to %d, counted %d up to %d", flag, q.len, q.oldest, q.newest, n, older)
		}
	}
	if cap(s.order.places) > s.size+1 {
		return fmt.Errorf("%d places for %d entries", cap(s.order.places), s.size)
	}
	t := s.table.Load()
	if t == nil {
		t = (*table)(nil).grown(1, nil)
	}
	if len(t.buckets) > bucketsFor(s.size) {
		return fmt.Errorf("%d buckets for %d entries", len(t.buckets), s.size)
	}
	n := 0
	var lost error
	t.all(func(e *tier.Entry) {
		n++
		if !listed[e] || t.find(s.hash(e.Key), e.Key) != e {
			lost = fmt.Errorf("%q is in the table, listed is %v, and find does not find it", e.Key, listed[e])
		}
	})
	if n != len(listed) {
		return fmt.Errorf("%d entries in the table, %d in the queues", n, len(listed))
	}
	return lost
}

// Ghost is a ghost alone.
type Ghost struct{ g ghost }

func NewGhost(size int) *Ghost         { return &Ghost{ghost{size: size}} }
func (g *Ghost) Add(hash uint64)       { g.g.add(hash) }
func (g *Ghost) Take(hash uint64) bool { return g.g.take(hash) }

// Equal is how keys are compared, wherever that of the entry is.
func Equal(a, b string) bool {
	e := &tier.Entry{Key: a}
	equal := has(e, b)
	if len(a) <= len(e.Text) {
		e.Key = unsafe.String(&e.Text[0], copy(e.Text[:], a))
		if has(e, b) != equal {
			panic("in its entry the key is another one")
		}
	}
	return equal
}

// Hasher hashes as a Cache does.
type Hasher struct{ h hasher }

func NewHasher() *Hasher                 { return &Hasher{newHasher()} }
func (h *Hasher) Hash(key string) uint64 { return h.h.hash(key) }

// Open gives n all the slots that it may have, and returns how many they are.
func (n *Numbers) Open() int {
	for {
		s := n.slots.Load()
		n.tries.Store(1 << 40)
		n.grow(s)
		if now := n.slots.Load(); now == s || now == nil {
			return n.Slots()
		}
	}
}

// Slots is how many n has.
func (n *Numbers) Slots() int {
	if s := n.slots.Load(); s != nil {
		return len(*s)
	}
	return 0
}

// Tries is how often an entry has found no slot, since there came to be more.
func (n *Numbers) Tries() int64 { return n.tries.Load() }

// Begin is the first step of a Find; what it returns is the last one.
func (n *Numbers) Begin() (put func(number uint64, e *tier.Entry)) {
	s := n.slots.Load()
	return func(number uint64, e *tier.Entry) { n.put(s, number, e) }
}

// Holds reports whether a slot has e.
func (n *Numbers) Holds(e *tier.Entry) bool {
	if s := n.slots.Load(); s != nil {
		for i := range *s {
			if (*s)[i].Load() == e {
				return true
			}
		}
	}
	return false
}
