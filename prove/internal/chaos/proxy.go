// Package chaos is a TCP proxy that is unreliable on purpose. It stands between
// one worker and memcached, so that each process of a fleet can have a bad
// network of its own. It is a leaf, and knows nothing of memcached but that
// requests and replies are small.
//
//	worker ──requests──▶ Proxy ──▶ memcached
//	       ◀──replies───       ◀──
//
// A partition ([Proxy.Partition]) holds everything, and what it held is delivered
// by [Proxy.Heal], also that of clients which have left meanwhile: so does TCP,
// which goes on to send again.
package chaos

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy forwards connections to one target. Its methods may be called
// concurrently.
type Proxy struct {
	target   string
	listener net.Listener
	tasks    sync.WaitGroup
	closed   chan struct{}

	mu     sync.Mutex
	faults Faults
	gate   chan struct{} // closed: bytes pass
	links  map[*link]struct{}
	counts Counts
}

// Listen returns a Proxy without faults, on a free port of the loopback
// interface. The target need not be there yet.
func Listen(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("chaos: listen: %w", err)
	}
	p := &Proxy{target: target, listener: l, closed: make(chan struct{}), gate: make(chan struct{}), links: map[*link]struct{}{}}
	close(p.gate)
	p.tasks.Go(p.accept)
	return p, nil
}

// Addr is where clients connect to, "127.0.0.1:port".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set replaces the faults, also of connections that are open.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Partition holds all bytes, both ways, until Heal. Connections are accepted, as
// a kernel does for a server that hangs.
func (p *Proxy) Partition() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.whole() {
		p.gate = make(chan struct{})
	}
}

// Heal ends a partition.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.whole() {
		close(p.gate)
	}
}

func (p *Proxy) whole() bool {
	select {
	case <-p.gate:
		return true
	default:
		return false
	}
}

// ResetAll resets all open connections.
func (p *Proxy) ResetAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Counts returns what has happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Close ends all connections, and drops what is under way. The second call does
// nothing.
func (p *Proxy) Close() error {
	p.mu.Lock()
	select {
	case <-p.closed:
		p.mu.Unlock()
		return nil
	default:
	}
	close(p.closed)
	for l := range p.links {
		l.cut()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.tasks.Wait()
	return err
}

// accept takes clients until the listener is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // that client has left already, or there are too many
			p.wait(time.Millisecond)
			continue
		}
		p.tasks.Go(func() { p.connect(client.(*net.TCPConn)) })
	}
}

// connect gives client a connection of its own to the target. Without a target
// it is reset, which is as near as a proxy comes to a refusal.
func (p *Proxy) connect(client *net.TCPConn) {
	server, err := net.DialTimeout("tcp", p.target, time.Second)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	l := &link{proxy: p, client: client, server: server.(*net.TCPConn)}
	if !p.add(l) {
		l.cut()
		return
	}
	p.tasks.Go(l.replies)
	l.requests()
}

// add keeps l for Close to find, unless Close was there already.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return false
	default:
	}
	p.counts.Connections++
	p.links[l] = struct{}{}
	return true
}

// pass returns when a chunk has arrived that takes the way w; false: never.
func (p *Proxy) pass(w Way) bool {
	if !p.wait(w.takes()) {
		return false
	}
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-p.closed:
		return false
	}
}

func (p *Proxy) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.closed:
		return false
	}
}

// now returns the faults of this moment.
func (p *Proxy) now() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// count adds one to a field of the Counts.
func (p *Proxy) count(field func(*Counts) *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*field(&p.counts)++
}
