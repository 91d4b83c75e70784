package memo

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The poller is how this process hears of the others: it reads the counter, and
// the records of the invalidations that were counted since. It alone brings a
// Node back that was down.

// mostPolls is how often in a row the log is read while there is more of it.
const mostPolls = 32

// follow polls until the cache is closed, or the Node has left.
func (d *domain) follow() {
	defer close(d.followed)
	tick := time.NewTicker(d.cache.cfg.PollInterval)
	defer tick.Stop()
	for {
		d.catchUp(d.life)
		d.cache.log.writeLeftOut()
		select {
		case <-d.cache.stop:
		case <-d.parted:
		case <-tick.C:
		}
		select { // a poll that hung has left several ready
		case <-d.cache.stop:
			return
		case <-d.parted:
			return
		default:
		}
	}
}

// catchUp returns when a poll that began after the call has ended, or ctx has.
func (d *domain) catchUp(ctx context.Context) {
	before := d.begun.Load()
	select {
	case d.polling <- struct{}{}:
	case <-ctx.Done():
		return
	case <-d.life.Done(): // Close keeps the token
		return
	}
	if d.begun.Load() > before { // while this caller waited; one at a time, so it has ended
		<-d.polling
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.pollAll()
		<-d.polling
	}()
	select {
	case <-done:
	case <-ctx.Done(): // others wait for what it finds
	}
}

// endPolls returns when no poll is under way, and none comes any more.
func (d *domain) endPolls() error {
	<-d.followed
	d.polling <- struct{}{}
	return nil
}

// pollAll reads the log until there is no more of it.
func (d *domain) pollAll() {
	d.begun.Add(1)
	for more, i := true, 0; more && i < mostPolls; i++ {
		more = d.poll()
	}
	select {
	case <-d.attached:
	default:
		close(d.attached)
		d.cache.members.asked()
	}
}

// poll reads the log once, and reports whether there is more of it.
func (d *domain) poll() (more bool) {
	d.mu.Lock()
	wanted := d.log.Wanted()
	before := d.log.Covered()
	d.mu.Unlock()
	names := make([]string, 1, 1+len(wanted))
	names[0] = d.space.Seq()
	for _, n := range wanted {
		names = append(names, d.space.Record(n))
	}
	items := make([]tier.Item, len(names))

	began := d.cache.clock.Exact()
	ctx, cancel := context.WithTimeout(d.life, d.cache.cfg.WriteTimeout)
	defer cancel()
	err := d.readTimed(ctx, names, items)
	if err != nil {
		d.pollFailed(began, err)
		return false
	}
	seq, err := wire.ParseSeq(items[0].Value)
	if err != nil {
		if err := d.newCounter(ctx, items[0]); err != nil {
			d.pollFailed(began, err)
			return false
		}
		return true
	}
	records := make([][]byte, len(wanted))
	for i := range records {
		records[i] = items[i+1].Value
	}
	act := d.apply(began, seq, wanted, records)
	if err := d.attend(ctx, began, act); err != nil {
		d.pollFailed(began, err)
		return false
	}
	d.reached(before, seq, items[0])
	return act.More
}

// pollFailed notes that a poll that began at began did not reach the Node.
func (d *domain) pollFailed(began int64, err error) {
	d.failed(err)
	if !d.reachable() {
		d.cache.members.hear(func(r *roster.Roster, now int64) { r.Failed(now, began, d.node.Name()) })
	}
}

// apply carries out what a reading of the log asks for. Only then it says that
// this process has applied it: a load inside of a load relies on that.
func (d *domain) apply(began int64, seq uint64, wanted []uint64, records [][]byte) coherence.Action {
	d.mu.Lock()
	act := d.log.Read(began, seq, wanted, records)
	anew := d.epoch != 0 && !coherence.SameEpoch(seq, d.epoch)
	d.epoch = seq
	d.mu.Unlock()
	if anew {
		d.epochs.Add(1)
		d.foundEpoch(seq)
	}
	if act.Lost {
		d.purges.Add(1)
	}
	if act.Purge {
		d.home.fences.everything()
	}
	for _, r := range act.Drop {
		d.cache.heardOf(r)
		switch r.About {
		case wire.Tags, wire.Trees:
			d.home.fences.heard(r)
			continue
		case wire.Members: // roster.go
			continue
		}
		for _, key := range r.Names {
			d.cache.dropOlder(r.About, key, r.Seq)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log.Done()
	d.position.Store(d.log.Covered())
	if act.Complete {
		d.covered.Store(began)
		d.horizon.Store(began + d.bound.Load())
	}
	return act
}

// reached decides what a poll that found the Node means, and delivers what
// waits. before is what was applied when the Node was last heard of.
func (d *domain) reached(before, seq uint64, counter tier.Item) {
	d.mu.Lock()
	ret := d.health.Polled(d.cache.clock.Exact())
	d.mu.Unlock()
	// What was queued until now goes first, and no more than that: while the Node counts as
	// down every write is queued as well, and writers can be faster than deliveries.
	if !d.deliverQueue(d.life) {
		return
	}
	switch ret {
	case coherence.Stay:
		d.refresh()
	case coherence.Attach:
		d.back(false)
	case coherence.Replay:
		d.back(true)
	case coherence.Rotate:
		anew := before == 0 || !coherence.SameEpoch(before, seq)
		if !anew {
			ctx, cancel := context.WithTimeout(d.life, d.cache.cfg.WriteTimeout) // the queue may have taken all of the poll's
			defer cancel()
			var err error
			if anew, err = d.rotate(ctx, seq, counter); err != nil {
				d.failed(err) // down still: the next poll tries again
				return
			}
		}
		d.back(!anew)
	}
	d.deliverQueue(d.life)
}
