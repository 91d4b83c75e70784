package memcached

// pipeline.go is where many small requests to one server become one: what comes while
// aloneAtOnce others are under way is written together with what comes meanwhile, on one
// connection, and the replies are read in turn. A batch of a hundred loads is a hundred
// leases, a hundred looks and a hundred fills, each of them a write, a read and the
// wake-up of two processes; together they take a third of the time (shared_bench_test.go
// of package memo). Nobody waits for company: who is alone goes alone.
//
// Each request keeps its own time and its own end. Where anything but an answer comes
// back, or nothing although others are answered, those without one go alone, in what is
// left of their time, and find out there what is wrong: nothing here says so.

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

// together runs r with others, if there are many, else fn on a lane of its own. What is
// said of do holds for both.
func (n *node) together(ctx context.Context, op string, keys []string, r *request, fn func(*lane) error) error {
	if !r.small() {
		r.alone = true
		return n.do(ctx, op, keys, fn)
	}
	deadline, now, err := n.allowed(ctx, op, keys)
	if err != nil {
		return err
	}
	p := n.pool
	if r.deadline = deadline; p.boards(r, now) {
		if err := n.ride(ctx, op, now, deadline, r); err != errUnanswered {
			return err
		}
		r.alone = true
		if now = time.Now(); !now.Before(deadline) {
			return n.overtime(ctx, op, deadline)
		}
		return n.doBy(ctx, op, now, deadline, fn)
	}
	r.alone = true
	defer p.alights()
	return n.doBy(ctx, op, now, deadline, fn)
}

// ride waits for the answer to r, which others send. After half of its time it leaves a
// train that others have overtaken:
//
//  1. thirty reads of one batch are on a connection that a machine in between has forgotten
//  2. the time of all is up at once, which is more failures in a row than the engine takes
//  3. it counts the server as down, which answers on every other connection
//
// Where nobody has, the server is only slow, and would have to answer twice.
func (n *node) ride(ctx context.Context, op string, now, deadline time.Time, r *request) error {
	caller, life := ends(ctx)
	timer := n.pool.timer(deadline.Sub(now) / 2)
	defer n.pool.idles(timer)
	for arrived := false; !arrived; {
		select {
		case <-r.arrived:
			arrived = true
		case <-caller:
			return n.overtime(ctx, op, deadline)
		case <-life:
			return n.overtime(ctx, op, deadline)
		case <-timer.C:
			if !time.Now().Before(deadline) {
				return n.overtime(ctx, op, deadline)
			}
			if n.pool.hasAnswered(now) {
				return errUnanswered
			}
			timer.Reset(time.Until(deadline))
		}
	}
	if r.err == tier.ErrRefused {
		return fmt.Errorf("memcached: %s on %s: %w: %s", op, n.name, r.err, shown(r.said))
	}
	return r.err
}

// ends are closed when ctx ends; nil: never. The engine's ctx has the two at hand, and
// would have to make its Done of them, for each request.
func ends(ctx context.Context) (caller, life <-chan struct{}) {
	if c, ok := ctx.(interface {
		Ends() (caller, life <-chan struct{})
	}); ok {
		return c.Ends()
	}
	return ctx.Done(), nil
}

// timer rings after d. It is one that another request has had, if there is one: a new one
// takes three allocations.
func (p *pool) timer(d time.Duration) *time.Timer {
	if t, _ := p.timers.Get().(*time.Timer); t != nil {
		t.Reset(d)
		return t
	}
	return time.NewTimer(d)
}

// idles takes t back.
func (p *pool) idles(t *time.Timer) {
	t.Stop()
	p.timers.Put(t)
}

// hasAnswered reports whether the server has answered who began after then.
func (p *pool) hasAnswered(then time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered.After(then)
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

// hurries sends those who have waited for a train that does not come back; where none of
// them does, they go alone, as who comes after them.
func (p *pool) hurries() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.waits.requests) == 0:
	case p.trains < mostTrains:
		p.departs()
	case time.Since(p.departed) > stuck:
		p.waits.unanswered()
		p.waits.arrives()
	default:
		p.hurry.Reset(stuck)
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
		defer p.rests()
		for t := p.nextTrain(); t != nil; t = p.nextTrain() {
			p.send(t)
		}
	}()
}

// rests ends what departs began. Somebody may have boarded since there was nothing to
// send, or a Goexit of the application's connection has ended it.
func (p *pool) rests() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trains--
	switch {
	case len(p.waits.requests) > 0:
		p.departs()
	case p.trains == 0:
		p.quiet.Broadcast()
	}
}

// nextTrain is what waits; nil: nothing.
func (p *pool) nextTrain() *train {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waits.requests) == 0 {
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

// send sends t, and tells each of its requests what became of it. It takes as long as any
// of them may.
func (p *pool) send(t *train) {
	defer func() {
		_ = recover() // of the application's connection, which who goes alone sees
		t.arrives()
		p.mu.Lock()
		p.spare = t
		p.mu.Unlock()
	}()
	t.unanswered()
	now := time.Now()
	deadline := now
	for _, r := range t.requests {
		if r.deadline.After(deadline) {
			deadline = r.deadline
		}
	}
	if !deadline.After(now) { // all have left
		return
	}
	l, err := p.take(context.Background(), now, deadline)
	if err != nil {
		return
	}
	defer p.put(l)
	l.begin(context.Background(), deadline)
	_ = l.try(0, func(*memcache.Client) error { return l.exchange(t) }) // and not once more: some may be answered
	l.clean = true
}
