package memcached

// config.go is what an operator decides, and what is refused before a Client exists.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	defaultTimeout  = 500 * time.Millisecond
	defaultMaxConns = 64
	// memcached stores an item of at most 1 MiB (its option -I) and counts its own
	// header, the CAS id and the key of up to 250 bytes: 309 bytes and a little.
	defaultMaxItemSize = 1<<20 - 512
)

// Config is what an operator decides about the connections. Only Servers is
// required, or Resolve in its place. A zero field takes the default in its comment;
// a negative one is an error.
type Config struct {
	// Servers are the servers, each as "host:port" or "/path/to/socket", once, and in
	// any order. What is written here is the server's name, by which keys are placed:
	// write it the same way in every process, and let a server's name stay when its
	// address changes. A name is resolved at every dial, so such a change needs no
	// restart. That two names lead to one server is not known.
	Servers []string

	// Resolve, in place of Servers, says which servers there are now, in the same
	// words; what it names twice is one server. It is asked at once, every ResolveEvery,
	// and after a failure, an empty answer, or one with a malformed address (see
	// (*Client).ResolveError) a second later, two, four, up to ResolveEvery. Until
	// there is a good answer the last one holds, and before the first there is no
	// server: New does not wait. It is called by one goroutine of the Client and has
	// ten seconds; it must return when its context ends, as Close waits for it. A
	// panic in it is a failure. See Lookup.
	Resolve func(ctx context.Context) ([]string, error)

	// ResolveEvery is how long an answer of Resolve holds. 30s, and 1s at least.
	ResolveEvery time.Duration

	// Timeout is the most that one operation may take, the wait for a connection,
	// dialing and retries included, when its context allows more. 500ms. A shorter
	// one takes a slow server for an absent one when the machine is busy. To raise
	// memo.Config.ReadTimeout or WriteTimeout beyond it, raise this too.
	Timeout time.Duration

	// MaxConns is the most connections that are open at once to each server. 64. An
	// operation that finds all of them in use waits for one, first come, first served,
	// within its own time; the other servers' are not its business. A server's -c (1,024
	// unless told) must exceed the sum over all processes, the old and the new ones of
	// a release included: 64 is for 15 processes. More connections do not make one
	// server faster.
	MaxConns int

	// MaxIdleConns is how many connections to each server are kept for later. As many
	// as MaxConns.
	MaxIdleConns int

	// MaxItemSize is the largest value in bytes that is sent, where a larger one is
	// refused with tier.ErrRefused, and that is read, where a larger one is an error
	// before any of it is in memory. 1 MiB less 512 bytes, which fits memcached's
	// default for any key. Raise it together with the server's option -I, and in all
	// processes before one of them stores more.
	MaxItemSize int

	// TLS, if not nil, is for a server with the option -Z. A ServerName that is
	// empty becomes the host of each server's address; a Unix socket has none. What
	// Lookup finds are IP addresses, which a certificate seldom has: give the name that
	// is in all of theirs. The Config is copied. Nothing is sent to a server that does
	// not pass its checks.
	TLS *tls.Config

	// Username and Password, if not empty, are for a server with the option -Y
	// FILE: they are the first thing that is sent on each connection, readable on the
	// way without TLS, and at most once a second while the server refuses them.
	// Blanks and control bytes are an error: the protocol cannot carry them.
	Username, Password string

	// DialContext opens connections; TLS and the login, if asked for, follow on
	// what it returns. nil: a net.Dialer. It must obey its context, and the
	// connection must outlive that context. A panic in it reaches the caller of the
	// operation; the connections must not panic, for not every one of their calls
	// runs where the caller could see it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// complete returns cfg with its defaults.
func (cfg Config) complete() (Config, error) {
	if err := cfg.problem(); err != nil {
		return cfg, err
	}
	if cfg.ResolveEvery == 0 {
		cfg.ResolveEvery = defaultResolveEvery
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = defaultMaxConns
	}
	if cfg.MaxIdleConns == 0 {
		cfg.MaxIdleConns = cfg.MaxConns
	}
	if cfg.MaxItemSize == 0 {
		cfg.MaxItemSize = defaultMaxItemSize
	}
	if cfg.DialContext == nil {
		cfg.DialContext = new(net.Dialer).DialContext
	}
	cfg.TLS = cfg.TLS.Clone()
	return cfg, nil
}

// problem says what is wrong with cfg, but for its addresses.
func (cfg Config) problem() error {
	switch {
	case len(cfg.Servers) == 0 && cfg.Resolve == nil:
		return errors.New("memcached: no server: Config.Servers needs one address, or set Config.Resolve")
	case len(cfg.Servers) > 0 && cfg.Resolve != nil:
		return errors.New("memcached: Config.Servers and Config.Resolve are set: leave one of them out")
	case cfg.ResolveEvery < 0:
		return fmt.Errorf("memcached: Config.ResolveEvery is negative: %v", cfg.ResolveEvery)
	case cfg.ResolveEvery > 0 && cfg.Resolve == nil:
		return errors.New("memcached: Config.ResolveEvery is set, and Config.Resolve is not: names in Config.Servers are resolved at every dial")
	case cfg.ResolveEvery > 0 && cfg.ResolveEvery < leastResolveEvery:
		return fmt.Errorf("memcached: Config.ResolveEvery of %v: give %v or more, or 0 for the default", cfg.ResolveEvery, leastResolveEvery)
	case cfg.Timeout < 0:
		return fmt.Errorf("memcached: Config.Timeout is negative: %v", cfg.Timeout)
	case cfg.MaxConns < 0:
		return fmt.Errorf("memcached: Config.MaxConns is negative: %d", cfg.MaxConns)
	case cfg.MaxIdleConns < 0:
		return fmt.Errorf("memcached: Config.MaxIdleConns is negative: %d", cfg.MaxIdleConns)
	case cfg.MaxItemSize < 0:
		return fmt.Errorf("memcached: Config.MaxItemSize is negative: %d", cfg.MaxItemSize)
	}
	return nil
}
