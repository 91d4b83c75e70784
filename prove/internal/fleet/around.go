package fleet

// around.go stands between a worker's cache and its client of memcached, where a test
// wants something else there than the client.

import (
	"io"
	"sync"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// around is the client with something around each of its members.
type around struct {
	*memcached.Client
	wrap func(tier.Node) tier.Node

	mu    sync.Mutex
	nodes map[tier.Node]tier.Node // a member that stays is the same Node
}

func newAround(c *memcached.Client, wrap func(tier.Node) tier.Node) tier.Shared {
	return &around{Client: c, wrap: wrap, nodes: map[tier.Node]tier.Node{}}
}

// Nodes implements tier.Shared.
func (s *around) Nodes() (nodes []tier.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.Client.Nodes() {
		if s.nodes[n] == nil {
			s.nodes[n] = s.wrap(n)
		}
		nodes = append(nodes, s.nodes[n])
	}
	return nodes
}

// wrapped is a member that can be closed, as the client's can.
type wrapped struct{ tier.Node }

// Close implements io.Closer.
func (w wrapped) Close() error {
	if c, ok := w.Node.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
