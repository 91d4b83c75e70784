package memcached_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
)

func TestMistakesInConfigAreErrors(t *testing.T) {
	t.Parallel()
	ok := []string{"a:1"}
	for name, tc := range map[string]struct {
		cfg  memcached.Config
		want string
	}{
		"no server":         {memcached.Config{}, "no server"},
		"the same twice":    {memcached.Config{Servers: []string{"a:1", "b:1", "a:1"}}, `server "a:1" is named twice`},
		"one is malformed":  {memcached.Config{Servers: []string{"a:1", "b"}}, `server "b": want "host:port"`},
		"both":              {memcached.Config{Servers: ok, Resolve: answering("a:1")}, "Config.Servers and Config.Resolve are set"},
		"negative every":    {memcached.Config{Resolve: answering("a:1"), ResolveEvery: -1}, "Config.ResolveEvery is negative"},
		"too often":         {memcached.Config{Resolve: answering("a:1"), ResolveEvery: time.Second - 1}, "Config.ResolveEvery of 999.999999ms: give 1s or more"},
		"every, of nothing": {memcached.Config{Servers: ok, ResolveEvery: time.Minute}, "Config.ResolveEvery is set, and Config.Resolve is not"},
		"empty address":     {memcached.Config{Servers: []string{""}}, `want "host:port"`},
		"no port":           {memcached.Config{Servers: []string{"a"}}, `want "host:port"`},
		"no host":           {memcached.Config{Servers: []string{":11211"}}, `want "host:port"`},
		"URL":               {memcached.Config{Servers: []string{"tcp://a:1"}}, `want "host:port"`},
		"bare IPv6":         {memcached.Config{Servers: []string{"::1:11211"}}, `want "host:port"`},
		"blank in host":     {memcached.Config{Servers: []string{" a:1"}}, `want "host:port"`},
		"named port":        {memcached.Config{Servers: []string{"a:memcache"}}, "the port must be a number"},
		"port 0":            {memcached.Config{Servers: []string{"a:0"}}, "the port must be a number"},
		"port too large":    {memcached.Config{Servers: []string{"a:65536"}}, "the port must be a number"},
		"negative timeout":  {memcached.Config{Servers: ok, Timeout: -1}, "Config.Timeout is negative"},
		"negative idle":     {memcached.Config{Servers: ok, MaxIdleConns: -1}, "Config.MaxIdleConns is negative"},
		"negative MaxItem":  {memcached.Config{Servers: ok, MaxItemSize: -1}, "Config.MaxItemSize is negative"},
		"negative conns":    {memcached.Config{Servers: ok, MaxConns: -1}, "Config.MaxConns is negative"},
		"no password":       {memcached.Config{Servers: ok, Username: "anna"}, "Config.Password is empty"},
		"no user":           {memcached.Config{Servers: ok, Password: "canary"}, "Config.Username is empty"},
		"blank in password": {memcached.Config{Servers: ok, Username: "anna", Password: "can ary"}, "Config.Password holds a blank"},
		"line in password":  {memcached.Config{Servers: ok, Username: "anna", Password: "canary\r\nflush_all"}, "Config.Password holds a blank or a control byte"},
		"NUL in user":       {memcached.Config{Servers: ok, Username: "an\x00na", Password: "canary"}, "Config.Username holds a blank or a control byte"},
		"TLS at a socket":   {memcached.Config{Servers: []string{"/run/mc.sock"}, TLS: &tls.Config{}}, "needs a ServerName"},
		"relative socket":   {memcached.Config{Servers: []string{"run/memcached.sock"}}, `want "host:port"`},
		"slash in the host": {memcached.Config{Servers: []string{"a/b:1"}}, `want "host:port"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := memcached.NewFromConfig(tc.cfg)
			if err == nil || c != nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "memcached: ") || strings.Contains(err.Error(), "canary") {
				t.Fatalf("client %v, error %v; want one with %q", c, err, tc.want)
			}
		})
	}
}

// The name is kept and not its address, so that a dial after a DNS change goes
// to the new address.
func TestServerIsDialedByItsNameEachTimeAndNotBefore(t *testing.T) {
	t.Parallel()
	for server, network := range map[string]string{
		"cache.internal:11211":    "tcp",
		"[::1]:11211":             "tcp",
		"/run/memcached/mc.sock":  "unix",
		"10.0.0.2:11211":          "tcp",
		"xn--bcher-kva.test:1234": "tcp",
	} {
		refused := errors.New("refused")
		dials := 0
		c, err := memcached.NewFromConfig(memcached.Config{
			Servers: []string{server},
			DialContext: func(_ context.Context, n, address string) (net.Conn, error) {
				dials++
				if n != network || address != server {
					t.Errorf("%s: dialed %s %s", server, n, address)
				}
				return nil, refused
			},
		})
		must(t, err)
		if dials != 0 {
			t.Errorf("%s: New dialed", server)
		}
		n := c.Nodes()[0]
		if n.Name() != server || len(c.Nodes()) != 1 || c.Nodes()[0] != n {
			t.Errorf("%s: node %s of %v", server, n.Name(), c.Nodes())
		}
		for range 2 {
			if err := n.Ping(t.Context()); !errors.Is(err, refused) {
				t.Errorf("%s: Ping: %v", server, err)
			}
		}
		if dials != 2 {
			t.Errorf("%s: %d dials for two operations", server, dials)
		}
		must(t, c.Close())
	}
}

func TestNewDoesNotMindAServerThatIsDown(t *testing.T) {
	t.Parallel()
	addr := onLoopback(t, func(int, *peer) {})
	c, err := memcached.New(addr)
	must(t, err)
	must(t, c.Close())
	if err := c.Nodes()[0].Add(t.Context(), "k", nil, time.Minute); err == nil || err.Error() != "memcached: the client is closed, as by the Close of a cache that had it" {
		t.Fatalf("after Close: %v", err)
	}
}
