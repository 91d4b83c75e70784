package scope

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// more is where a Table keeps its keys when its group has no room for them: a hash table, faster
// than any map. All keys move, so that a hit looks in one place. When it is too small another one
// takes its place: that one has all that this one had, and this one is never written again, but
// for its numbers. So who still reads it answers as of when he began.
//
// Readers take no lock, and a print says no more than one of a group does. Its rule: from the home
// of an Item to the cell where it lies no cell is unused. So a reader may stop at the first one.
type more struct {
	secrets
	cells []cell // a power of two of them
	used  int    // of which a print says anything; under Scope.mu
}

// secrets are random, and of one Table: keys chosen by somebody outside cannot make it slow.
type secrets struct{ head, tail uint64 }

// cell is room for an Item.
type cell struct {
	item  atomic.Pointer[Item]
	print atomic.Uint32

	// number is not of this cell, but of a key that is found by its number (see Table.At): one more
	// than the cell in which its Item lies, or once lay. 0: there is no such key.
	number atomic.Uint32
}

const (
	firstCells = 16
	unused     = 0 // a print that no key has
)

// newMore returns one that has nothing, and its first cells: one allocation.
func newMore() *more {
	m := new(struct {
		more
		room [firstCells]cell
	})
	m.cells = m.room[:]
	m.head, m.tail = rand.Uint64(), rand.Uint64()
	return &m.more
}

// hash is made of all bytes of key, as Go hashes strings on a processor without instructions for AES.
// What is made for any length takes longer for most keys, which are short; and it has no Words.
func (s *secrets) hash(key string) uint64 {
	n := len(key)
	head, tail := keys.Ends(key)
	if n > 16 {
		head = 0
		for from := 0; from+8 < n; from += 16 { // tail has the last 8
			next, then := keys.Ends(key[min(from, n-16):][:16])
			head = fold(head^next^s.tail, then^s.head)
		}
	}
	return s.mix(n, head, tail)
}

// hashWords is hash of the key that has the Words w.
func (s *secrets) hashWords(w keys.Words) uint64 {
	if w.Len > 16 {
		w.Head = fold(w.Head^s.tail, w.Mid^s.head)
	}
	return s.mix(w.Len, w.Head, w.Tail)
}

func (s *secrets) mix(n int, head, tail uint64) uint64 {
	return fold(head^s.head, tail^s.tail*uint64(2*n+1)) // not head^n: keys of two lengths would meet whatever the secrets
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// at returns the i-th cell, modulo as many as there are.
func (m *more) at(i uint) *cell { return &m.cells[i&uint(len(m.cells)-1)] }

// printed is what a cell says of an Item whose key has this hash, of which the lower bits say
// where it is.
func printed(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// add keeps it, whose key is not in m, and reports false if there is no room: half of the cells
// at most are used, as to look at a wrong one first costs a hit more than its arithmetic.
func (m *more) add(it *Item) bool {
	hash := m.hash(it.Key)
	for i := uint(hash); ; i++ {
		p := m.at(i)
		if p.print.Load() != unused {
			continue
		}
		if 2*(m.used+1) > len(m.cells) {
			return false
		}
		m.used++
		p.item.Store(it)
		p.print.Store(printed(hash))
		return true
	}
}

// replace keeps it in place of what m has for its key.
func (m *more) replace(it *Item) { m.find(it.Key).item.Store(it) }

// remove drops key, which m has. The Items behind it do not move up:
//
//  1. a reader looks for B, whose home is cell 4 and which lies in cell 5. In cell 4 it sees A
//  2. A is removed, and B moves up to cell 4
//  3. the reader looks at cell 5, finds nothing, and says that B is absent. It never was
//
// Its cell stays used, until all move.
func (m *more) remove(key string) { m.find(key).item.Store(nil) }

// find returns the cell of key, which m has.
func (m *more) find(key string) *cell {
	for i := uint(m.hash(key)); ; i++ {
		p := m.at(i)
		if it := p.item.Load(); it != nil && it.Key == key {
			return p
		}
		if p.print.Load() == unused {
			panic("scope: no such key")
		}
	}
}

// all yields the Items. The caller holds Scope.mu.
func (m *more) all(yield func(*Item) bool) {
	for i := range m.cells {
		if it := m.cells[i].item.Load(); it != nil && !yield(it) {
			return
		}
	}
}

// moved returns a more that has what m has, live Items with it, and room for as many again.
func (m *more) moved(it *Item, live int) *more {
	size := firstCells
	for size < 3*live {
		size *= 2
	}
	to := &more{secrets: m.secrets, cells: make([]cell, size)}
	for old := range m.all {
		to.add(old)
	}
	to.add(it)
	return to
}
