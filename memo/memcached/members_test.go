package memcached_test

// members_test.go: servers that leave the list and come back, and their Nodes.

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
)

func TestServersThatLeaveAndComeBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		var d directory
		d.set(answering("a:1", "b:1"))
		c := resolving(t, memcached.Config{Resolve: d.resolve, DialContext: server.dial})
		change := func(servers ...string) {
			t.Helper()
			d.set(answering(servers...))
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if got := names(c.Nodes()); !slices.Equal(got, servers) {
				t.Fatalf("there are %q, want %q", got, servers)
			}
		}
		before := c.Nodes()
		a, b := before[0], before[1]
		served(t, ask(t.Context(), b, "1"))

		change("a:1", "c:1")
		if before[1] != b || c.Nodes()[0] != a {
			t.Error("the list from before was modified, or who stayed is another Node")
		}
		served(t, ask(t.Context(), b, "1")) // who has left may still have to be told
		if dials := server.dials.Load(); dials != 1 {
			t.Errorf("%d connections for one server that has left", dials)
		}

		change("a:1", "b:1")
		if c.Nodes()[1] != b {
			t.Error("b came back as another Node, and was not closed")
		}

		change("a:1")
		must(t, b.(io.Closer).Close())
		if open := server.open.Load(); open != 0 {
			t.Errorf("%d connections to b are open after its Close", open)
		}
		if err := b.Ping(t.Context()); err == nil || err.Error() != "memcached: the Node is closed, as by a cache whose list of servers it had left" {
			t.Errorf("Ping of b: %v", err)
		}
		change("a:1", "b:1")
		if c.Nodes()[1] == b {
			t.Error("b was closed, and is a member")
		}
		served(t, ask(t.Context(), c.Nodes()[1], "1"))
		must(t, b.(io.Closer).Close())
		served(t, ask(t.Context(), c.Nodes()[1], "1"))
		if dials := server.dials.Load(); dials != 2 {
			t.Errorf("%d connections: the second Close of the old b was one of the new b", dials)
		}

		served(t, ask(t.Context(), a, "1"))
		change("b:1") // a is left open
		must(t, c.Close())
		if open := server.open.Load(); open != 0 {
			t.Errorf("%d connections outlived Close", open)
		}
	})
}

// 1. b leaves, and somebody decides to close it 2. b comes back 3. it is closed.
func TestAMemberThatIsClosedIsReplaced(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		c, _ := open(t, memcached.Config{Servers: []string{"a:1", "b:1"}, DialContext: server.dial})
		before := c.Nodes()
		a, b := before[0], before[1]
		must(t, b.(io.Closer).Close())
		now := c.Nodes()
		if now[0] != a || now[1] == b || now[1].Name() != "b:1" || before[1] != b {
			t.Errorf("there are %q, and before %q", names(now), names(before))
		}
		served(t, ask(t.Context(), now[1], "1"))
		must(t, c.Close())
		must(t, now[1].(io.Closer).Close())
		if after := c.Nodes(); after[1] != now[1] {
			t.Error("a Client that is closed has made a Node")
		}
	})
}

// 1. b has left, and is being closed, which waits for an operation 2. b comes back.
func TestAServerThatComesBackWhileItIsClosed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		var d directory
		d.set(answering("a:1", "b:1"))
		c := resolving(t, memcached.Config{Resolve: d.resolve, ResolveEvery: time.Second, Timeout: long, DialContext: server.dial})
		b := c.Nodes()[1]
		var group sync.WaitGroup
		group.Go(func() { served(t, ask(t.Context(), b, "5000")) })
		d.set(answering("a:1"))
		time.Sleep(1500 * time.Millisecond)
		group.Go(func() { must(t, b.(io.Closer).Close()) })
		d.set(answering("a:1", "b:1"))
		time.Sleep(time.Second)
		if now := c.Nodes(); len(now) != 2 || now[1] == b {
			t.Errorf("there are %q, and b is the Node that is being closed: %v", names(now), now[len(now)-1] == b)
		}
		served(t, ask(t.Context(), c.Nodes()[1], "1"))
		group.Wait()
	})
}

// The Close of a Node and that of its Client each promise that no connection is
// left, whoever closes it.
func TestANodeAndItsClientAreClosedAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var open atomic.Int64
		var server slow
		c, err := memcached.NewFromConfig(memcached.Config{Servers: []string{"a:1"}, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := overPipe(server.serve)(ctx, network, address)
			open.Add(1)
			return &reluctant{counted{Conn: nc, open: &open}}, err
		}})
		must(t, err)
		n := c.Nodes()[0]
		served(t, ask(t.Context(), n, "1"))
		var group sync.WaitGroup
		for _, end := range []func() error{n.(io.Closer).Close, c.Close, n.(io.Closer).Close, c.Close} {
			group.Go(func() {
				must(t, end())
				if left := open.Load(); left != 0 {
					t.Errorf("%d connections are open after Close", left)
				}
			})
			synctest.Wait()
		}
		group.Wait()
	})
}

// The whole way, on three servers that run.
func TestAFleetThatChanges(t *testing.T) {
	t.Parallel()
	_, addrs := fleet(t, 3)
	slices.Sort(addrs)
	var d directory
	d.set(answering(addrs[0], addrs[1]))
	c, err := memcached.NewFromConfig(memcached.Config{Resolve: d.resolve, ResolveEvery: time.Second, Timeout: long})
	must(t, err)
	become := func(want ...string) {
		t.Helper()
		for start := time.Now(); !slices.Equal(names(c.Nodes()), want); <-time.After(time.Millisecond) {
			if time.Since(start) > long {
				t.Fatalf("there are %q, want %q", names(c.Nodes()), want)
			}
		}
	}
	become(addrs[:2]...)
	left := c.Nodes()[0]
	must(t, left.Add(t.Context(), "k", []byte("x"), time.Minute))
	d.set(answering(addrs[2], addrs[1]))
	become(addrs[1:]...)
	must(t, left.Delete(t.Context(), "k"))
	must(t, c.Nodes()[1].Add(t.Context(), "k", []byte("x"), time.Minute))
	must(t, left.(io.Closer).Close())
	d.set(answering(addrs...))
	become(addrs...)
	if got := get(t, c.Nodes()[0], "k"); got.Found() {
		t.Errorf("k is %q on the first server", got.Value)
	}
	must(t, c.Close())
}

// Each second the list changes, members are closed, and all Nodes are called, at
// the same instant.
func TestAListThatChangesUnderEverybody(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		var asked atomic.Int64
		c, err := memcached.NewFromConfig(memcached.Config{ResolveEvery: time.Second, DialContext: server.dial,
			Resolve: func(context.Context) ([]string, error) {
				return []string{"stays:1", fmt.Sprintf("comes-%d:1", asked.Add(1)%3)}, nil
			}})
		must(t, err)
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for range 100 {
					for _, n := range c.Nodes() {
						if worker == 0 && n.Name() != "stays:1" {
							must(t, n.(io.Closer).Close())
						}
						err := ask(t.Context(), n, "0")
						if err != nil && (n.Name() == "stays:1" || !strings.Contains(err.Error(), "the Node is closed")) {
							t.Error(err)
						}
					}
					time.Sleep(time.Second)
				}
			})
		}
		group.Wait()
		must(t, c.Close())
		if open := server.open.Load(); open != 0 {
			t.Errorf("%d connections outlived Close", open)
		}
	})
}
