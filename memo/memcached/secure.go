package memcached

// secure.go stands between the dialer and the lane: TLS over what was dialed.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// overTLS is a dialer whose connections have shaken hands, within the time of
// its context.
func overTLS(dial dialer, cfg *tls.Config, addr address) (dialer, error) {
	cfg = cfg.Clone()
	if cfg.ServerName == "" && addr.network == "tcp" {
		cfg.ServerName, _, _ = net.SplitHostPort(addr.name)
	}
	if cfg.ServerName == "" && !cfg.InsecureSkipVerify {
		return nil, errors.New("Config.TLS over a Unix socket needs a ServerName to check the certificate for")
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		secured := tls.Client(plain, cfg)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = plain.Close()
			return nil, dialError{"TLS handshake", fmt.Errorf("TLS handshake: %w", err)}
		}
		return secured, nil
	}, nil
}

// hangUp closes a connection without a word. The Close of crypto/tls says
// goodbye first, and waits five seconds for a server that does not read.
func hangUp(nc net.Conn) error {
	if secured, ok := nc.(*tls.Conn); ok {
		return secured.NetConn().Close()
	}
	return nc.Close()
}
