package memo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Where an invalidation waits that the shared tier did not hear: until the poller
// (poll.go) finds that it answers, or Close tries for the last time. deliver.go says
// how it is told then.

// suspend queues what could not be delivered. From now on reads of it do not use
// the shared tier. With several, other Nodes are concerned, too.
func (d *domain) suspend(what told, several bool) {
	if left := d.queue(what, several); left && (several || what.about != everything) {
		d.cache.members.owe(what)
	}
}

// queue is suspend, unless the Node has left: it reports that.
func (d *domain) queue(what told, several bool) (left bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heirs {
		return true
	}
	add := func(p *coherence.Pending) {
		if what.about == everything {
			p.AddAll()
		} else {
			p.Add(what.about, what.names...)
		}
	}
	d.pending.Most = mostKeys
	if d.health.State(d.cache.clock.Exact()) != coherence.Down {
		d.pending.Most = mostBeside // it is to be told again, or cannot be told yet: a new epoch would be of what is right
	}
	add(&d.pending)
	if several {
		add(&d.others)
	}
	d.showQueue()
	return false
}

// showQueue makes what reads look at agree with the queue. d.mu is held.
func (d *domain) showQueue() {
	d.waiting.Store(int64(d.pending.Len()))
	d.beside.Store(int64(d.others.Len()))
}

// mostBeside bounds what waits for one Node and concerns others, and what waits for one that
// is there. It is far more than what waits for one that is away, since beyond it they begin
// anew: for that one it is nothing.
const mostBeside = 1 << 16

// leastPortion is how many queued names are delivered at once on a Node that takes too
// long for more.
const leastPortion = 8

// deliverQueue delivers what is queued now, and reports whether nothing of it is left
// that could not be. Only the poller calls it.
func (d *domain) deliverQueue(ctx context.Context) bool {
	for left := d.waiting.Load(); left > 0 && d.waiting.Load() > 0; {
		d.mu.Lock()
		b := d.pending.Next(d.portion, d.pending.Turn())
		upTo := d.others.Turn()
		d.mu.Unlock()
		began := d.cache.clock.Exact()
		err := d.deliverBatch(ctx, b, upTo)
		if errors.Is(err, errBehind) {
			return false
		}
		if err != nil && tier.IsAnswer(err) && !b.All { // refused, and will be: everything, in place of it
			d.suspend(told{}, false)
			continue
		}
		if err != nil {
			if took := d.cache.clock.Exact() - began; took >= int64(d.cache.cfg.WriteTimeout/10) { // else fewer would fail as well
				d.portion = max(d.portion/4, leastPortion)
			}
			d.failed(err)
			return false
		}
		d.portion = min(2*d.portion, mostKeys)
		d.mu.Lock()
		d.pending.Delivered(b)
		if !b.All {
			b.Turn = upTo
			d.others.Delivered(b)
		}
		d.showQueue()
		d.mu.Unlock()
		left -= int64(max(len(b.Names), 1))
	}
	return true
}

// deliverPending is deliverQueue until the queue is empty, for when nobody adds to it.
func (d *domain) deliverPending(ctx context.Context) bool {
	for d.waiting.Load() > 0 {
		if !d.deliverQueue(ctx) {
			return false
		}
	}
	return true
}

// deliverBatch delivers what waits for this Node; and once more what other Nodes were
// told of it up to the turn upTo, whose values may be made of those that stood here
// meanwhile. What is queued from now on has to wait until this Node was told of it:
//
//  1. everything waits for this Node, which is about to begin a new epoch
//  2. another process loads a row there; it is invalidated, and what is made of it elsewhere, and that waits
//  3. the others are told again, and somebody makes the one anew of the old other
func (d *domain) deliverBatch(ctx context.Context, b coherence.Batch, upTo uint64) error {
	v := d.cache.members.now.Load()
	if _, complete := v.TellAll(nil); !d.cache.closed() && !(complete && v.Fresh(d.cache.clock.Exact())) {
		return errBehind // each try would count, and so keep everybody from hearing all
	}
	var err error
	if b.All {
		err = d.anew(ctx)
		for err == nil { // in place of what had no room in the queue; the others are told of what had
			d.mu.Lock()
			rest := d.others.Next(mostKeys, upTo)
			d.mu.Unlock()
			if !rest.All && len(rest.Names) == 0 {
				break
			}
			err = d.tellAgain(ctx, v, rest, true)
			d.mu.Lock()
			d.others.Delivered(rest)
			d.mu.Unlock()
		}
	} else {
		err = d.tellAgain(ctx, v, b, false)
	}
	if err == nil && d.cache.members.now.Load() != v { // it may have to be told elsewhere
		return errBehind
	}
	return err
}

// tellAgain tells all Nodes of b, or all but this one, and returns what this one says. With
// several it is tried alone before: where it does not take what it is told, the others
// would be told in vain, at each poll, and hold nothing of that any more.
func (d *domain) tellAgain(ctx context.Context, v *view, b coherence.Batch, done bool) (err error) {
	what := told{b.About, b.Names}
	parts, _ := v.parts(what, func(o *domain) bool { return done && o == d })
	for _, p := range parts {
		if p.domain != d && !p.domain.reachable() { // d is about to count as back
			p.err = errAway
		}
	}
	if !done && len(parts) > 1 {
		alone, _ := v.parts(what, func(o *domain) bool { return o != d })
		d.cache.deliver(ctx, what, alone)
		for _, p := range alone {
			if p.err != nil {
				return p.err
			}
			d.settled(p.numbers)
		}
	}
	d.cache.deliver(ctx, what, parts)
	for _, p := range parts {
		switch {
		case p.err == nil:
			p.domain.settled(p.numbers) // applied here when it was queued
		case p.domain == d:
			err = p.err
		case tier.IsAnswer(p.err): // refused. Where this one refuses as well, the two would else queue it for each other, without end
			p.domain.suspend(told{}, false)
		default:
			p.domain.suspend(what, true)
		}
	}
	return err
}

// anew begins a new epoch within the time of an invalidation.
func (d *domain) anew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.cache.cfg.WriteTimeout)
	defer cancel()
	return d.beginAnew(ctx)
}

// errBehind says that this process has to hear first who there is to tell.
var errBehind = errors.New("memo: it is not known which servers are in use")

// orQueue tells the Node of what, or queues that.
func (d *domain) orQueue(what told, tell func() error) error {
	if !d.reachable() {
		d.suspend(what, false)
		return deferred(nil)
	}
	err := tell()
	if err == nil {
		return nil
	}
	d.suspend(what, false)
	if !tier.IsAnswer(err) {
		d.failed(err)
	}
	return deferred(err)
}

// deferred is what the caller of an invalidation gets that waits.
func deferred(cause error) error {
	if cause == nil {
		return ErrDeferred
	}
	return fmt.Errorf("%w: %w", ErrDeferred, cause)
}

// mostRetry is the longest pause between two tries of deliverLast.
const mostRetry = time.Second

// deliverLast delivers what is queued before the process goes. It tries again until the
// deadline of ctx: a server that restarts while its clients are deployed comes back within
// it. Without one it tries once, as nobody has said how long the process may wait.
func (d *domain) deliverLast(ctx context.Context) {
	_, limited := ctx.Deadline()
	for ctx.Err() == nil && !d.deliverPending(ctx) && limited {
		_ = sleep(ctx, min(d.cache.cfg.PollInterval, mostRetry))
	}
}

// undelivered is what is queued still.
func (d *domain) undelivered() undelivered {
	d.mu.Lock()
	defer d.mu.Unlock()
	return undelivered{keys: d.pending.Len(), all: d.pending.All()}
}
