package memcached

// pool.go keeps the lanes that no operation is using. An operation takes one, or
// makes one, and puts it back.

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

var errClosed = errors.New("memcached: the client is closed, as by the Close of a cache that had it")

// pool is a stack, so that a quiet process uses few connections and the server
// may close the others.
//
// gomemcache's own pool would not do: it hands one connection to whichever call
// comes, with a deadline per read and no way to reach the connection of a call.
type pool struct {
	addr    address
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	timeout time.Duration
	keep    int // most idle lanes

	mu      sync.Mutex
	idle    []*lane // each has an open connection; the last was used last
	running int     // lanes that are taken
	quiet   sync.Cond
	era     uint64 // connections of an earlier era are not trusted to be alive
	heard   uint64 // operations that left their connection in order: the server answered them
	closed  bool
}

func newPool(cfg Config, addr address) *pool {
	p := &pool{addr: addr, dial: cfg.DialContext, timeout: cfg.Timeout, keep: cfg.MaxIdleConns}
	p.quiet.L = &p.mu
	return p
}

func (p *pool) take() (*lane, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	p.running++
	last := len(p.idle) - 1
	if last < 0 {
		return newLane(p), nil
	}
	l := p.idle[last]
	l.heard = p.heard
	p.idle[last] = nil
	p.idle = p.idle[:last]
	return l, nil
}

// put takes a lane back. It is kept if its operation ran to the end, which a
// panic in a connection prevents, and if its connection is open and of this era.
func (p *pool) put(l *lane) {
	l.end()
	if p.keepIdle(l) {
		return
	}
	_ = l.close()
	if l.isMute() {
		p.endMuteEra(l)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release()
}

func (p *pool) keepIdle(l *lane) bool {
	if !l.clean || !l.connected() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard++
	if p.closed || l.era != p.era || len(p.idle) >= p.keep {
		return false
	}
	p.idle = append(p.idle, l)
	p.release()
	return true
}

func (p *pool) release() {
	p.running--
	if p.running == 0 {
		p.quiet.Broadcast()
	}
}

func (p *pool) currentEra() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.era
}

// endEra is told that a pooled connection of era was found dead, and drops
// every idle one. Many operations find that out at the same moment, and only the
// first may do so:
//
//  1. A and B find their pooled connections dead
//  2. A drops the idle ones, succeeds on a new connection and puts it back
//  3. B would drop A's new connection
func (p *pool) endEra(era uint64) {
	p.mu.Lock()
	var dead []*lane
	if era == p.era {
		p.era++
		dead, p.idle = p.idle, nil
	}
	p.mu.Unlock()
	_ = closeAll(dead)
}

// endMuteEra is told that l was mute, and drops every idle connection, unless the
// server answered somebody meanwhile and so is only slow:
//
//  1. the machine of the server dies, and its name is given to another one
//  2. nobody is left to close the old connections: each of the idle ones would
//     cost an operation its whole time, one after the other
func (p *pool) endMuteEra(l *lane) {
	p.mu.Lock()
	slow := p.heard != l.heard
	p.mu.Unlock()
	if !slow {
		p.endEra(l.era)
	}
}

func (p *pool) close() error {
	p.mu.Lock()
	idle := p.idle
	p.closed, p.idle = true, nil
	for p.running > 0 {
		p.quiet.Wait()
	}
	p.mu.Unlock()
	return closeAll(idle)
}

// closeAll is not called under mu: to close a TLS connection is to write to it.
func closeAll(lanes []*lane) error {
	var errs []error
	for _, l := range lanes {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}
