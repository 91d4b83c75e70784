package scope

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
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
	head, tail := ends(key)
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
				if h, t := ends(it.Key); h == head && t == tail {
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

// GetWords is Get for a key that is not written anywhere: size bytes, 4 to 24, of which head
// and tail are the ends, mid those from the 8th to the 16th if there are more than 16, and
// last the last. It may miss a key that Get finds, where a Table has more than four.
func (t *Table) GetWords(head, mid, tail uint64, size int, last byte) *Item {
	if t.more.Load() != nil {
		return nil
	}
	slot := uint(last) % perGroup
	it := t.group.slots[slot].Load() // without a look at its print, as it is mostly there: 7 %
	for range perGroup {
		if it != nil && len(it.Key) == size {
			if h, t := ends(it.Key); h == head && t == tail && (size <= 16 || between(it.Key) == mid) {
				return it
			}
		}
		slot = (slot + 1) % perGroup
		it = t.group.slots[slot].Load()
	}
	return nil
}

// between is what of key, which has more than 16 bytes, is between its first 8 and the 16th.
func between(key string) uint64 {
	return binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(key), len(key))[8:])
}

// get is Table.Get. It is written there once more, since a loop over both costs each 15 %.
func (m *more) get(key string) *Item {
	if m := m.many; m != nil {
		if it := m.index.Get(m.hash(key), key); it != nil {
			return it.Value
		}
		return nil
	}
	head, tail := ends(key)
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
				if h, t := ends(it.Key); h == head && t == tail {
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
	head, tail := ends(key)
	return mix(len(key), head, tail)
}

func mix(n int, head, tail uint64) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	hi, lo := bits.Mul64(head^k1^uint64(n), tail^k2)
	return (hi^lo)>>(64-printBits) | 1 // no slot that is free has it
}

// ends are the first 8 bytes of key and the last 8, which overlap in one of less than
// 16; of one of less than 8 the first and last 4; and of one of less than 4 all three.
func ends(key string) (head, tail uint64) {
	b := unsafe.Slice(unsafe.StringData(key), len(key)) // as there is no such load of a string
	switch n := len(b); {
	case n >= 8:
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n == 0:
		return 0, 0
	default:
		return uint64(b[0]), uint64(b[n/2])<<8 | uint64(b[n-1])
	}
}
