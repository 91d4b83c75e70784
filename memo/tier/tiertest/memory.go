package tiertest

import (
	"cmp"
	"hash/fnv"
	"io"
	"slices"
	"sync"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// memory.go is the set of servers: which there are, which one holds a key, and
// what befalls all of them. What one server answers is in node.go.

// Memory is a Shared in this process's memory, with any number of Nodes.
// Caches that share one Memory behave like processes that share one memcached.
// The zero value is not usable; see NewMemory.
//
// All methods are safe for concurrent use. A Memory drops an item when it has
// expired or is told to, and never for want of room.
type Memory struct {
	nodes   []*memoryNode
	members []tier.Node // the same, as Nodes hands them out
}

// NewMemory returns an empty Memory with one Node for each name, or one Node
// called "memory" for none. A name given twice makes one Node.
func NewMemory(names ...string) *Memory {
	if len(names) == 0 {
		names = []string{"memory"}
	}
	m := &Memory{}
	for _, name := range names {
		if slices.ContainsFunc(m.nodes, func(n *memoryNode) bool { return n.name == name }) {
			continue
		}
		n := &memoryNode{name: name, mu: new(sync.Mutex), items: map[string]*stored{}}
		m.nodes = append(m.nodes, n)
		m.members = append(m.members, n)
	}
	return m
}

// Nodes implements tier.Shared. The members never change.
func (m *Memory) Nodes() []tier.Node { return m.members }

// Place implements tier.Shared: the Node of the highest score holds the key, so
// the order of the names given to NewMemory plays no part, and one name more
// moves only the keys it takes over.
func (m *Memory) Place(key string) tier.Node {
	return slices.MaxFunc(m.nodes, func(a, b *memoryNode) int {
		return cmp.Or(cmp.Compare(score(a.name, key), score(b.name, key)), cmp.Compare(a.name, b.name))
	})
}

// score is the FNV-1a hash of name and key. Its high bits, which decide between
// scores, hardly feel the last bytes hashed; the fold at the end mends that.
func score(name, key string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, name)
	h.Write([]byte{0}) // else "a" with "bc" were "ab" with "c"
	io.WriteString(h, key)
	s := h.Sum64()
	s = (s ^ s>>33) * 0xff51afd7ed558ccd
	return s ^ s>>33
}

// Flush empties every Node; CAS ids go on.
func (m *Memory) Flush() {
	for _, n := range m.nodes {
		n.flush()
	}
}

// Restart empties every Node and starts CAS ids again at 1, as memcached does.
// A CompareAndSwap with an id read before may therefore replace an item stored
// after: the server cannot tell, so whoever reads the item has to.
func (m *Memory) Restart() {
	for _, n := range m.nodes {
		n.restart()
	}
}

// Evict removes keys as a server short of memory would: from whichever Nodes
// hold them, and without an answer to anyone.
func (m *Memory) Evict(keys ...string) {
	for _, n := range m.nodes {
		n.evict(keys)
	}
}

// Keys returns the keys present, sorted. A key that several Nodes hold is there
// once, one that has expired is not.
func (m *Memory) Keys() []string {
	var keys []string
	for _, n := range m.nodes {
		keys = n.appendKeys(keys)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
