package memcached_test

// probe_test.go: connections that died, or got bytes that nobody asked for, while
// they were in the pool. They are known before anything is sent.

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
)

// watched is a dialer that knows what has arrived on its connections, and how
// often they were written to.
type watched struct {
	mu    sync.Mutex
	conns []*written
}

// written can still be asked for its file descriptor, as a *net.TCPConn can.
type written struct {
	*net.TCPConn
	times atomic.Int64
}

func (w *written) Write(p []byte) (int, error) {
	w.times.Add(1)
	return w.TCPConn.Write(p)
}

func (w *watched) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &written{TCPConn: nc.(*net.TCPConn)}
	w.conns = append(w.conns, c)
	return c, nil
}

// arrived waits until the first connection has unread bytes, or its end.
func (w *watched) arrived(t testing.TB) {
	t.Helper()
	w.mu.Lock()
	raw, err := w.conns[0].SyscallConn()
	w.mu.Unlock()
	must(t, err)
	must(t, w.conns[0].SetReadDeadline(time.Now().Add(long)))
	must(t, raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN // else wait for more, and ask again
	}))
}

// counting answers every request with a number, and notes what comes on which
// connection.
type counting struct {
	sums  atomic.Int64
	mu    sync.Mutex
	lines []string
}

func (c *counting) request(connection int, p *peer) bool {
	line, ok := p.line()
	if !ok {
		return false
	}
	c.mu.Lock()
	c.lines = append(c.lines, fmt.Sprint(connection, ": ", line))
	c.mu.Unlock()
	return true
}

func (c *counting) answer(connection int, p *peer) bool {
	return c.request(connection, p) && p.say("%d\r\n", c.sums.Add(1))
}

// What came, or went, while a connection was idle: the operation is sent once,
// on a new connection, and is answered there. `incr` shows both: a surplus number
// has the shape of the answer, and a repetition counts twice.
func TestWhatHappenedToAnIdleConnectionIsKnownBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	own := a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour))
	for name, spoil := range map[string]func(*peer){
		"a late surplus reply":                  func(p *peer) { p.say("999\r\n") },
		"half of one":                           func(p *peer) { p.say("9") },
		"a surplus reply and the end":           func(p *peer) { p.say("999\r\n"); _ = p.Close() },
		"the end":                               func(p *peer) { _ = p.Close() },
		"a reset":                               reset,
		"a reply that was half sent, and reset": func(p *peer) { p.say("9"); reset(p) },
	} {
		for _, over := range []string{"TCP", "TLS"} {
			t.Run(name+" over "+over, func(t *testing.T) {
				t.Parallel()
				var (
					server counting
					dialer watched
					now    = make(chan struct{})
				)
				cfg := memcached.Config{Timeout: long, DialContext: dialer.dial}
				cfg.Servers = []string{onLoopback(t, func(connection int, p *peer) {
					if over == "TLS" {
						p = securedPeer(p, own)
					}
					if server.answer(connection, p) && connection == 1 {
						<-now
						spoil(p)
					}
					for server.answer(connection, p) {
					}
				})}
				if over == "TLS" {
					cfg.TLS = &tls.Config{RootCAs: a.pool()}
				}
				_, n := open(t, cfg)
				before := int64(0)
				for want := uint64(1); want <= 3; want++ {
					sum, err := n.Incr(t.Context(), "k", 1)
					if err != nil || sum != want {
						t.Fatalf("%d, %v, want %d", sum, err, want)
					}
					if want == 1 {
						close(now)
						dialer.arrived(t)
						before = dialer.conns[0].times.Load()
					}
				}
				if more := dialer.conns[0].times.Load() - before; more != 0 {
					t.Errorf("the spoilt connection was written to %d times", more)
				}
				if got := strings.Join(server.lines, ", "); got != "1: incr k 1, 2: incr k 1, 2: incr k 1" {
					t.Errorf("the server has seen %s", got)
				}
			})
		}
	}
}

func reset(p *peer) {
	nc := p.Conn
	if secured, ok := nc.(*tls.Conn); ok {
		nc = secured.NetConn()
	}
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.Close()
}

// securedPeer speaks TLS on the connection of a peer.
func securedPeer(p *peer, own tls.Certificate) *peer {
	return newPeer(tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{own}}))
}

// A surplus reply that came together with the answer, in a record of its own, is
// already off the connection and inside crypto/tls, where the kernel knows
// nothing of it.
func TestASurplusReplyInsideTLSIsKnownBeforeTheConnectionIsUsed(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	own := a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour))
	var server counting
	addr := onLoopback(t, func(connection int, p *peer) {
		both := &bundled{Conn: p.Conn}
		p = newPeer(tls.Server(both, &tls.Config{Certificates: []tls.Certificate{own}}))
		if connection == 1 && server.request(connection, p) {
			both.hold = true
			p.say("%d\r\n", server.sums.Add(1))
			both.hold = false
			p.say("999\r\n")
		}
		for server.answer(connection, p) {
		}
	})
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, TLS: &tls.Config{RootCAs: a.pool()}})
	for want := uint64(1); want <= 3; want++ {
		if sum, err := n.Incr(t.Context(), "k", 1); err != nil || sum != want {
			t.Fatalf("%d, %v, want %d", sum, err, want)
		}
	}
}

// bundled keeps what is written while hold is set, for the next write to take along.
type bundled struct {
	net.Conn
	hold bool
	kept []byte
}

func (b *bundled) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if b.hold {
		return len(p), nil
	}
	_, err := b.Conn.Write(b.kept)
	b.kept = nil
	return len(p), err
}

// What a probe cannot see: the surplus reply comes behind the request. With a key
// of its own it is found out; see probe.go for what is not.
func TestASurplusReplyBehindTheRequestIsFoundByItsKey(t *testing.T) {
	t.Parallel()
	addr := onLoopback(t, func(connection int, p *peer) {
		for request := 1; ; request++ {
			line, ok := p.line()
			if !ok {
				return
			}
			if connection == 1 && request == 2 {
				p.say("VALUE old 0 3 9\r\nold\r\nEND\r\n")
			}
			p.say("VALUE %s 0 3 9\r\nnew\r\nEND\r\n", strings.TrimPrefix(line, "gets "))
		}
	})
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
	get(t, n, "old")
	if err := ask(t.Context(), n, "k"); err == nil {
		t.Error("another key's reply was taken")
	}
	if got := get(t, n, "k"); string(got.Value) != "new" {
		t.Errorf("k is %q", got.Value)
	}
}
