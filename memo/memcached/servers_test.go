package memcached_test

// servers_test.go: several servers, each with connections of its own: what befalls
// one is nothing to the others.

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// fleet is n memcached, and their addresses.
func fleet(t *testing.T, n int) (servers []*mcserver.Server, addrs []string) {
	t.Helper()
	for range n {
		s := mcserver.ForTest(t)
		servers, addrs = append(servers, s), append(addrs, s.Addr())
	}
	return servers, addrs
}

func names(nodes []tier.Node) (all []string) {
	for _, n := range nodes {
		all = append(all, n.Name())
	}
	return all
}

func TestSeveralServersConform(t *testing.T) {
	t.Parallel()
	_, addrs := fleet(t, 3)
	tiertest.TestShared(t, func(t *testing.T) tier.Shared {
		c, err := memcached.NewFromConfig(memcached.Config{Resolve: answering(addrs...), Timeout: long})
		must(t, err)
		return c
	})
}

func TestThereIsANodeForEachServer(t *testing.T) {
	t.Parallel()
	servers := []string{"b:11211", "/run/mc.sock", "[::1]:11211", "a:11211", "a:11212"}
	c, err := memcached.New(servers...)
	must(t, err)
	if got := names(c.Nodes()); !slices.Equal(got, servers) || c.Fixed() || c.ResolveError() != nil {
		t.Errorf("the Nodes are %q, Fixed is %v, and ResolveError %v", got, c.Fixed(), c.ResolveError())
	}
	servers[0] = "mine:1"
	if got := c.Nodes()[0].Name(); got != "b:11211" {
		t.Errorf("the first Node is called %q now", got)
	}
	must(t, c.Close())
}

// A server that is stopped accepts connections and answers nothing. While every
// operation waits for it, all are done on the others.
func TestAServerThatHangsIsNothingToTheOthers(t *testing.T) {
	t.Parallel()
	servers, addrs := fleet(t, 3)
	c, _ := open(t, memcached.Config{Servers: addrs, Timeout: long, MaxConns: 4})
	for _, n := range c.Nodes() {
		must(t, n.Ping(t.Context()))
	}
	must(t, servers[1].Pause())
	waiting, leave := context.WithCancel(t.Context())
	defer leave()
	var group sync.WaitGroup
	for op, run := range operations(c.Nodes()[1]) { // more than it has connections
		group.Go(func() {
			if err := run(waiting, "k"); !errors.Is(err, context.Canceled) {
				t.Errorf("%s on the server that hangs: %v", op, err)
			}
		})
	}
	for _, i := range []int{0, 2} {
		for op, run := range operations(c.Nodes()[i]) {
			if err := run(t.Context(), strings.ReplaceAll(op, " ", "-")); !tier.IsAnswer(err) {
				t.Errorf("%s on another: %v", op, err)
			}
		}
	}
	leave()
	group.Wait()
	must(t, servers[1].Resume())
	must(t, c.Nodes()[1].Ping(t.Context()))
}

// Every fault of the matrix, at one server of two.
func TestAFaultOfOneServerMeetsNoOperationOnAnother(t *testing.T) {
	t.Parallel()
	_, addrs := fleet(t, 2)
	for name, row := range matrix {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := newChaos(t, addrs[0])
			c, _ := open(t, memcached.Config{Servers: []string{proxy.addr, addrs[1]}, Timeout: long, MaxConns: 2})
			for _, n := range c.Nodes() {
				must(t, n.Ping(t.Context()))
			}
			proxy.fault.Store(&row.fault)
			meanwhile, leave := context.WithCancel(t.Context())
			var group sync.WaitGroup
			for op, run := range operations(c.Nodes()[0]) {
				group.Go(func() { _ = run(meanwhile, strings.ReplaceAll(op+name, " ", "-")) })
			}
			for op, run := range operations(c.Nodes()[1]) {
				if err := run(t.Context(), strings.ReplaceAll(op+name, " ", "-")); !tier.IsAnswer(err) {
					t.Errorf("%s on the other server: %v", op, err)
				}
			}
			leave()
			group.Wait()
			proxy.fault.Store(&none)
		})
	}
}

// A restart costs the pooled connections of one server, and a login that is
// refused counts for the one that refused it.
func TestWhatOneServerSaysIsNotTakenFromAnother(t *testing.T) {
	t.Parallel()
	var dials sync.Map // *atomic.Int64 by address
	dialed := func(address string) *atomic.Int64 {
		count, _ := dials.LoadOrStore(address, new(atomic.Int64))
		return count.(*atomic.Int64)
	}
	counting := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed(address).Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	servers, addrs := fleet(t, 2)
	c, _ := open(t, memcached.Config{Servers: addrs, Timeout: long, DialContext: counting})
	for _, n := range c.Nodes() {
		must(t, n.Ping(t.Context()))
	}
	must(t, servers[0].Restart())
	for range 3 {
		for _, n := range c.Nodes() {
			must(t, n.Ping(t.Context()))
		}
	}
	if a, b := dialed(addrs[0]).Load(), dialed(addrs[1]).Load(); a != 2 || b != 1 {
		t.Errorf("%d dials to the server that was restarted and %d to the other, want 2 and 1", a, b)
	}

	asks := mcserver.Options{Args: []string{"-Y", users(t, "anna:other")}, Login: "anna other"}.ForTest(t)
	both, _ := open(t, memcached.Config{Servers: []string{asks.Addr(), addrs[1]}, Timeout: long, Username: "anna", Password: "canary"})
	for range 3 {
		if err := both.Nodes()[0].Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "login refused") {
			t.Errorf("Ping of the server that refuses: %v", err)
		}
		must(t, both.Nodes()[1].Ping(t.Context()))
	}
}

func TestMaxConnsIsOfEachServer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		c, _ := open(t, memcached.Config{Servers: []string{"a:1", "b:1"}, DialContext: server.dial, MaxConns: 2})
		a, b := c.Nodes()[0], c.Nodes()[1]
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() { served(t, ask(t.Context(), a, "100")) })
		}
		synctest.Wait()
		start := time.Now()
		for range 2 {
			group.Go(func() {
				served(t, ask(t.Context(), b, "10"))
				if took := time.Since(start); took != 10*time.Millisecond {
					t.Errorf("while all connections to one server are in use, another's answer of 10ms took %v", took)
				}
			})
		}
		group.Wait()
		if dials := server.dials.Load(); dials != 4 {
			t.Errorf("%d connections, want 2 to each", dials)
		}
	})
}

// Each server is checked for its own name.
func TestTLSOfSeveralServers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	hour := time.Now().Add(time.Hour)
	right, wrong := secured(t, a, a.vouch(t, "right.test", hour)), secured(t, a, a.vouch(t, "other.test", hour))
	to := map[string]string{"right.test:1": right.Addr(), "wrong.test:1": wrong.Addr()}
	cfg := memcached.Config{Servers: []string{"right.test:1", "wrong.test:1"}, Timeout: long, TLS: &tls.Config{RootCAs: a.pool()},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, to[address])
		}}
	c, _ := open(t, cfg)
	must(t, c.Nodes()[0].Ping(t.Context()))
	if err := c.Nodes()[1].Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "wrong.test") {
		t.Errorf("Ping of a server with another's certificate: %v", err)
	}
}

// 1. operations run on every server, each for a while 2. Close waits for all of
// them at once.
func TestCloseEndsAllServersTogether(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		var servers []string
		for i := range 10 {
			servers = append(servers, fmt.Sprintf("server-%d:11211", i))
		}
		c, _ := open(t, memcached.Config{Servers: servers, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := server.dial(ctx, network, address)
			return &reluctant{counted{Conn: nc, open: &server.open}}, err
		}})
		var group sync.WaitGroup
		for _, n := range c.Nodes() {
			served(t, ask(t.Context(), n, "0")) // leaves a connection
			group.Go(func() { served(t, ask(t.Context(), n, "100")) })
		}
		synctest.Wait()
		start := time.Now()
		for range 2 { // the second finds the first at it, and does not return before it is done
			group.Go(func() {
				must(t, c.Close())
				if took := time.Since(start); took != 110*time.Millisecond {
					t.Errorf("Close took %v, and the operations that ran had 100ms to go", took)
				}
			})
		}
		group.Wait()
		for _, n := range c.Nodes() {
			if err := n.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "the client is closed") {
				t.Errorf("%s after Close: %v", n.Name(), err)
			}
		}
	})
}
