package scope

import (
	"math/bits"
	"sync/atomic"
)

// few is where a Table keeps its first keys, and most requests never have more:
// eight slots that are looked through in order, faster than any map.
//
// It is append-only, so readers need neither lock nor copy: a slot is written
// once, before its print, and never again. To forget a key is to erase its print.
type few struct {
	many   *many // if not nil, all keys lie there, and none here
	prints [slots]atomic.Uint32
	slots  [slots]slot
	used   int // slots handed out; under Scope.mu
}

type slot struct {
	key   string
	value any
}

const (
	slots = 8

	// Prints that no key has.
	unused    = 0 // nor is any slot behind it used
	forgotten = 1
)

// find returns the slot of key, or -1.
func (f *few) find(key string) int {
	p := printOf(key)
	for i := range f.prints {
		switch f.prints[i].Load() {
		case p:
			if f.slots[i].key == key {
				return i
			}
		case unused:
			return -1
		}
	}
	return -1
}

// append keeps value under key. The caller has seen that f has a slot left and
// that key is not in f.
func (f *few) append(key string, value any) {
	f.slots[f.used] = slot{key, value}
	f.prints[f.used].Store(printOf(key))
	f.used++
}

// forget erases the print of slot i. Its value stays reachable until f is
// given up, which is why an emptied Table gives up its few.
func (f *few) forget(i int) { f.prints[i].Store(forgotten) }

// live yields the slots in use. The caller holds Scope.mu.
func (f *few) live(yield func(slot) bool) {
	for i := range f.used {
		if f.prints[i].Load() != forgotten && !yield(f.slots[i]) {
			return
		}
	}
}

// with returns a copy of f, which may be nil, that has key as well and has no
// forgotten slots. Where that would be too much for a few, all is in its many.
func (f *few) with(key string, value any) *few {
	c := new(few)
	if f != nil {
		for s := range f.live {
			if s.key != key {
				c.append(s.key, s.value)
			}
		}
	}
	if c.used == slots {
		c = c.moved()
		c.many.put(key, value)
	} else {
		c.append(key, value)
	}
	return c
}

// printOf mixes the length and both ends of key: most keys differ there
// ("user", 7 and "user", 8), and reading all of a long key would cost more than
// the one comparison of whole keys that follows a match. Keys chosen to
// collide cost eight such comparisons, and no more.
func printOf(key string) uint32 {
	const k1, k2 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	var head, tail uint64
	switch n := len(key); {
	case n >= 8:
		head, tail = load64(key), load64(key[n-8:])
	case n >= 4:
		head, tail = load32(key), load32(key[n-4:])
	case n > 0:
		head, tail = uint64(key[0]), uint64(key[n/2])<<8|uint64(key[n-1])
	}
	hi, lo := bits.Mul64(head^k1^uint64(len(key)), tail^k2)
	return uint32(hi^lo) | 2 // neither unused nor forgotten
}

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
