package chaos

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// link.go is one connection of a client, and the one that it has to the target.

// most is the size of a chunk: requests and replies beyond it are several.
const most = 32 << 10

// link has two goroutines, one a direction.
type link struct {
	proxy          *Proxy
	client, server *net.TCPConn
	sent           int64 // bytes of replies
}

// requests carries what the client sends, until it has left and all of it is
// delivered: the server must hear the last request of a client that did not
// wait.
func (l *link) requests() {
	buf := make([]byte, most)
	for {
		n, err := l.client.Read(buf)
		if n > 0 && !l.request(buf[:n]) {
			return
		}
		if err != nil {
			_ = l.server.CloseWrite() // it may be gone as well
			return
		}
	}
}

// request delivers one chunk, and reports whether the connection goes on.
func (l *link) request(chunk []byte) bool {
	p := l.proxy
	p.count(func(c *Counts) *int { return &c.Requests })
	f := p.now()
	switch {
	case happens(f.Cut):
		p.count(func(c *Counts) *int { return &c.Cut })
		l.cut()
		return false
	case happens(f.Reset):
		p.count(func(c *Counts) *int { return &c.Reset })
		l.reset()
		return false
	case happens(f.Late):
		p.count(func(c *Counts) *int { return &c.Late })
		if !p.wait(f.late()) {
			return false
		}
	}
	if happens(f.Again) {
		p.count(func(c *Counts) *int { return &c.Again })
		copied, late := bytes.Clone(chunk), f.late()
		p.tasks.Go(func() { p.again(copied, late) })
	}
	if !p.pass(f.Requests) {
		return false
	}
	_, err := l.server.Write(chunk)
	return err == nil
}

// again delivers a request on a connection of its own, and waits until it must
// have been executed.
func (p *Proxy) again(request []byte, late time.Duration) {
	if !p.wait(late) || !p.pass(Way{}) {
		return
	}
	c, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		return // the server is gone, and what is under way with it
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		return
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, c) // until the server has read all of it, and hangs up
}

// replies carries what the target answers. It outlives the other direction, and
// so it is here that a link ends.
func (l *link) replies() {
	defer l.leave()
	buf := make([]byte, most)
	for {
		n, err := l.server.Read(buf)
		if n > 0 && !l.reply(buf[:n]) || err != nil {
			return
		}
	}
}

// reply delivers one chunk, and reports whether the connection goes on.
func (l *link) reply(chunk []byte) bool {
	p := l.proxy
	f := p.now()
	if !p.pass(f.Replies) {
		return false
	}
	cut := false
	switch left := f.CutAfter - l.sent; {
	case happens(f.Truncate):
		p.count(func(c *Counts) *int { return &c.Truncated })
		chunk, cut = chunk[:rand.N(len(chunk))], true
	case f.CutAfter > 0 && int64(len(chunk)) >= left:
		p.count(func(c *Counts) *int { return &c.Cut })
		chunk, cut = chunk[:max(left, 0)], true
	case happens(f.Surplus):
		p.count(func(c *Counts) *int { return &c.Surplus })
		copied, late := bytes.Clone(chunk), f.late()
		p.tasks.Go(func() {
			if p.wait(late) {
				_, _ = l.client.Write(copied) // if it is still there
			}
		})
	}
	n, err := l.client.Write(chunk)
	l.sent += int64(n)
	return err == nil && !cut
}

// cut closes both sides.
func (l *link) cut() {
	_ = l.client.Close()
	_ = l.server.Close()
}

// reset closes both sides, the client's by a reset.
func (l *link) reset() {
	_ = l.client.SetLinger(0)
	l.cut()
}

func (l *link) leave() {
	l.cut()
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	delete(l.proxy.links, l)
}
