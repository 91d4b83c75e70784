package memcached

// client.go is the tier that the application hands to its cache: made, asked for
// its Nodes, and closed.

import (
	"fmt"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// Client is a tier.Shared with a Node for each server. It is safe for concurrent
// use. The zero value is not usable; see New.
type Client struct {
	members  *members
	resolver *resolver // nil: Config.Servers has them all
}

var _ tier.Shared = (*Client)(nil)

// New returns a Client for the servers with the defaults of Config. It does not
// dial: a server that is down is not an error. No server, one that is named
// twice, or a malformed address are.
func New(servers ...string) (*Client, error) { return NewFromConfig(Config{Servers: servers}) }

// NewFromConfig is New with every choice. It does not wait for Config.Resolve,
// which a goroutine asks until Close.
func NewFromConfig(cfg Config) (*Client, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	login, err := newLogin(cfg.Username, cfg.Password)
	if err != nil {
		return nil, err
	}
	c := &Client{members: newMembers(cfg, login)}
	if cfg.Resolve != nil {
		c.resolver = resolve(cfg, c.members)
		return c, nil
	}
	if err := c.members.become(cfg.Servers); err != nil {
		return nil, fmt.Errorf("memcached: %w", err)
	}
	return c, nil
}

// Nodes implements tier.Shared. With Config.Resolve there are none before the
// first answer. A Node that was a member works until it is closed, by its own
// Close or the Client's.
func (c *Client) Nodes() []tier.Node { return c.members.now() }

// Fixed implements tier.Shared. It is false, with Config.Servers too: another
// process, of the next release for example, may have other servers.
func (c *Client) Fixed() bool { return false }

// ResolveError says why the last question to Config.Resolve has changed nothing,
// or that there was no answer yet; nil if the last answer was good, or if there
// is no Config.Resolve. The text is for logs.
func (c *Client) ResolveError() error {
	if c.resolver == nil {
		return nil
	}
	return c.resolver.failure()
}

// Close closes the connections to all servers; (*memo.Cache).Close calls it.
// Operations that run are waited for, which takes Config.Timeout at most; those
// that wait for a connection, or begin later, fail. A call of Config.Resolve that
// runs has its context ended, and is waited for. After Close returned there is no
// connection and no goroutine left. Closing again is no error.
func (c *Client) Close() error {
	if c.resolver == nil {
		return c.members.close()
	}
	c.resolver.stop()
	err := c.members.close()
	c.resolver.wait()
	return err
}
