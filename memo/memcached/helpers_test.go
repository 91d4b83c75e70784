package memcached_test

// helpers_test.go has the two kinds of server that the tests talk to: a script
// over net.Pipe or loopback, and connections to a real one that are counted.

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// bubble runs a test in virtual time. Scripts that are asleep when it ends get
// the time to wake up and find that the client has left.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(24 * time.Hour) })
		test(t)
	})
}

const long = 20 * time.Second // a Timeout that no test waits for

// open returns a Client that is closed with the test, and its first Node.
func open(t testing.TB, cfg memcached.Config) (*memcached.Client, tier.Node) {
	t.Helper()
	if cfg.Servers == nil {
		cfg.Servers = []string{"cache.internal:11211"}
	}
	c, err := memcached.NewFromConfig(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c, c.Nodes()[0]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, n tier.Node, key string) tier.Item {
	t.Helper()
	var items [1]tier.Item
	must(t, n.GetMulti(t.Context(), []string{key}, items[:]))
	return items[0]
}

// peer is the server's end of one connection.
type peer struct {
	net.Conn
	lines *bufio.Reader
}

func newPeer(nc net.Conn) *peer { return &peer{nc, bufio.NewReader(nc)} }

// line returns the next line without its end; ok is false when the client left.
func (p *peer) line() (text string, ok bool) {
	text, err := p.lines.ReadString('\n')
	return strings.TrimSuffix(text, "\r\n"), err == nil
}

func (p *peer) say(format string, args ...any) bool {
	_, err := fmt.Fprintf(p, format, args...)
	return err == nil
}

// drain reads until the client leaves.
func (p *peer) drain() { _, _ = io.Copy(io.Discard, p.lines) }

// overPipe dials a script. In a synctest bubble its time is virtual; the script
// ends when the client closes the connection.
func overPipe(script func(*peer)) dialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			script(newPeer(server))
		}()
		return client, nil
	}
}

// onLoopback serves every connection with script and returns the address. Unlike
// a pipe, a loopback connection takes bytes that nobody reads.
func onLoopback(t testing.TB, script func(connection int, p *peer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for i := 1; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer c.Close()
				script(i, newPeer(c))
			})
		}
	})
	t.Cleanup(func() { // runs after the Close of Clients opened later
		must(t, l.Close())
		group.Wait()
	})
	return l.Addr().String()
}

// counter is a DialContext that counts.
type counter struct {
	dialed, open atomic.Int64
	each         chan struct{} // if not nil, receives for each dial
}

func (c *counter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.dialed.Add(1)
	c.open.Add(1)
	if c.each != nil {
		c.each <- struct{}{}
	}
	return &counted{Conn: nc, open: &c.open}, nil
}

type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// operations are all methods of a Node with one key, for what holds of each.
func operations(n tier.Node) map[string]func(ctx context.Context, key string) error {
	return map[string]func(context.Context, string) error{
		"GetMulti of one": func(ctx context.Context, key string) error {
			return n.GetMulti(ctx, []string{key}, make([]tier.Item, 1))
		},
		"GetMulti of two": func(ctx context.Context, key string) error {
			return n.GetMulti(ctx, []string{"other", key}, make([]tier.Item, 2))
		},
		"Add": func(ctx context.Context, key string) error {
			return n.Add(ctx, key, []byte("flush_all"), time.Minute)
		},
		"CompareAndSwap": func(ctx context.Context, key string) error {
			return n.CompareAndSwap(ctx, key, 1, []byte("flush_all"), time.Minute)
		},
		"CompareAndDelete": func(ctx context.Context, key string) error { return n.CompareAndDelete(ctx, key, 1) },
		"Incr": func(ctx context.Context, key string) error {
			_, err := n.Incr(ctx, key, 1)
			return err
		},
		"Touch":         func(ctx context.Context, key string) error { return n.Touch(ctx, key, time.Minute) },
		"Delete of one": func(ctx context.Context, key string) error { return n.Delete(ctx, key) },
		"Delete of many": func(ctx context.Context, key string) error {
			return n.Delete(ctx, key, key, key, key, key, key)
		},
		"Ping (no key)": func(ctx context.Context, _ string) error { return n.Ping(ctx) },
		"Delete of two": func(ctx context.Context, key string) error { return n.Delete(ctx, "other", key) },
		"GetMulti of many": func(ctx context.Context, key string) error {
			return n.GetMulti(ctx, []string{"key-1", "key-2", "key-3", key}, make([]tier.Item, 4))
		},
	}
}
