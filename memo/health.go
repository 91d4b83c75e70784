package memo

import (
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

// A Node that does not answer is not asked again by those who read or write:
// only the poller is, and brings it back. Each change is logged once.

// failed notes that a poll or an invalidation did not reach the Node.
func (d *domain) failed(err error) {
	d.mu.Lock()
	down := d.health.Failed(d.cache.clock.Exact())
	d.mu.Unlock()
	d.wentDown(down, err)
}

func (d *domain) wentDown(down bool, err error) {
	if !down {
		return
	}
	d.setUp(false)
	d.setBound(d.cache.cfg.OutageBound)
	d.cache.cfg.Logger.Warn("memo: the shared tier does not answer: reads go on without it, invalidations wait for it",
		"cache", d.cache.cfg.Name, "tier", d.node.Name(), "error", err)
}

// back takes the Node into use. With calm, reads wait a little.
func (d *domain) back(calm bool) {
	now := d.cache.clock.Exact()
	d.mu.Lock()
	first := d.health.State(now) == coherence.Starting
	d.health.Back(now, calm)
	d.mu.Unlock()
	d.setBound(d.cache.cfg.StaleBound)
	d.refresh()
	if !first {
		d.cache.cfg.Logger.Info("memo: the shared tier answers again", "cache", d.cache.cfg.Name, "tier", d.node.Name())
	}
}

// refresh lets reads use the Node when its time has come.
func (d *domain) refresh() {
	d.mu.Lock()
	up := d.health.State(d.cache.clock.Exact()) == coherence.Up
	d.mu.Unlock()
	d.setUp(up)
}

func (d *domain) setUp(up bool) {
	if d.up.Swap(up) == up {
		return
	}
	d.mu.Lock()
	d.since = time.Now()
	d.mu.Unlock()
}

// reachable reports whether an invalidation should try to reach the Node.
func (d *domain) reachable() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.health.State(d.cache.clock.Exact()) != coherence.Down
}
