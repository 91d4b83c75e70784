package lru

// This file is a second way to an entry whose key is a name and a number: an array in which the
// number is the place. It is written for the processor, as index.go is: to make a key's words, to
// hash them and to compare them is half of a hit.

import (
	"math/bits"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Numbers are those entries of a Cache that have been found by the numbers of one name. They are
// a hint: the Cache alone has an entry, and what Numbers do not know is looked for there. So an
// entry says itself, in its Local, whether it stands in the Cache (stands), and which number it
// has. All methods are safe for concurrent use. Only package memo makes such.
type Numbers struct {
	cache *Cache
	tally any                   // of the Kind of all of them
	slots atomic.Pointer[slots] // nil: none yet, or none since a Clear
	tries atomic.Int64          // how often an entry has found no slot: see grow
}

// slots are a power of two of them.
type slots []atomic.Pointer[tier.Entry]

const (
	firstSlots = 64  // as many as there have to be tries before there are any
	mostNumber = 1e9 // which has room in Local; package memo has none above 10⁸ (keys/words.go)
	numberMask = 1<<placeOffset - 1<<numberOffset
)

// named is what Local says of an entry that stands and has the number.
func named(number uint64) uint64 { return stands | (number+1)<<numberOffset }

func (s slots) of(number uint64) *atomic.Pointer[tier.Entry] { return &s[number&uint64(len(s)-1)] }

// Numbers returns new ones, which live as long as c does, for entries whose Kind has this Tally: it
// is what Forget is told by.
func (c *Cache) Numbers(tally any) *Numbers {
	n := &Numbers{cache: c, tally: tally}
	c.numbered.mu.Lock()
	c.numbered.all = append(c.numbered.all, n)
	c.numbered.mu.Unlock()
	return n
}

// Get returns the entry with the number, and counts as a use of it; nil: see Find.
func (n *Numbers) Get(number uint64) *tier.Entry {
	s := n.slots.Load()
	if s == nil || number >= mostNumber {
		return nil
	}
	e := s.of(number).Load()
	if e == nil {
		return nil
	}
	local := atomic.LoadUint64(&e.Local)
	if local&(stands|numberMask) != named(number) {
		return nil
	}
	if local&used == 0 {
		atomic.OrUint64(&e.Local, used)
	}
	return e
}

// Find is Cache.Get for w, which are those of the number, and has Get find the entry from now
// on. The slots are read first:
//
//  1. the entry is found in its shard
//  2. a Clear empties the shards, and drops the slots
//  3. the entry is put into new slots, and found there for as long as it lives
//
// In this order it is put into those that nobody looks at any more.
func (n *Numbers) Find(number uint64, w keys.Words) *tier.Entry {
	s := n.slots.Load()
	e := n.cache.GetWords(w)
	if e != nil && number < mostNumber && e.Kind != nil && e.Kind.Tally == n.tally {
		n.put(s, number, e)
	}
	return e
}

// put gives e a slot, unless another that stands has it: two that take turns would each write to
// it at every hit. It looks once more at the end, or what has left would be held in memory by its
// slot:
//
//  1. e is noted to have the number, here
//  2. e leaves, and Forget finds that the slot does not have it
//  3. the slot has it
func (n *Numbers) put(s *slots, number uint64, e *tier.Entry) {
	if s == nil {
		n.grow(s)
		return
	}
	slot := s.of(number)
	if old := slot.Load(); old != nil && old != e && atomic.LoadUint64(&old.Local)&stands != 0 {
		n.grow(s)
		return
	}
	for local := atomic.LoadUint64(&e.Local); local&numberMask == 0; local = atomic.LoadUint64(&e.Local) {
		if local&stands == 0 {
			return
		}
		if atomic.CompareAndSwapUint64(&e.Local, local, local|named(number)) {
			break
		}
	}
	slot.Store(e)
	if atomic.LoadUint64(&e.Local)&(stands|numberMask) != named(number) {
		slot.CompareAndSwap(e, nil)
	}
}

// Note notes that e, which is of these Numbers' name, has the number, for HasNumber.
func (n *Numbers) Note(e *tier.Entry, number uint64) {
	if atomic.LoadUint64(&e.Local)&numberMask == 0 && number < mostNumber && e.Kind != nil && e.Kind.Tally == n.tally {
		atomic.OrUint64(&e.Local, named(number)&numberMask)
	}
}

// HasNumber reports whether e, which a request may have and L2 not, is known to have the number,
// below 10⁹. Only for an e of a Cache whose Tally says of which name it is.
func HasNumber(e *tier.Entry, number uint64) bool {
	return atomic.LoadUint64(&e.Local)&numberMask == named(number)&^stands
}

// Forget is told of each entry that has left the Cache, so that no slot holds it.
func (n *Numbers) Forget(e *tier.Entry) {
	s, number := n.slots.Load(), atomic.LoadUint64(&e.Local)&numberMask>>numberOffset
	if s == nil || number == 0 {
		return
	}
	if slot := s.of(number - 1); slot.Load() == e {
		slot.CompareAndSwap(e, nil)
	}
}

// grow makes four times as many slots as s has, or the first ones, when there have been enough
// tries. What was in s is found anew. All Numbers of a Cache have two slots for each entry that
// there is room for, and no more. Where they are all given away, whoever has the most gives up half
// of his, if that is as many as the other one is to have: else the function that is called first
// would have them for good. He cannot take them back, as the room that he has left is less. Who may
// have none does not count its tries, or each hit without a slot would write to a line that all
// processors share, for as long as the Cache lives.
func (n *Numbers) grow(s *slots) {
	have, want := 0, firstSlots
	if s != nil {
		have = len(*s)
		want = min(4*have, 1<<bits.Len(uint(n.cache.size))) // so many that each entry has room for itself
	}
	c := n.cache
	if want <= have || !c.spares(want, have) || n.tries.Add(1) < int64(max(have/4, firstSlots)) {
		return
	}
	n.tries.Store(0)
	c.numbered.mu.Lock()
	defer c.numbered.mu.Unlock()
	if n.slots.Load() != s || !c.spares(want, have) {
		return
	}
	if !c.free(want - have) {
		c.halveMost()
	}
	c.resize(n, want)
}

// spares reports whether who has that many slots may have as many as he wants.
func (c *Cache) spares(want, have int) bool {
	return c.free(want-have) || c.numbered.most.Load() >= int64(2*want)
}

func (c *Cache) free(more int) bool {
	return c.numbered.slots.Load()+int64(more) <= 2*int64(c.size)
}

// halveMost halves the slots of whoever has the most. numbered.mu is held.
func (c *Cache) halveMost() {
	for _, n := range c.numbered.all {
		if s := n.slots.Load(); s != nil && int64(len(*s)) == c.numbered.most.Load() {
			c.resize(n, len(*s)/2)
			return
		}
	}
}

// resize gives n so many slots, all of them empty. numbered.mu is held.
func (c *Cache) resize(n *Numbers, size int) {
	next := make(slots, size)
	n.slots.Store(&next)
	all, most := 0, 0
	for _, n := range c.numbered.all {
		if s := n.slots.Load(); s != nil {
			all, most = all+len(*s), max(most, len(*s))
		}
	}
	c.numbered.slots.Store(int64(all))
	c.numbered.most.Store(int64(most))
}

// clearNumbers drops all slots.
func (c *Cache) clearNumbers() {
	c.numbered.mu.Lock()
	defer c.numbered.mu.Unlock()
	for _, n := range c.numbered.all {
		n.slots.Store(nil)
	}
	c.numbered.slots.Store(0)
	c.numbered.most.Store(0)
}
