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

// At returns what may be the Item of a key that ends with a number, of which at is the place: what
// it is, only the caller can tell, who knows it by something else. So what lies there need not be
// the key's.
//
// at is the number, and a multiple of four of the caller's, which keeps keys of other names apart.
func (t *Table) At(at uint64) *Item {
	if m := t.more.Load(); m != nil {
		return m.numbered(uint(at))
	}
	return t.group.slots[at%perGroup].Load()
}

// Near is how many places behind it a key may have, where another one is At its first. The next one
// that nothing is At is the end of them.
const Near = perGroup - 1

// GetWords is Get for a key that is not written anywhere, of which w are the Words.
func (t *Table) GetWords(w keys.Words) *Item {
	if m := t.more.Load(); m != nil {
		it, _ := m.getWords(w)
		return it
	}
	slot := firstOf(w) % perGroup
	it := t.group.slots[slot].Load() // without a look at its print, as it is mostly there: 7 %
	for range perGroup {
		if it != nil && w.Are(it.Key) {
			return it
		}
		slot = (slot + 1) % perGroup
		it = t.group.slots[slot].Load()
	}
	if m := t.more.Load(); m != nil { // all has moved there meanwhile
		it, _ = m.getWords(w)
		return it
	}
	return nil
}

// GetNumbered is GetWords for a key that ends with a number, of which at is the place. From now on
// At mostly finds it.
func (t *Table) GetNumbered(w keys.Words, at uint64) *Item {
	m := t.more.Load()
	if m == nil {
		return t.GetWords(w)
	}
	it, i := m.getWords(w)
	if it != nil {
		m.note(uint(at), i)
	}
	return it
}

// get is Table.Get.
func (m *more) get(key string) *Item {
	if len(key) > 16 {
		return m.getLong(key)
	}
	head, tail := keys.Ends(key)
	hash := m.mix(len(key), head, tail) // which is that of all of a short key
	print := printed(hash)
	for i := uint(hash); ; i++ {
		p := m.at(i)
		switch p.print.Load() {
		case print:
			if it := p.item.Load(); it != nil && len(it.Key) == len(key) {
				if h, t := keys.Ends(it.Key); h == head && t == tail {
					return it
				}
			}
		case unused:
			return nil
		}
	}
}

// getWords is Table.GetWords, and says in which cell.
func (m *more) getWords(w keys.Words) (it *Item, i uint) {
	hash := m.hashWords(w)
	print := printed(hash)
	for i = uint(hash); ; i++ {
		p := m.at(i)
		switch p.print.Load() {
		case print:
			if it := p.item.Load(); it != nil && w.Are(it.Key) {
				return it, i
			}
		case unused:
			return nil, 0
		}
	}
}

// getLong is get for a key of more than 16 bytes.
func (m *more) getLong(key string) *Item {
	hash := m.hash(key)
	print := printed(hash)
	for i := uint(hash); ; i++ {
		p := m.at(i)
		switch p.print.Load() {
		case print:
			if it := p.item.Load(); it != nil && it.Key == key {
				return it
			}
		case unused:
			return nil
		}
	}
}

// numbered is Table.At.
func (m *more) numbered(at uint) *Item {
	i := uint(m.at(at).number.Load())
	if i == 0 {
		return nil
	}
	return m.at(i - 1).item.Load()
}

// note lets numbered find at, or near it, what lies in the i-th cell. It is no more than a hint, of
// where to look: what lies there now is what is kept, so that no lock is needed, and nothing has to
// be taken back when it is forgotten.
func (m *more) note(at, i uint) {
	i &= uint(len(m.cells) - 1)
	for end := at + Near; at <= end; at++ {
		switch p := m.at(at); {
		case m.numbered(at) == nil:
			p.number.Store(uint32(i) + 1)
			return
		case uint(p.number.Load()) == i+1: // what lies there has not its number noted
			return
		}
	}
}

// first is where, modulo the slots of a group, key is looked for first. Numbers in a row, which end
// most keys, have a slot of their own each, as first is the number modulo four: 100 is a multiple of
// it, and so are '0', 2*'0' and 2*':'. In order, a hit in a request with four keys looks at others
// before, and takes 1.7 times as long; with one key 0.9. Not the print: a key that was written for
// the call takes the processor 5 ns to read, and it goes on meanwhile, by guessing, if it knows where.
func first(key string) uint {
	switch n := len(key); n {
	case 0:
		return 0
	case 1:
		return uint(key[0])
	default:
		return uint(key[n-1]) + 2*uint(key[n-2])
	}
}

// firstOf is first for a key that has Words.
func firstOf(w keys.Words) uint {
	last := w.Last()
	return uint(last>>8) + 2*uint(last&0xff)
}

// printOf mixes the length and both ends of key: most keys differ there
// ("user", 7 and "user", 8), and reading all of a long key would cost more than
// the one comparison of whole keys that follows a match. Keys chosen to
// collide cost four such comparisons, and no more.
func printOf(key string) uint64 {
	head, tail := keys.Ends(key)
	return mix(len(key), head, tail)
}

func mix(n int, head, tail uint64) uint64 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	hi, lo := bits.Mul64(head^k1^uint64(n), tail^k2)
	return (hi^lo)>>(64-printBits) | 1 // no slot that is free has it
}
