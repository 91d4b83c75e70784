package memcached_test

// chaos_test.go is a proxy before a real memcached that does to requests and
// replies what networks and dying servers do.

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fault is what happens to the bytes on a link. Each function passes on what it
// likes of p, and returns false to end the link; nil passes everything.
type fault struct {
	request, reply func(l *link, p []byte) bool
	onlyOld        bool // links that are made after the fault began have none
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	born           *fault        // the fault at its beginning
	over           chan struct{} // closed when the client has left
}

// after waits like a slow network, and returns false if the client leaves first.
func (l *link) after(d time.Duration) bool {
	select {
	case <-l.over:
		return false
	case <-time.After(d):
		return true
	}
}

type chaos struct {
	addr  string
	fault atomic.Pointer[fault]
}

var none fault

func newChaos(t testing.TB, server string) *chaos {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := &chaos{addr: l.Addr().String()}
	c.fault.Store(&none)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { c.serve(client, server) })
		}
	})
	t.Cleanup(func() {
		must(t, l.Close())
		group.Wait()
	})
	return c
}

func (c *chaos) serve(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	l := &link{client: client, server: server, born: c.fault.Load(), over: make(chan struct{})}
	var replies sync.WaitGroup
	replies.Go(func() {
		defer client.Close()
		c.pump(l, server, client, func(f *fault) func(*link, []byte) bool { return f.reply })
	})
	c.pump(l, client, server, func(f *fault) func(*link, []byte) bool { return f.request })
	close(l.over)
	_ = server.Close()
	replies.Wait()
}

func (c *chaos) pump(l *link, from, to net.Conn, side func(*fault) func(*link, []byte) bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		f := c.fault.Load()
		hurt := side(f)
		if hurt == nil || f.onlyOld && l.born == f {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
			continue
		}
		if !hurt(l, buf[:n]) {
			return
		}
	}
}

// abort ends a connection with a reset.
func abort(nc net.Conn) {
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.Close()
}
