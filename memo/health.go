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
	now := d.cache.clock.Exact()
	d.mu.Lock()
	down := d.health.Failed(now)
	d.show(now)
	d.mu.Unlock()
	d.logDown(down, err)
}

// readFailed notes that a read did not.
func (d *domain) readFailed(err error) {
	if d.life.Err() != nil {
		return
	}
	d.failing.Store(true)
	now := d.cache.clock.Exact()
	d.mu.Lock()
	down := d.health.ReadFailed(now)
	d.show(now)
	d.mu.Unlock()
	d.logDown(down, err)
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

func (d *domain) logDown(down bool, err error) {
	if !down {
		return
	}
	d.cache.cfg.Logger.Warn("memo: the shared tier does not answer: reads go on without it, invalidations wait for it",
		"cache", d.cache.cfg.Name, "tier", d.node.Name(), "error", err)
}

// back takes the Node into use. With calm, reads wait a little.
func (d *domain) back(calm bool) {
	now := d.cache.clock.Exact()
	d.mu.Lock()
	first := d.health.State(now) == coherence.Starting
	d.health.Back(now, calm)
	d.show(now)
	d.mu.Unlock()
	if !first {
		d.cache.cfg.Logger.Info("memo: the shared tier answers again", "cache", d.cache.cfg.Name, "tier", d.node.Name())
	}
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

// reachable reports whether an invalidation should try to reach the Node.
func (d *domain) reachable() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.health.State(d.cache.clock.Exact()) != coherence.Down
}
