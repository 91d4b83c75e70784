package fleet

// servers.go is where a worker's list of servers comes from, and how it reaches
// them: the names are the same in every process, as they must be, and the way to a
// server leads over a proxy of its own.

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
)

// ListEvery is how often a process with Setup.Told asks for its list.
const ListEvery = time.Second

// servers is a worker's list, and its connections to what the list names.
type servers struct {
	ways map[string]string
	open atomic.Int64 // connections

	mu   sync.Mutex
	list []string
}

func newServers(s Setup) *servers { return &servers{ways: s.Ways, list: s.Servers} }

// config is the client's.
func (s *servers) config(setup Setup) memcached.Config {
	cfg := memcached.Config{Timeout: setup.Patience, MaxConns: setup.Conns, DialContext: s.dial}
	if setup.Told {
		cfg.Resolve, cfg.ResolveEvery = s.resolve, ListEvery
	} else {
		cfg.Servers = setup.Servers
	}
	return cfg
}

// resolve is memcached.Config.Resolve: what the parent told last.
func (s *servers) resolve(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list), nil
}

func (s *servers) tell(list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = list
}

// dial opens a connection to the server of that name, and counts it.
func (s *servers) dial(ctx context.Context, network, name string) (net.Conn, error) {
	address, ok := s.ways[name]
	if !ok {
		address = name
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c, nil
	}
	s.open.Add(1)
	return &counted{TCPConn: tcp, open: &s.open}, nil
}

// counted is a connection that is counted until it is closed.
type counted struct {
	*net.TCPConn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.TCPConn.Close()
}
