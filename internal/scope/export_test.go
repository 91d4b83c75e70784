package scope

import "github.com/tiermemo/tiermemo/internal/keys"

var secret = newMore().secrets

// Hash says where key lies in a Table of many keys, and HashWords where one lies that has these Words.
func Hash(key string) uint64        { return secret.hash(key) }
func HashWords(w keys.Words) uint64 { return secret.hashWords(w) }

// Need makes p wait for c as a goroutine does that is not awake yet although c
// has ended.
func Need(p, c *Call) { p.need(c) }

// AddTable is Table for who came too late to find the Table of owner.
func AddTable(s *Scope, owner *Owner) *Table { return s.addTable(owner) }

// Len is the number of values in t.
func (t *Table) Len() int {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	return int(t.live)
}

// Weaken takes the secrets of a Table of many keys away: all that begin with eight zeros have one hash.
func (t *Table) Weaken() {
	old := t.more.Load()
	weak := &more{cells: make([]cell, len(old.cells))}
	for it := range old.all {
		weak.add(it)
	}
	t.more.Store(weak)
}

// Places is how many places lead to the Item of key, in a Table of many keys.
func (t *Table) Places(key string) (n int) {
	m := t.more.Load()
	for i := range m.cells {
		if it := m.numbered(uint(i)); it != nil && it.Key == key {
			n++
		}
	}
	return n
}
