package memo

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A new epoch makes everything void that is stored: InvalidateAll asks for one,
// and the poller after an outage.

// rotateEvery is how often the fleet may begin a new epoch because of an outage:
// one process that keeps losing the Node must not empty everyone's cache.
const rotateEvery = time.Minute

// rotate begins a new epoch after an outage, so that nothing that was stored
// before it counts: a process that died in it may have taken invalidations with
// it that nobody else knows of. It reports false if that was done within the
// last minute.
func (d *domain) rotate(ctx context.Context, seq uint64, counter tier.Item) (bool, error) {
	if due, err := d.takeTurn(ctx); !due || err != nil {
		return false, err
	}
	next, err := d.newEpoch(ctx, counter, seq)
	if err != nil {
		d.drawn.Store(0) // if it began all the same, the next poll tells the log of it
		return false, err
	}
	d.owing = false
	d.restart(next)
	d.cache.log.newEpoch(d.node.Name())
	return true, nil
}

// takeTurn places the guard that keeps others from doing the same for a minute.
// From then on this process owes the epoch:
//
//  1. the guard is placed, and its answer is lost, or the counter cannot be moved
//  2. the next poll finds the guard, and takes it for that of an epoch that began
func (d *domain) takeTurn(ctx context.Context) (bool, error) {
	place, mine := d.space.Rotation(), wire.AppendSeq(nil, d.cache.source)
	err := d.timed(ctx, "add", func(ctx context.Context) error { return d.node.Add(ctx, place, mine, rotateEvery) })
	if !isExists(err) {
		d.owing = true
		return true, err
	}
	if !d.owing {
		return false, nil
	}
	guard := make([]tier.Item, 1)
	err = d.readTimed(ctx, []string{place}, guard)
	if err != nil {
		return false, err
	}
	d.owing = !guard[0].Found() || bytes.Equal(guard[0].Value, mine)
	return d.owing, nil
}

// newEpoch moves the counter, last read as seq in counter, to a new epoch.
func (d *domain) newEpoch(ctx context.Context, counter tier.Item, seq uint64) (uint64, error) {
	for {
		next := coherence.NewEpoch(rand.Uint64(), seq)
		d.drawn.Store(next) // before a poll can find it
		value := wire.AppendSeq(nil, next)
		err := d.putTimed(ctx, d.space.Seq(), counter, value)
		if err == nil || !tier.IsAnswer(err) || errors.Is(err, tier.ErrRefused) { // of which the last would be refused again, at once and for as long as ctx lasts
			return next, err
		}
		items := make([]tier.Item, 1) // somebody counted in between
		err = d.readTimed(ctx, []string{d.space.Seq()}, items)
		if err != nil {
			return 0, err
		}
		counter = items[0]
		if n, err := wire.ParseSeq(counter.Value); err == nil {
			seq = n
		}
	}
}

// restart begins to read the log at seq, in an epoch that this process began.
func (d *domain) restart(seq uint64) {
	d.home.fences.everything()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log.Restart(seq)
	d.position.Store(d.log.Covered())
}

// foundEpoch tells the log of an epoch that a poll has met, unless this process
// has begun it: an outage has a line of its own, and InvalidateAll a caller.
func (d *domain) foundEpoch(seq uint64) {
	if !coherence.SameEpoch(seq, d.drawn.Load()) {
		d.cache.log.beganAnew(d.node.Name())
	}
}
