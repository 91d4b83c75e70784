package memo

import (
	"math/rand/v2"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside the hit: how an entry comes to be found by a number alone (hit.go), of a Func whose keys
// are numbers. An entry has its number in its Local, and in L2 a slot (lru.Numbers); it gets both
// when it has been found by the words of its key. An entry that says the number and counts for the
// name is that of the key: no other key of the name has a number noted.

// numbersOf are those entries of t, the tally of a function whose keys form writes, that are found
// by their numbers; nil: none. What other names share is of several functions.
func (c *Cache) numbersOf(t *tally, form *keys.Form) *lru.Numbers {
	if c.lru == nil || !form.HasNumbers() || t == c.names.other {
		return nil
	}
	c.names.mu.Lock()
	defer c.names.mu.Unlock()
	n := t.numbers.Load()
	if n == nil {
		n = c.lru.Numbers(t)
		t.numbers.Store(n)
	}
	return n
}

// apart is where a request keeps what it finds by the number 0: the functions of a request are often
// asked for the same numbers, and a place is one key's.
func apart() uint64 { return uint64(rand.Uint32() &^ 3) } // scope.Table.At wants a multiple of four

// is reports whether e, or nil, is known to be that of the number.
func (m *met) is(e *tier.Entry, number uint64) bool {
	return e != nil && lru.HasNumber(e, number) && e.Kind.Tally.(*tally) == m.tally
}

// inRequest returns the entry of the key with the number, which form writes, if t has it. Mostly it
// is near the first place, where another key is; else its words find it, and from then on the number.
func (m *met) inRequest(t *scope.Table, form *keys.Form, number uint64) *tier.Entry {
	for i := range uint64(scope.Near + 1) {
		e := entryOf(t.At(m.from + number + i))
		if e == nil {
			break
		}
		if m.is(e, number) {
			return e
		}
	}
	w := form.Words(unsafe.Pointer(&number))
	if w.Len == 0 {
		return nil
	}
	e := entryOf(t.GetNumbered(w, m.from+number))
	if e != nil {
		m.numbers.Note(e, number)
	}
	return e
}

// inProcess is node.inProcess for such a key, which L1 has not.
func (m *met) inProcess(n *node, form *keys.Form, number uint64) (*tier.Entry, outcome) {
	t := n.table
	if n.load != nil {
		return nil, 0
	}
	var epoch uint64
	if t != nil {
		epoch = t.Epoch()
	}
	e := m.numbers.Get(number)
	if e == nil {
		w := form.Words(unsafe.Pointer(&number))
		if w.Len == 0 {
			return nil, 0
		}
		e = m.numbers.Find(number, w)
	}
	e, from := n.cache.ready(e)
	if e == nil || t == nil {
		return e, from
	}
	return entryOf(t.AddSince(epoch, itemOf(e))), from
}

// byWords returns the entry of the key with the Words w, if there are any and L1 or L2 can answer by
// them.
func (n *node) byWords(w keys.Words) (*tier.Entry, outcome) {
	if w.Len == 0 {
		return nil, 0
	}
	t := n.table
	if t != nil {
		if e := entryOf(t.GetWords(w)); e != nil {
			return e, outcomeL1
		}
	}
	l2 := n.local()
	if l2 == nil {
		return nil, 0
	}
	var epoch uint64
	if t != nil {
		epoch = t.Epoch()
	}
	e, from := n.cache.ready(l2.GetWords(w))
	if e == nil || t == nil {
		return e, from
	}
	return entryOf(t.AddSince(epoch, itemOf(e))), from
}

// byNumber is inHand for the key of the value at p, which form writes, if that is found by its number.
func byNumber[V any](n *node, m *met, form *keys.Form, p unsafe.Pointer, r *Result[V]) (*tier.Entry, outcome) {
	number, ok := form.Number(p)
	if !ok {
		return nil, 0
	}
	if n.table != nil {
		if e := m.inRequest(n.table, form, number); e != nil {
			return taken(e, outcomeL1, r)
		}
	}
	e, from := m.inProcess(n, form, number)
	return taken(e, from, r)
}
