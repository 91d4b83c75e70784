package memcached

// address.go is the name of a server, as Config.Servers or Config.Resolve has it
// and every dial uses it.

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

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
		return address{}, fmt.Errorf(`server %q: want "host:port" or "/path/to/socket"`, s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return address{}, fmt.Errorf("server %q: the port must be a number from 1 to 65535", s)
	}
	return address{"tcp", s}, nil
}

// parseAddresses is all of them or, with an error, none. Its errors, as those of
// members.become, go on "memcached: " or "memcached: Config.Resolve: ".
func parseAddresses(servers []string) ([]address, error) {
	addrs := make([]address, len(servers))
	for i, s := range servers {
		var err error
		if addrs[i], err = parseAddress(s); err != nil {
			return nil, err
		}
		if slices.Contains(servers[:i], s) {
			return nil, fmt.Errorf("server %q is named twice", s)
		}
	}
	return addrs, nil
}
