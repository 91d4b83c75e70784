package memcached

// pipeline.go is where many small requests to one server become one: what comes while
// aloneAtOnce others are under way is written together with what comes meanwhile, on one
// connection, and the replies are read in turn. A batch of a hundred loads is a hundred
// leases, a hundred looks and a hundred fills, each of them a write, a read and the
// wake-up of two processes; together they take a third of the time (shared_bench_test.go
// of package memo). Nobody waits for company: who is alone goes alone.
//
// Each request keeps its own time and its own end. Where anything but an answer comes
// back, those without one go alone, in what is left of their time, and find out there
// what is wrong: nothing here says so.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/memo/tier"
)

const (
	aloneAtOnce = 2        // requests that are under way without company; 8 made a tenth less of it
	mostTrains  = 4        // pipelines at once
	mostRequest = 16 << 10 // bytes of a request that is small, and that a lane keeps room for
	mostTrain   = 32 << 10 // bytes of a pipeline, after which nobody may join: they fit the buffers of a connection, so that neither side waits for the other to read
	fewKeys     = 8        // of a gets that is small
)

// stuck is how long anybody waits for a train to come back. Else:
//
//  1. a machine in between has forgotten some of the connections
//  2. two requests and a train are on such ones, and hang
//  3. everybody else waits for them, with a pool full of connections that are in order
const stuck = 5 * time.Millisecond

var errUnanswered = errors.New("the server did not answer")

// train is requests that wait to be sent together. What they say is copied when they
// board: whose time is up leaves, and owns it again.
type train struct {
	text     []byte
	requests []*request
}

// together runs r with others, if there are many, else fn on a lane of its own. What is
// said of do holds for both.
func (n *node) together(ctx context.Context, op string, keys []string, r *request, fn func(*lane) error) error {
	if !r.small() {
		return n.do(ctx, op, keys, fn)
	}
	deadline, now, err := n.allowed(ctx, op, keys)
	if err != nil {
		return err
	}
	p := n.pool
	if p.boards(r, now) {
		if err := n.ride(ctx, op, deadline, r); err != errUnanswered {
			return err
		}
		r.items = nil
		if now = time.Now(); !now.Before(deadline) {
			return n.overtime(ctx, op, deadline)
		}
		return n.doBy(ctx, op, now, deadline, fn)
	}
	defer p.alights()
	return n.doBy(ctx, op, now, deadline, fn)
}

// ride waits for the answer to r, which others send.
func (n *node) ride(ctx context.Context, op string, deadline time.Time, r *request) error {
	cut := make(chan struct{}, 1)
	stop := watch(ctx, func() { cut <- struct{}{} })
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	if stop != nil {
		defer stop()
	}
	select {
	case <-r.arrived:
	case <-cut:
		if err := ctx.Err(); err != nil {
			return n.wrap(op, err)
		}
		return n.overtime(ctx, op, deadline)
	case <-timer.C:
		return n.overtime(ctx, op, deadline)
	}
	if r.err == tier.ErrRefused {
		return fmt.Errorf("memcached: %s on %s: %w: %s", op, n.name, r.err, shown(r.said))
	}
	return r.err
}

// overtime tells whose time is up before there was an answer.
func (n *node) overtime(ctx context.Context, op string, deadline time.Time) error {
	switch {
	case ctx.Err() != nil:
		return n.wrap(op, ctx.Err())
	case endsWith(ctx, deadline):
		return n.wrap(op, context.DeadlineExceeded)
	}
	return fmt.Errorf("memcached: %s on %s: no answer within %v: %w", op, n.name, n.pool.timeout, os.ErrDeadlineExceeded)
}

// boards has r go with the next train; false: it goes alone, and alights.
func (p *pool) boards(r *request, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.alone < aloneAtOnce, len(p.waits.text) > mostTrain, p.trains == mostTrains && now.Sub(p.departed) > stuck, p.most <= aloneAtOnce+mostTrains, p.closed != nil:
		p.alone++
		return false
	}
	r.arrived, r.keys = make(chan struct{}, 1), slices.Clone(r.keys)
	p.waits.text = r.append(p.waits.text)
	p.waits.requests = append(p.waits.requests, r)
	switch {
	case p.trains == 0:
		p.departs()
	case len(p.waits.requests) > 1:
	case p.hurry == nil:
		p.hurry = time.AfterFunc(stuck, p.hurries)
	default:
		p.hurry.Reset(stuck)
	}
	return true
}

// hurries sends those who have waited for a train that does not come back.
func (p *pool) hurries() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waits.requests) > 0 && p.trains < mostTrains {
		p.departs()
	}
}

// alights ends a request that went alone. Its place is that of all who wait.
func (p *pool) alights() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alone--
	if len(p.waits.requests) > 0 && p.trains < mostTrains {
		p.departs()
	}
}

// departs begins to send what waits. Under mu.
func (p *pool) departs() {
	p.trains++
	p.departed = time.Now()
	go func() {
		for t := p.nextTrain(); t != nil; t = p.nextTrain() {
			p.send(t)
		}
	}()
}

// nextTrain is what waits; nil: nothing, and who asks ends.
func (p *pool) nextTrain() *train {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waits.requests) == 0 {
		p.trains--
		if p.trains == 0 {
			p.quiet.Broadcast()
		}
		return nil
	}
	p.departed = time.Now()
	t := p.waits
	if p.waits = p.spare; p.waits == nil {
		p.waits = &train{}
	}
	p.spare = nil
	return t
}

// send sends t, and tells each of its requests what became of it.
func (p *pool) send(t *train) {
	defer func() {
		_ = recover() // of the application's connection, which who goes alone sees
		for _, r := range t.requests {
			r.arrived <- struct{}{}
		}
		clear(t.requests)
		t.text, t.requests = t.text[:0], t.requests[:0]
		p.mu.Lock()
		p.spare = t
		p.mu.Unlock()
	}()
	for _, r := range t.requests {
		r.err = errUnanswered
	}
	now := time.Now()
	deadline := now.Add(p.timeout)
	l, err := p.take(context.Background(), now, deadline)
	if err != nil {
		return
	}
	defer p.put(l)
	l.begin(context.Background(), deadline)
	_ = l.try(0, func(*memcache.Client) error { return l.exchange(t) }) // and not once more: some may be answered
	l.clean = true
}

// exchange writes t, and reads the answers to its requests, in their order.
func (l *lane) exchange(t *train) error {
	c := l.connection()
	if _, err := c.Write(t.text); err != nil {
		return l.distrust(err)
	}
	buf, _ := l.pool.buffers.Get().(*[bufferSize]byte)
	if buf == nil {
		buf = new([bufferSize]byte)
	}
	defer l.pool.buffers.Put(buf)
	a := answer{from: c.Conn, reply: &l.reply, buf: buf[:]}
	for i, r := range t.requests {
		a.further = i < len(t.requests)-1
		if err := a.of(r); err != nil {
			r.err = errUnanswered
			return l.distrust(err)
		}
	}
	return nil
}
