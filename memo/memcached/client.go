package memcached

// client.go is the tier that the application hands to its cache: where keys are
// placed, and the end of it all.

import "github.com/tiermemo/tiermemo/memo/tier"

// Client is a tier.Shared with one Node, the server. It is safe for concurrent
// use. The zero value is not usable; see New.
type Client struct {
	node  *node
	nodes []tier.Node
}

var _ tier.Shared = (*Client)(nil)

// New returns a Client for the servers with the defaults of Config. It does not
// dial: a server that is down is not an error. No server, several of them, or a
// malformed address are.
func New(servers ...string) (*Client, error) { return NewFromConfig(Config{Servers: servers}) }

// NewFromConfig is New with every choice.
func NewFromConfig(cfg Config) (*Client, error) {
	cfg, addr, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	login, err := newLogin(cfg.Username, cfg.Password)
	if err != nil {
		return nil, err
	}
	n := &node{name: addr.name, maxItemSize: cfg.MaxItemSize, pool: newPool(cfg, addr, login)}
	return &Client{node: n, nodes: []tier.Node{n}}, nil
}

// Nodes implements tier.Shared.
func (c *Client) Nodes() []tier.Node { return c.nodes }

// Place implements tier.Shared.
func (c *Client) Place(string) tier.Node { return c.node }

// Close closes the connections; (*memo.Cache).Close calls it. Operations that
// run are waited for, which takes Config.Timeout at most; those that wait for a
// connection, or begin later, fail. After it returned there is no connection and no goroutine left. Closing
// again is no error.
func (c *Client) Close() error { return c.node.pool.close() }
