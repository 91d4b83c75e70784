package memo

import (
	"context"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Where an invalidation waits that the shared tier did not hear: until the poller
// (poll.go) finds that it answers, or Close tries for the last time. deliver.go says
// how it is told then.

// told is what an invalidation tells the shared tier.
type told struct {
	about wire.Subject
	names []string
}

// everything as a Subject is what no names stand for.
const everything wire.Subject = 0

// suspend queues what could not be delivered. From now on reads of it do not use
// the shared tier.
func (d *domain) suspend(what told) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if what.about == everything {
		d.pending.AddAll()
	} else {
		d.pending.Add(what.about, what.names...)
	}
	d.waiting.Store(int64(d.pending.Len()))
}

// leastPortion is how many queued names are delivered at once on a Node that takes too
// long for more.
const leastPortion = 8

// deliverQueue delivers what is queued now, and reports whether nothing of it is left
// that could not be. Only the poller calls it.
func (d *domain) deliverQueue(ctx context.Context) bool {
	for left := d.waiting.Load(); left > 0 && d.waiting.Load() > 0; {
		d.mu.Lock()
		b := d.pending.Next(d.portion)
		d.mu.Unlock()
		began := d.cache.clock.Exact()
		err := d.deliverBatch(ctx, b)
		if err != nil && tier.IsAnswer(err) && !b.All { // refused, and will be: everything, in place of it
			d.suspend(told{})
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
		d.waiting.Store(int64(d.pending.Len()))
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

func (d *domain) deliverBatch(ctx context.Context, b coherence.Batch) error {
	if b.All {
		return d.deliverAll(ctx)
	}
	numbers, err := d.deliver(ctx, b.About, b.Names)
	if err != nil {
		return err
	}
	d.settled(numbers) // applied here when it was queued
	return nil
}

// orQueue tells the Node of what, or queues that.
func (d *domain) orQueue(what told, tell func() error) error {
	if !d.reachable() {
		d.suspend(what)
		return deferred(nil)
	}
	err := tell()
	if err == nil {
		return nil
	}
	d.suspend(what)
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

// deliverLast delivers what is queued before the process goes, and returns what
// could not be. It tries again until the deadline of ctx: a server that restarts
// while its clients are deployed comes back within it. Without one it tries once,
// as nobody has said how long the process may wait.
func (d *domain) deliverLast(ctx context.Context) undelivered {
	_, limited := ctx.Deadline()
	for ctx.Err() == nil && !d.deliverPending(ctx) && limited {
		_ = sleep(ctx, min(d.cache.cfg.PollInterval, mostRetry))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return undelivered{keys: d.pending.Len(), all: d.pending.All()}
}
