package memcached

// dial.go is how a lane without a connection comes to one: dialed, secured and
// logged in within the time of the operation that needs it, and given to the
// lane's gomemcache client when that asks.
//
// The client could dial by itself, but for several keys it does so in a goroutine
// of its own, where a panic of the application's DialContext ends the process.

import (
	"context"
	"errors"
	"net"
	"time"
)

// dialError is a fault from before the first request: the server was not
// reached, or did not let us in.
type dialError struct {
	missing string // what did not come, if time ran out
	err     error
}

func (e dialError) Error() string { return e.err.Error() }
func (e dialError) Unwrap() error { return e.err }

func (l *lane) dial() error {
	l.dialed, l.era = true, l.pool.currentEra()
	err := l.pool.login.ask(time.Now())
	if err == nil {
		err = l.connect()
	}
	if err == nil {
		return nil
	}
	if !errors.As(err, new(dialError)) {
		err = dialError{"connection", err}
	}
	l.fault = err
	return err
}

func (l *lane) connect() error {
	ctx, cancel := context.WithDeadline(l.ctx, l.deadline)
	defer cancel()
	nc, err := l.pool.dial(ctx, l.pool.addr.network, l.pool.addr.name)
	if err != nil {
		return err
	}
	c := l.attach(nc)
	if err := l.pool.login.present(nc); err != nil {
		_ = c.Close()
		return dialError{"answer to the login", err}
	}
	return nil
}

// attach puts a new connection under the operation's deadline, or under its
// interruption when that came while the connection was being dialed.
func (l *lane) attach(nc net.Conn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = &conn{Conn: nc, lane: l}
	l.conn.probe.aim(nc)
	deadline := l.deadline
	if l.cut {
		deadline = longAgo
	}
	_ = nc.SetDeadline(deadline)
	return l.conn
}

// give is the client's DialContext. The connection is there already, see try.
func (l *lane) give(context.Context, string, string) (net.Conn, error) {
	if c := l.connection(); c != nil {
		return c, nil
	}
	return nil, net.ErrClosed
}
