package memcached

// lane.go is one gomemcache client with one connection, and what one operation
// needs around it: its deadline, its interruption, its one retry. How a lane comes
// to a connection is in dial.go.

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// longAgo as a deadline interrupts a connection.
var longAgo = time.Unix(1, 0)

// lane is used by one operation at a time, from begin to end. The fields
// without a comment of their own belong to that operation. Those below mu are
// shared with the function that interrupts it.
type lane struct {
	pool        *pool
	client      *memcache.Client // keeps at most the one connection
	interrupted chan struct{}    // receives when an interruption has done its work
	interrupter func()           // l.interrupt, made once
	era         uint64           // the pool's era when the connection was dialed

	ctx      context.Context // gomemcache passes none to dial
	began    time.Time       // when the operation took the lane; it may have waited for it
	deadline time.Time
	heard    uint64      // the pool's count of answers at that moment
	stop     func() bool // ends the watch over ctx; nil without one
	dialed   bool        // the connection is new: it was not in the pool before
	clean    bool        // the operation ran to its end
	reply    reply
	fault    error  // what the dialer or the connection reported, reply included
	request  []byte // room for one, see gets.go

	mu   sync.Mutex
	conn *conn // nil: none, or closed
	cut  bool  // ctx has ended
}

func newLane(p *pool) *lane {
	l := &lane{pool: p, interrupted: make(chan struct{}, 1), reply: reply{largest: p.largest}}
	l.interrupter = l.interrupt
	l.client = memcache.NewFromSelector(&p.addr)
	l.client.Timeout = p.timeout
	l.client.MaxIdleConns = 1
	l.client.DialContext = l.give
	return l
}

// begin gives the lane to an operation: everything it does ends at the deadline,
// or when ctx ends.
func (l *lane) begin(ctx context.Context, deadline time.Time) {
	l.ctx, l.deadline = ctx, deadline
	l.dialed, l.clean, l.fault = false, false, nil
	l.dropUnusable()

	l.mu.Lock()
	l.cut = false
	if l.conn != nil {
		_ = l.conn.Conn.SetDeadline(deadline) // fails on a closed connection, and so will the next read
	}
	l.mu.Unlock()
	l.watch(ctx)
}

// watch has ctx interrupt the lane. The deadline is on the connection, and a ctx of the
// engine's can leave its part of that out.
func (l *lane) watch(ctx context.Context) {
	l.stop = watch(ctx, l.interrupter)
}

// watch runs f when ctx ends, until stop is called; nil: it never ends.
func watch(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(interface {
		Interrupts(f func()) (stop func() bool)
	}); ok {
		return c.Interrupts(f)
	}
	if ctx.Done() != nil {
		return context.AfterFunc(ctx, f)
	}
	return nil
}

// end takes the lane back from its operation. An interruption that has begun is
// waited for:
//
//  1. the operation has its answer, ctx ends, interrupt starts
//  2. the lane returns to the pool, the next operation sets its deadline
//  3. interrupt sets the deadline to longAgo, and the next operation fails
func (l *lane) end() {
	if l.stop != nil && !l.stop() {
		<-l.interrupted
	}
	l.stop, l.ctx = nil, nil
}

func (l *lane) interrupt() {
	l.mu.Lock()
	l.cut = true
	if l.conn != nil {
		_ = l.conn.Conn.SetDeadline(longAgo)
	}
	l.mu.Unlock()
	l.interrupted <- struct{}{}
}

// dropUnusable closes a connection from the pool that is not fit for a request.
// Nobody interrupts the lane yet, so what the probe does to deadlines disturbs none.
func (l *lane) dropUnusable() {
	c := l.connection()
	if c == nil {
		return
	}
	switch c.probe.state() {
	case usable:
		return
	case dead:
		l.pool.endEra(l.era)
	}
	_ = l.close()
}

// call runs one request of the client that asks for no values.
func (l *lane) call(request func(*memcache.Client) error) error { return l.ask(0, request) }

// ask runs one request of the client, whose reply may hold as many values. If the
// connection came from the pool and proves dead, it runs the request once more on
// a new connection, within the same deadline. A server that was restarted leaves
// every pooled connection dead, so the pool drops the others too; without that
// each would cost its operation a failure, one after the other.
func (l *lane) ask(values int, request func(*memcache.Client) error) error {
	err := l.try(values, request)
	if l.dialed || !isLost(l.fault) {
		return err
	}
	l.pool.endEra(l.era)
	l.fault = nil
	return l.try(values, request)
}

func (l *lane) try(values int, request func(*memcache.Client) error) error {
	l.reply.reset(values)
	if l.connection() == nil {
		if err := l.dial(); err != nil {
			return err
		}
	}
	return request(l.client)
}

// isLost reports whether a connection failed because the other side is gone: it
// said so, or, which is ETIMEDOUT, the kernel's keep-alives had no answer.
func isLost(fault error) bool {
	return errors.Is(fault, io.EOF) || errors.Is(fault, syscall.ECONNRESET) || errors.Is(fault, syscall.EPIPE) ||
		errors.Is(fault, syscall.ETIMEDOUT)
}

// isMute reports whether the connection gave no answer up to the deadline of an
// operation that could wait for one. A caller who allows less than a tenth of
// Config.Timeout learns nothing about the connection.
func (l *lane) isMute() bool {
	return isTimeout(l.fault) && !time.Now().Before(l.deadline) && l.deadline.Sub(l.began) >= l.pool.timeout/10
}

// distrust drops the connection although gomemcache was content with it.
func (l *lane) distrust(why error) error {
	l.fault = why
	_ = l.close()
	return why
}

func (l *lane) detach() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
}

func (l *lane) connection() *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// close closes the connection, wherever it is: with gomemcache, or not there yet.
func (l *lane) close() error {
	err := l.client.Close()
	if c := l.connection(); c != nil {
		err = errors.Join(err, c.Close())
	}
	return err
}
