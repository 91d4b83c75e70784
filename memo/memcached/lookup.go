package memcached

// lookup.go is the Config.Resolve for servers that share a name, as the pods
// behind a headless service do.

import (
	"context"
	"errors"
	"net"
	"slices"
)

// Lookup returns a function for Config.Resolve: the servers are all addresses that
// host has, each at port.
//
//   - The name has to have all addresses in every answer. A balancer that answers with
//     some of many makes each answer another list. In Kubernetes set
//     publishNotReadyAddresses, so that a server that fails a probe is still a member.
//   - Only IPv4 addresses are used, unless the name has none: a server that has one
//     of each kind would be two members.
//   - Where servers have names of their own (a StatefulSet), give those as Config.Servers:
//     a server that is started again elsewhere is the same member then, and here a new one.
func Lookup(host, port string) func(ctx context.Context) ([]string, error) {
	return lookup(new(net.Resolver), host, port)
}

// lookup asks for one kind of address after the other. A question for both is
// answered with one where the other was lost on the way, which would be other
// names for all servers.
func lookup(r *net.Resolver, host, port string) func(ctx context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		found, err := r.LookupNetIP(ctx, "ip4", host)
		if absent, ok := errors.AsType[*net.DNSError](err); ok && absent.IsNotFound {
			found, err = r.LookupNetIP(ctx, "ip6", host)
		}
		if err != nil {
			return nil, err
		}
		var servers []string
		for _, ip := range found {
			servers = append(servers, net.JoinHostPort(ip.Unmap().String(), port))
		}
		slices.Sort(servers)
		return slices.Compact(servers), nil
	}
}
