package memcached

// config.go is what an operator decides, and what is refused before a Client exists.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	defaultTimeout      = 500 * time.Millisecond
	defaultMaxIdleConns = 64
	// memcached stores an item of at most 1 MiB (its option -I) and counts its own
	// header, the CAS id and the key of up to 250 bytes: 309 bytes and a little.
	defaultMaxItemSize = 1<<20 - 512
)

// Config is what an operator decides about the connection. Only Servers is
// required. A zero field takes the default in its comment; a negative one is an
// error.
type Config struct {
	// Servers holds the one server, as "host:port" or "/path/to/socket". A name is
	// resolved at every dial, so a change of its address needs no restart.
	Servers []string

	// Timeout is the most that one operation may take, dialing and retries
	// included, when its context allows more. 500ms. A shorter one takes a slow
	// server for an absent one when the machine is busy. To raise
	// memo.Config.ReadTimeout or WriteTimeout beyond it, raise this too.
	Timeout time.Duration

	// MaxIdleConns is how many connections are kept for later. 64. It does not
	// limit how many are open: each running operation has its own, so the server's
	// -c must exceed the operations that all processes can run at once.
	MaxIdleConns int

	// MaxItemSize is the largest value in bytes that is sent; a larger one is
	// refused with tier.ErrRefused. 1 MiB less 512 bytes, which fits memcached's
	// default for any key. Raise it together with the server's option -I.
	MaxItemSize int

	// DialContext opens connections, over TLS for example. nil: a net.Dialer. It
	// must obey its context, and the connection must outlive that context.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// complete returns cfg with its defaults and the address of its server.
func (cfg Config) complete() (Config, address, error) {
	var none address
	switch {
	case len(cfg.Servers) == 0:
		return cfg, none, errors.New("memcached: no server: Config.Servers needs one address")
	case len(cfg.Servers) > 1:
		return cfg, none, fmt.Errorf("memcached: %d servers: one server is supported in this version", len(cfg.Servers))
	case cfg.Timeout < 0:
		return cfg, none, fmt.Errorf("memcached: Config.Timeout is negative: %v", cfg.Timeout)
	case cfg.MaxIdleConns < 0:
		return cfg, none, fmt.Errorf("memcached: Config.MaxIdleConns is negative: %d", cfg.MaxIdleConns)
	case cfg.MaxItemSize < 0:
		return cfg, none, fmt.Errorf("memcached: Config.MaxItemSize is negative: %d", cfg.MaxItemSize)
	}
	addr, err := parseAddress(cfg.Servers[0])
	if err != nil {
		return cfg, none, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxIdleConns == 0 {
		cfg.MaxIdleConns = defaultMaxIdleConns
	}
	if cfg.MaxItemSize == 0 {
		cfg.MaxItemSize = defaultMaxItemSize
	}
	if cfg.DialContext == nil {
		cfg.DialContext = new(net.Dialer).DialContext
	}
	return cfg, addr, nil
}

// address names a server as the operator wrote it. It is the net.Addr that
// gomemcache dials and the selector that picks it. gomemcache's own selector
// resolves a name once, at the start, and keeps the address for ever.
type address struct{ network, name string }

func (a *address) Network() string { return a.network }
func (a *address) String() string  { return a.name }

// PickServer implements memcache.ServerSelector.
func (a *address) PickServer(string) (net.Addr, error) { return a, nil }

// Each implements memcache.ServerSelector.
func (a *address) Each(fn func(net.Addr) error) error { return fn(a) }

func parseAddress(s string) (address, error) {
	if strings.HasPrefix(s, "/") {
		return address{"unix", s}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || strings.ContainsAny(host, " \t\r\n/") {
		return address{}, fmt.Errorf(`memcached: server %q: want "host:port" or "/path/to/socket"`, s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return address{}, fmt.Errorf("memcached: server %q: the port must be a number from 1 to 65535", s)
	}
	return address{"tcp", s}, nil
}
