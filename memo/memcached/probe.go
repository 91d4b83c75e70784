package memcached

// probe.go looks at a connection from the pool before the first byte is sent on
// it. What is already known to be dead, or holds bytes that nobody asked for, is
// not used: the operation is on a new connection from the start, and so is sent
// once.
//
// What comes later cannot be told by looking. A reply that is late enough to
// arrive behind the request and before its answer is seen by its key, if it has
// one, or by what follows it; where it has the shape of the answer and the key of
// the question, it is taken for the answer, and the real one costs the connection.

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

type state int

const (
	usable state = iota // as far as can be seen without sending
	dirty               // there are bytes that no request waits for
	dead                // the server has closed it, or it has failed
)

// probe looks at one connection. On a system, or with a connection, that cannot
// be looked at, it says usable; the reply is followed byte by byte in any case.
type probe struct {
	raw     syscall.RawConn // nil: cannot be looked at
	secured *tls.Conn       // nil: not TLS
	look    func(fd uintptr)

	one [1]byte
	n   int
	err error
}

func (p *probe) aim(nc net.Conn) {
	if secured, ok := nc.(*tls.Conn); ok {
		p.secured, nc = secured, secured.NetConn()
	}
	if s, ok := nc.(syscall.Conn); ok {
		p.raw, _ = s.SyscallConn() // nil with an error
	}
	p.look = func(fd uintptr) { p.n, p.err = peek(fd, p.one[:]) }
}

func (p *probe) state() state {
	if p.secured != nil {
		if s := p.inside(); s != usable {
			return s
		}
	}
	if p.raw == nil {
		return usable
	}
	if err := p.raw.Control(p.look); err != nil {
		return dead // closed on this side
	}
	switch {
	case p.n > 0:
		return dirty // or, under TLS, a goodbye: what a server says of itself comes before its first answer
	case p.err == nil:
		return dead
	case errors.Is(p.err, errNothingUnread):
		return usable
	}
	return dead
}

// inside asks crypto/tls for bytes that it has taken from the connection and not
// yet given away. A deadline in the past keeps it from waiting for more; the lane
// sets another one afterwards.
func (p *probe) inside() state {
	if err := p.secured.SetReadDeadline(longAgo); err != nil {
		return dead
	}
	n, err := p.secured.Read(p.one[:])
	switch {
	case n > 0:
		return dirty
	case err == nil, isTimeout(err):
		return usable
	}
	return dead
}
