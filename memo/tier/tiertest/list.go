package tiertest

import (
	"slices"
	"sync"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// list.go is what one process knows of the servers of a Memory. It stands in
// front of their Nodes, as a client with connections does: its own can be closed.

// List is a Shared of some of the Nodes of a Memory, as one process has them in
// its list; another process has a List of its own, which may differ. Nodes of one
// name are one store in all Lists, and in the Memory. One that is taken out and
// put in again still has what it held.
//
// Its Nodes are io.Closers, so that a test can see when the engine has done with
// one; a call of one that is closed fails. All methods are safe for concurrent use.
type List struct {
	memory *Memory

	mu      sync.Mutex // guards all below
	members []tier.Node
	open    []*listedNode // the members, and those that have left and are not closed
	closed  bool
}

// List returns a List of the Nodes of these names, or of none.
func (m *Memory) List(names ...string) *List {
	l := &List{memory: m}
	l.Change(names...)
	return l
}

// Change makes the Nodes of these names the members. The Nodes that stay are the
// same, and so is one that comes back before it was closed. After Close it does
// nothing.
func (l *List) Change(names ...string) {
	known := l.memory.named(names)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.members = nil
	for _, n := range known {
		if member := tier.Node(l.node(n)); !slices.Contains(l.members, member) {
			l.members = append(l.members, member)
		}
	}
}

// node is the open Node on the server of n, a new one if there is none. It runs
// with l.mu held.
func (l *List) node(n *memoryNode) *listedNode {
	i := slices.IndexFunc(l.open, func(o *listedNode) bool { return o.server == n.server })
	if i >= 0 {
		return l.open[i]
	}
	o := &listedNode{list: l, memoryNode: memoryNode{name: n.name, server: n.server}}
	l.open = append(l.open, o)
	return o
}

// Nodes implements tier.Shared.
func (l *List) Nodes() []tier.Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.members
}

// Fixed implements tier.Shared: it is false.
func (l *List) Fixed() bool { return false }

// Open returns the names of the Nodes that are not closed, sorted: those of the
// members, and of Nodes that have left and that the engine still needs.
func (l *List) Open() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var open []string
	for _, n := range l.open {
		open = append(open, n.name)
	}
	slices.Sort(open)
	return open
}

// Close closes all Nodes that are left.
func (l *List) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, n := range l.open {
		n.closed.Store(true)
	}
	l.open = nil
	return nil
}

// listedNode is a Node of one List.
type listedNode struct {
	list *List
	memoryNode
}

// Close ends n, and puts a new Node in its place if it is a member:
//
//  1. n leaves the list, and whoever uses it decides to close it
//  2. its name comes back, and so does n, which is open
//  3. it is closed, and a member that fails every call would stay
func (n *listedNode) Close() error {
	l := n.list
	l.mu.Lock()
	defer l.mu.Unlock()
	n.closed.Store(true)
	l.open = slices.DeleteFunc(l.open, func(o *listedNode) bool { return o == n })
	if i := slices.Index(l.members, tier.Node(n)); i >= 0 && !l.closed {
		l.members = slices.Clone(l.members)
		l.members[i] = l.node(&n.memoryNode)
	}
	return nil
}
