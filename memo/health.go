package memo

import (
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

// A Node that does not answer is not asked again by those who read or write:
// only the poller is, and brings it back. Each change is logged once.

// failed notes that a poll or an invalidation did not reach the Node.
func (d *domain) failed(err error) {
	if d.life.Err() != nil {
		return // Close has cut it short
	}
	d.change(err, d.health.Failed)
}

// readFailed notes that a read did not.
func (d *domain) readFailed(err error) {
	if d.life.Err() != nil {
		return
	}
	d.failing.Store(true)
	d.change(err, d.health.ReadFailed)
}

// change tells d.health of a failure, and the log if that is the one too many.
func (d *domain) change(err error, failed func(now int64) (down bool)) {
	name, now := d.node.Name(), d.cache.clock.Exact()
	d.mu.Lock()
	defer d.mu.Unlock()
	if failed(now) {
		d.cache.log.tierDown(name, err)
	}
	d.show(now)
}

// readAnswered notes that the Node answered a read, which is news only after one
// that failed.
func (d *domain) readAnswered() {
	if !d.failing.Load() {
		return
	}
	d.failing.Store(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.health.Answered(d.cache.clock.Exact())
}

// back takes the Node into use. With calm, reads wait a little.
func (d *domain) back(calm bool) {
	name, now := d.node.Name(), d.cache.clock.Exact()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.health.State(now) != coherence.Starting {
		d.cache.log.tierUp(name)
	}
	d.health.Back(now, calm)
	d.show(now)
}

// refresh lets reads use the Node when its time has come.
func (d *domain) refresh() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.show(d.cache.clock.Exact())
}

// show makes what reads look at agree with d.health. d.mu is held: of two changes
// at once the later one must not be shown first.
func (d *domain) show(now int64) {
	state := d.health.State(now)
	if up := state == coherence.Up; d.up.Swap(up) != up {
		d.since = time.Now()
	}
	bound := d.cache.cfg.StaleBound
	if state == coherence.Down {
		bound = d.cache.cfg.OutageBound
	}
	d.bound.Store(int64(bound - slack))
	d.horizon.Store(d.covered.Load() + d.bound.Load())
}

// reachable reports whether one that writes should try to reach the Node.
func (d *domain) reachable() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.health.State(d.cache.clock.Exact()) != coherence.Down
}
