package scope

import (
	"math/bits"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// This file is the hit: what a Table does when it has the key. It is written for the
// processor, as nothing else here is. What a trick gains is said of a whole hit of
// memo.Do, of 10 ns.

// Get returns the Item of key, or nil. It takes no lock, allocates nothing and
// does not keep key: a key that was concatenated for the call can stay on the
// caller's stack.
//
// All is in one function, as a call costs what it saves and restores, which with the
// comparison below comes to 13 %.
func (t *Table) Get(key string) *Item {
	if m := t.more.Load(); m != nil {
		return m.get(key)
	}
	head, tail := keys.Ends(key)
	p, slot := mix(len(key), head, tail), first(key)%perGroup
	for prints := bits.RotateLeft64(t.group.prints.Load(), -int(printBits*slot)); prints != 0; prints >>= printBits {
		if prints&(1<<printBits-1) == p {
			it := t.group.slots[slot%perGroup].Load()
			switch {
			case it == nil || len(it.Key) != len(key):
			case len(key) > 16:
				if it.Key == key { // which is a call
					return it
				}
			default: // the ends are all of it
				if h, t := keys.Ends(it.Key); h == head && t == tail {
					return it
				}
			}
		}
		slot++
	}
	if m := t.more.Load(); m != nil { // all has moved there meanwhile
		return m.get(key)
	}
	return nil
}

// At returns what may be the Item of a key that ends with last, where a Table has not more than
// four: what Words it has, only the caller can tell, who knows it by something else.
func (t *Table) At(last byte) *Item {
	if t.more.Load() != nil {
		return nil
	}
	return t.group.slots[last%perGroup].Load()
}

// Many reports whether GetWords may miss a key that Get finds.
func (t *Table) Many() bool { return t.more.Load() != nil }

// GetWords is Get for a key that is not written anywhere, of which w are the Words and last
// is the last byte. It may miss a key that Get finds, where a Table has more than four.
func (t *Table) GetWords(w keys.Words, last byte) *Item {
	if t.more.Load() != nil {
		return nil
	}
	slot := uint(last) % perGroup
	it := t.group.slots[slot].Load() // without a look at its print, as it is mostly there: 7 %
	for range perGroup {
		if it != nil && len(it.Key) == w.Len {
			if h, t := keys.Ends(it.Key); h == w.Head && t == w.Tail && (w.Len <= 16 || keys.Between(it.Key) == w.Mid) {
				return it
			}
		}
		slot = (slot + 1) % perGroup
		it = t.group.slots[slot].Load()
	}
	return nil
}

// get is Table.Get. It is written there once more, since a loop over both costs each 15 %.
func (m *more) get(key string) *Item {
	if m := m.many; m != nil {
		if it := m.index.Get(m.hash(key), key); it != nil {
			return it.Value
		}
		return nil
	}
	head, tail := keys.Ends(key)
	p := uint32(mix(len(key), head, tail))
	for i, end := first(key), first(key)+slots; i < end; i++ {
		switch m.prints[i%slots].Load() {
		case p:
			it := m.slots[i%slots].Load()
			switch {
			case it == nil || len(it.Key) != len(key):
			case len(key) > 16:
				if it.Key == key {
					return it
				}
			default:
				if h, t := keys.Ends(it.Key); h == head && t == tail {
					return it
				}
			}
		case unused:
			return nil
		}
	}
	return nil
}

// first is where, modulo the slots, key is looked for first. Numbers in a row, which end most keys,
// have a slot of their own each: in order, a request with several keys looks at others
// before, 17 %. Not the print: a key that was written for the call takes the processor 5 ns
// to read, and it goes on meanwhile, by guessing, if it knows where.
func first(key string) uint {
	if key == "" {
		return 0
	}
	return uint(key[len(key)-1])
}

// printOf mixes the length and both ends of key: most keys differ there
// ("user", 7 and "user", 8), and reading all of a long key would cost more than
// the one comparison of whole keys that follows a match. Keys chosen to
// collide cost eight such comparisons, and no more.
func printOf(key string) uint64 {
	head, tail := keys.Ends(key)
	return mix(len(key), head, tail)
}

func mix(n int, head, tail uint64) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	hi, lo := bits.Mul64(head^k1^uint64(n), tail^k2)
	return (hi^lo)>>(64-printBits) | 1 // no slot that is free has it
}
