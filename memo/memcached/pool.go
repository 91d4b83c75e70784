package memcached

// pool.go keeps the lanes that no operation is using. An operation takes one, or
// makes one, and puts it back.

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

var (
	errClosed = errors.New("memcached: the client is closed, as by the Close of a cache that had it")
	errEnded  = errors.New("memcached: the Node is closed, as by a cache whose list of servers it had left")
)

// pool is a stack, so that a quiet process uses few connections and the server
// may close the others. Taken and idle lanes together are never more than most,
// and no lane has more than one connection, so neither are those.
//
// gomemcache's own pool would not do: it hands one connection to whichever call
// comes, with a deadline per read and no way to reach the connection of a call,
// and it dials for everyone who comes.
type pool struct {
	addr    address
	dial    dialer
	login   *login // nil: none is asked for
	timeout time.Duration
	most    int // lanes at once, taken and idle
	keep    int // most idle lanes
	largest int // most bytes of a value

	mu       sync.Mutex
	idle     []*lane   // each has an open connection; the last was used last
	running  int       // lanes that are taken, or are being closed
	waiting  list.List // of *waiter, in the order of their coming; see queue.go
	quiet    sync.Cond
	era      uint64      // connections of an earlier era are not trusted to be alive
	heard    uint64      // operations that left their connection in order: the server answered them
	answered time.Time   // when the youngest of those began
	buffers  sync.Pool   // of *[bufferSize]byte, see gets.go
	timers   sync.Pool   // of *time.Timer that have been stopped, see pipeline.go
	waits    *train      // what is sent together next, see pipeline.go
	spare    *train      // nil, or the room of one that was sent
	alone    int         // small requests that are under way without company
	trains   int         // goroutines that send what waits
	hurry    *time.Timer // nil: nobody has waited for a train yet
	departed time.Time   // when one began to send last
	closed   error       // why no operation is served any more; nil: they are
}

func newPool(cfg Config, addr address, login *login) *pool {
	p := &pool{addr: addr, dial: cfg.DialContext, login: login, timeout: cfg.Timeout,
		most: cfg.MaxConns, keep: cfg.MaxIdleConns, largest: cfg.MaxItemSize}
	p.quiet.L, p.waits = &p.mu, &train{}
	return p
}

// take returns a lane, after a wait for one if need be. The lane's time begins
// when it is taken: what passes before tells nothing about its connection.
func (p *pool) take(ctx context.Context, now, deadline time.Time) (*lane, error) {
	l, turn, err := p.takeNow()
	if turn != nil {
		l, err = p.await(ctx, deadline, turn)
		now = time.Now()
	}
	if err != nil {
		return nil, err
	}
	l.began = now
	return l, nil
}

// takeNow returns a lane, or a place in the queue.
func (p *pool) takeNow() (*lane, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return nil, nil, p.closed
	}
	if last := len(p.idle) - 1; last >= 0 {
		l := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		p.running++
		return p.lend(l), nil, nil
	}
	if p.running < p.most {
		p.running++
		return p.lend(newLane(p)), nil, nil
	}
	return nil, p.enqueue(), nil
}

// lend is called under mu for a lane that is counted as running.
func (p *pool) lend(l *lane) *lane {
	l.heard = p.heard
	return l
}

// put takes a lane back from an operation. Its connection is kept if the
// operation ran to its end, which a panic in a connection prevents.
func (p *pool) put(l *lane) {
	l.end()
	if l.clean && p.pass(l, true) {
		return
	}
	defer p.release(1) // also when the application's connection panics
	_ = l.close()
	if l.isMute() {
		p.endMuteEra(l)
	}
}

// pass gives a lane to the next in the queue, or to the idle ones, if its
// connection is open and of this era. answered says that the server left it so.
func (p *pool) pass(l *lane, answered bool) bool {
	if l.connection() == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if answered {
		p.heard++
		if l.began.After(p.answered) {
			p.answered = l.began
		}
	}
	if p.closed != nil || l.era != p.era {
		return false
	}
	if w := p.next(); w != nil {
		w.turn <- p.lend(l)
		return true
	}
	if len(p.idle) >= p.keep {
		return false
	}
	p.idle = append(p.idle, l)
	p.free()
	return true
}

// release gives the places of lanes whose connections are closed to the next in
// the queue, each with a new lane, or frees them.
func (p *pool) release(places int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range places {
		if w := p.next(); w != nil {
			w.turn <- p.lend(newLane(p))
			continue
		}
		p.free()
	}
}

func (p *pool) free() {
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
		p.running += len(dead) // until they are closed
	}
	p.mu.Unlock()
	defer p.release(len(dead))
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

// close returns when no connection is left, whoever closes it: a Node and its
// Client may be closed at the same time, and each promises that.
func (p *pool) close(why error) error {
	p.mu.Lock()
	idle := p.idle
	p.closed, p.idle = cmp.Or(p.closed, why), nil
	p.running += len(idle) // until they are closed
	p.dismiss()
	if p.hurry != nil {
		p.hurry.Stop()
	}
	p.mu.Unlock()

	err := p.closeIdle(idle)

	p.mu.Lock()
	defer p.mu.Unlock()
	for p.running > 0 || p.trains > 0 {
		p.quiet.Wait()
	}
	return err
}

func (p *pool) closeIdle(idle []*lane) error {
	defer p.release(len(idle))
	return closeAll(idle)
}

// closeAll is not called under mu: an application's connection may take its time.
func closeAll(lanes []*lane) error {
	var errs []error
	for _, l := range lanes {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}
