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
