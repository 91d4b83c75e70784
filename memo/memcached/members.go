package memcached

// members.go is the list of servers, ahead of everything that is sent: which of
// them are members now, and which have left but have connections still.

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// members makes a Node for each server, and keeps it while the server stays, or
// until it is closed after it left: who uses the Client may have to tell it what
// it still holds.
type members struct {
	cfg   Config
	login *login

	list atomic.Pointer[[]tier.Node] // the slice is never modified

	mu     sync.Mutex
	open   []*node // all that may have connections
	closed bool
}

func newMembers(cfg Config, login *login) *members {
	m := &members{cfg: cfg, login: login}
	m.list.Store(new([]tier.Node))
	return m
}

func (m *members) now() []tier.Node { return *m.list.Load() }

// become makes these servers the members: all of them or, with an error, none.
func (m *members) become(servers []string) error {
	addrs, err := parseAddresses(servers)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	next, opened := make([]tier.Node, len(addrs)), []*node(nil)
	for i, addr := range addrs {
		n := m.find(addr)
		if n == nil {
			if n, err = m.node(addr); err != nil {
				return err
			}
			opened = append(opened, n)
		}
		next[i] = n
	}
	m.open = append(m.open, opened...)
	if !slices.Equal(next, m.now()) {
		m.list.Store(&next)
	}
	return nil
}

// find returns the Node of the server that can still be used, or nil.
func (m *members) find(addr address) *node {
	i := slices.IndexFunc(m.open, func(n *node) bool { return n.name == addr.name && !n.closing })
	if i < 0 {
		return nil
	}
	return m.open[i]
}

func (m *members) node(addr address) (*node, error) {
	cfg := m.cfg
	if cfg.TLS != nil {
		var err error
		if cfg.DialContext, err = overTLS(cfg.DialContext, cfg.TLS, addr); err != nil {
			return nil, err
		}
	}
	return &node{name: addr.name, maxItemSize: cfg.MaxItemSize, pool: newPool(cfg, addr, m.login.another()), members: m}, nil
}

// end closes one Node, and puts another in its place if it is a member:
//
//  1. a server leaves, and who uses the Client decides to close its Node
//  2. the server comes back, and its Node, which is open, is a member again
//  3. it is closed, and a member that fails every call would stay
func (m *members) end(n *node) error {
	m.mu.Lock()
	n.closing = true
	if i := slices.Index(m.now(), tier.Node(n)); i >= 0 && !m.closed {
		m.replace(i, n)
	}
	m.mu.Unlock()

	err := n.pool.close(errEnded)

	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = slices.DeleteFunc(m.open, func(o *node) bool { return o == n })
	return err
}

// replace is called under mu.
func (m *members) replace(i int, n *node) {
	fresh, err := m.node(n.pool.addr)
	if err != nil {
		return // which it was not when n was made of the same
	}
	m.open = append(m.open, fresh)
	next := slices.Clone(m.now())
	next[i] = fresh
	m.list.Store(&next)
}

// close ends all Nodes at once. One that is being closed by somebody else is
// waited for.
func (m *members) close() error {
	m.mu.Lock()
	m.closed = true
	open := slices.Clone(m.open)
	m.mu.Unlock()

	errs := make([]error, len(open))
	var group sync.WaitGroup
	for i, n := range open {
		group.Go(func() { errs[i] = n.pool.close(errClosed) })
	}
	group.Wait()
	return errors.Join(errs...)
}
