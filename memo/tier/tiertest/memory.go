package tiertest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// memory.go is the set of servers: which there are, and what befalls them. What
// one server answers is in node.go; how a process knows of some of them, in list.go.

// Memory is a Shared in this process's memory, with any number of Nodes.
// Caches that share one Memory behave like processes that share one memcached.
// Where they should know of different Nodes, or of others later, each gets a List.
// The zero value is not usable; see NewMemory.
//
// All methods are safe for concurrent use. A Memory drops an item when it has
// expired or is told to, and never for want of room. A name that it does not
// have is a mistake of the test, and panics.
type Memory struct {
	nodes   []*memoryNode
	members []tier.Node // the same, as Nodes hands them out
	fixed   bool
}

// NewMemory returns an empty Memory with one Node for each name, or one Node
// called "memory" for none. A name given twice makes one Node.
func NewMemory(names ...string) *Memory {
	m := &Memory{fixed: len(names) == 0}
	if m.fixed {
		names = []string{"memory"}
	}
	for _, name := range names {
		if m.node(name) != nil {
			continue
		}
		n := &memoryNode{name: name, server: &server{mu: new(sync.Mutex), items: map[string]*stored{}}}
		m.nodes = append(m.nodes, n)
		m.members = append(m.members, n)
	}
	return m
}

// Nodes implements tier.Shared. The members never change.
func (m *Memory) Nodes() []tier.Node { return m.members }

// Fixed implements tier.Shared. It is true of the Memory without names: where
// they are given, there may be Lists that differ.
func (m *Memory) Fixed() bool { return m.fixed }

// Only is the part of m with the Nodes of these names: for what befalls one server
// of several, m.Only("b").Restart() for example.
func (m *Memory) Only(names ...string) *Memory {
	part := &Memory{}
	for _, n := range m.named(names) {
		if part.node(n.name) == nil {
			part.nodes, part.members = append(part.nodes, n), append(part.members, n)
		}
	}
	return part
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

func (m *Memory) named(names []string) []*memoryNode {
	var nodes []*memoryNode
	for _, name := range names {
		n := m.node(name)
		if n == nil {
			panic(fmt.Sprintf("tiertest: this Memory has no Node called %q", name))
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// node is the Node called name, or nil.
func (m *Memory) node(name string) *memoryNode {
	i := slices.IndexFunc(m.nodes, func(n *memoryNode) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return m.nodes[i]
}
