package scope

import "sync/atomic"

// few is where a Table keeps its first keys, and most requests never have more:
// a hash table of eight slots (find.go), faster than any map.
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
	unused    = 0 // and no key that would have come by is further on
	forgotten = 1
)

// append keeps value under key. The caller has seen that f has a slot left and
// that key is not in f.
func (f *few) append(key string, value any) {
	i := first(key)
	for f.prints[i%slots].Load() != unused {
		i++
	}
	f.slots[i%slots] = slot{key, value}
	f.prints[i%slots].Store(printOf(key))
	f.used++
}

// forget erases the print of slot i. Its value stays reachable until f is
// given up, which is why an emptied Table gives up its few.
func (f *few) forget(i int) { f.prints[i].Store(forgotten) }

// live yields the slots in use. The caller holds Scope.mu.
func (f *few) live(yield func(slot) bool) {
	for i := range f.slots {
		if f.prints[i].Load() > forgotten && !yield(f.slots[i]) {
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
