package memcached

// queue.go is where operations wait that find every connection of Config.MaxConns
// in use: in the order of their coming, each within its own time.
//
// A lane is given to the first in the queue, and not back to the pool for anyone
// to take:
//
//  1. A waits; B puts its lane back, and A is woken
//  2. C comes, finds the lane in the pool and takes it
//  3. A finds nothing, and waits behind those who came after it
//
// So as long as somebody waits, no lane is idle and all are taken.

import (
	"container/list"
	"context"
	"errors"
	"time"
)

// errBusy: the time was over before a connection was free.
var errBusy = errors.New("all connections are in use")

// waiter is an operation in the queue.
type waiter struct {
	turn  chan *lane    // holds one: the lane, or nil when the pool is closed
	place *list.Element // nil when it is no longer in the queue; under the pool's mu
}

// enqueue is called under mu, as next and dismiss are.
func (p *pool) enqueue() *waiter {
	w := &waiter{turn: make(chan *lane, 1)}
	w.place = p.waiting.PushBack(w)
	return w
}

// next takes the first waiter out of the queue; its turn must then be sent.
func (p *pool) next() *waiter {
	first := p.waiting.Front()
	if first == nil {
		return nil
	}
	w := p.waiting.Remove(first).(*waiter)
	w.place = nil
	return w
}

// dismiss sends everybody home: the pool is closed.
func (p *pool) dismiss() {
	for w := p.next(); w != nil; w = p.next() {
		w.turn <- nil
	}
}

// await returns the lane that w is given, unless its time is over first.
func (p *pool) await(ctx context.Context, deadline time.Time, w *waiter) (*lane, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case l := <-w.turn:
		return p.begun(ctx, deadline, l)
	case <-ctx.Done():
	case <-timer.C:
	}
	if l, given := p.leave(w); given {
		return p.begun(ctx, deadline, l)
	}
	return nil, errBusy
}

// leave takes w out of the queue. It may have been given its lane meanwhile:
//
//  1. w's time is over
//  2. a lane is put back, and given to w
//  3. w leaves, and nobody would ever see the lane again
func (p *pool) leave(w *waiter) (l *lane, given bool) {
	p.mu.Lock()
	if w.place != nil {
		p.waiting.Remove(w.place)
		p.mu.Unlock()
		return nil, false
	}
	p.mu.Unlock()
	return <-w.turn, true
}

func (p *pool) ending() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// begun passes a lane on that came too late. An operation whose time is over
// would fail on it at once, and cost a connection that is in order.
func (p *pool) begun(ctx context.Context, deadline time.Time, l *lane) (*lane, error) {
	if l == nil {
		return nil, p.ending()
	}
	if ctx.Err() == nil && time.Now().Before(deadline) {
		return l, nil
	}
	if !p.pass(l, false) {
		defer p.release(1)
		_ = l.close()
	}
	return nil, errBusy
}
