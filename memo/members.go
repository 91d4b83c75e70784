package memo

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside every path: which Nodes there are. The list of this process may change at any
// time, and need not be that of the others; internal/roster decides what that means, from
// what roster.go reads of the Nodes, and view.go is what calls see of it.

// members are the Nodes of the shared tier, each with its domain.
type members struct {
	cache *Cache
	space keys.Space
	now   atomic.Pointer[view]
	ready chan struct{} // closed when the Nodes were asked who they are, however that ended
	until int64         // who comes later waits for ready no more
	first sync.Once     // when all of them were asked once

	mu      sync.Mutex // taken before a domain's; no I/O under it
	roster  *roster.Roster
	domains map[string]*domain // of the Nodes of the list, and of those that left it a while ago
	owed    []told             // before there was a Node to tell

	follows sync.WaitGroup // of the pollers, and of who watches the list
	watched chan struct{}  // closed when nobody watches it any more; nil: it is fixed
}

// settle is how long this process may be without a word from a Node before it counts as
// stopped: a poll or two, and a record that is given up.
func (cfg *Config) settle() time.Duration { return cfg.StaleBound + 4*cfg.WriteTimeout }

// open begins to follow the Nodes.
func (m *members) open(c *Cache, space keys.Space) {
	m.cache, m.space, m.ready, m.domains = c, space, make(chan struct{}), map[string]*domain{}
	m.until = after(c.clock.Exact(), c.cfg.WriteTimeout)
	nodes := c.cfg.Shared.Nodes()
	if c.cfg.Shared.Fixed() && len(nodes) == 1 {
		d := newDomain(c, nodes[0], space)
		m.domains[nodes[0].Name()] = d
		m.now.Store(&view{roster.Fixed(nodes[0].Name()), m.domains, []*domain{d}})
		m.follows.Go(d.follow)
		return
	}
	m.watched = make(chan struct{})
	m.roster = roster.New(c.cfg.PlacementKey, int64(c.cfg.settle()), c.clock.Exact(), namesOf(nodes))
	m.list(nodes)
	m.follows.Go(m.watch)
}

func namesOf(nodes []tier.Node) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name()
	}
	return names
}

// watch looks whether the list of Nodes has changed.
func (m *members) watch() {
	defer close(m.watched)
	tick := time.NewTicker(m.cache.cfg.PollInterval)
	defer tick.Stop()
	for none := false; ; {
		select {
		case <-m.cache.stop:
			return
		case <-tick.C:
		}
		nodes := m.cache.cfg.Shared.Nodes()
		m.list(nodes)
		if before := none; m.cache.clock.Exact() > m.until {
			if none = len(nodes) == 0; none && !before {
				m.cache.log.noServers()
			}
		}
	}
}

// list takes nodes for the list of this process.
func (m *members) list(nodes []tier.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cache.clock.Exact()
	var joined []*domain
	for _, n := range nodes {
		d := m.domains[n.Name()]
		if before := d; d == nil || d.node != n {
			if d = newDomain(m.cache, n, m.space); before != nil { // another Node of that name
				m.part(before)
				d.inherit(before)
			}
			m.domains[n.Name()] = d
			joined = append(joined, d)
		}
		d.gone = 0
	}
	names := namesOf(nodes)
	if !slices.Equal(m.roster.List(), slices.Compact(slices.Sorted(slices.Values(names)))) {
		m.roster.Own(now, names)
	}
	_, unused := m.roster.Snapshot(now).TellAll(nil) // by anybody is what this list does not have
	for name, d := range m.domains {
		switch {
		case slices.Contains(names, name):
		case d.gone == 0:
			d.gone = now
		case unused || d.clean() && now-d.gone > int64(m.cache.cfg.settle()):
			m.part(d)
		}
	}
	m.look(now)
	m.passOn()
	for _, d := range joined {
		m.follows.Go(d.follow)
	}
}

// part parts with d. m.mu is held.
func (m *members) part(d *domain) {
	delete(m.domains, d.node.Name())
	m.owed = append(m.owed, d.bequeath()...)
	m.follows.Go(d.leave)
}

// leave ends d, whose Node is on no list of this process any more.
func (d *domain) leave() {
	close(d.parted)
	d.quit()
	d.leases.close()
	_ = d.endPolls()
	if c, ok := d.node.(io.Closer); ok {
		_ = c.Close()
	}
}

// hear tells the roster something, and shows what it makes of that.
func (m *members) hear(about func(r *roster.Roster, now int64)) {
	if m.roster == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cache.clock.Exact()
	about(m.roster, now)
	m.look(now)
}

// look shows what the roster says now. m.mu is held.
func (m *members) look(now int64) {
	old, snap := m.now.Load(), m.roster.Snapshot(now)
	if old != nil && old.Snapshot == snap && maps.Equal(old.domains, m.domains) {
		return
	}
	v := &view{Snapshot: snap, domains: maps.Clone(m.domains)}
	for _, name := range slices.Sorted(maps.Keys(v.domains)) {
		v.all = append(v.all, v.domains[name])
	}
	m.now.Store(v)
	for _, d := range v.all {
		d.home.fences.again() // its keys may be elsewhere by now
	}
	for _, d := range old.domainsNotIn(v) {
		d.home.fences.again() // and those of a Node that has gone are
	}
}

// asked notes that one more Node was asked for the first time.
func (m *members) asked() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.domains {
		select {
		case <-d.attached:
		default:
			return
		}
	}
	m.first.Do(func() {
		if m.roster != nil && m.roster.Young() && !m.cache.closed() {
			m.follows.Go(m.found)
		} else {
			close(m.ready)
		}
	})
}

// found tells the Nodes of a new fleet who is in use, which takes all of them to be asked
// before: at once, where the next polls would do it.
func (m *members) found() {
	defer close(m.ready)
	for range 3 { // each Node is told, and then each process that was about to do the same
		all := m.all()
		_ = each(len(all), len(all), func(i int) error { all[i].catchUp(all[i].life); return nil })
	}
}

// attach waits until the Nodes were asked who they are, so that the first call of a
// process finds the shared tier. Afterwards it costs nothing, and where they were not asked
// within Config.WriteTimeout of New neither.
func (m *members) attach(ctx context.Context) {
	if m.ready == nil {
		return // there is no shared tier
	}
	select {
	case <-m.ready:
		return
	default:
	}
	left := time.Duration(m.until - m.cache.clock.Exact())
	if left <= 0 {
		return // a list without an answer must not hold up every call
	}
	ctx, cancel := context.WithTimeout(ctx, min(left, m.cache.cfg.ReadTimeout))
	defer cancel()
	select {
	case <-m.ready:
	case <-ctx.Done():
	}
}

// close ends the polls, and delivers what is queued. It returns what could not be.
func (m *members) close(ctx context.Context) (lost undelivered, err error) {
	if m.watched != nil { // else there may be one more, that nobody closes
		_ = within(ctx, func() error { <-m.watched; return nil })
	}
	m.mu.Lock()
	all := slices.Collect(maps.Values(m.domains))
	m.mu.Unlock()
	errs := make([]error, len(all))
	for round := range 2 { // what one has to deliver may become what others have to tell again
		_ = each(len(all), len(all), func(i int) error {
			d := all[i]
			defer context.AfterFunc(ctx, d.quit)()
			if round == 0 {
				errs[i] = within(ctx, d.endPolls)
			}
			d.deliverLast(ctx)
			return nil
		})
	}
	lost = m.debt()
	for _, d := range all {
		lost.add(d.undelivered())
		d.quit()
	}
	errs = append(errs, within(ctx, func() error {
		m.follows.Wait()
		for _, d := range all {
			d.leases.close()
		}
		return nil
	}))
	return lost, errors.Join(errs...)
}
