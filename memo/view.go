package memo

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/roster"
)

// Ahead of every path that leads to the shared tier: which Node holds a key, and which
// are told of its invalidation. What a call goes by is taken going down, and where it
// matters looked at again coming up (tell.go).

// view is what a call goes by.
type view struct {
	*roster.Snapshot
	domains map[string]*domain
	all     []*domain // sorted by name
}

// domainsNotIn are those of v that w does not have.
func (v *view) domainsNotIn(w *view) (gone []*domain) {
	if v == nil {
		return nil
	}
	for _, d := range v.all {
		if w.domains[d.node.Name()] != d {
			gone = append(gone, d)
		}
	}
	return gone
}

// all are the Nodes that are told of what is about no key.
func (m *members) all() []*domain {
	if v := m.now.Load(); v != nil {
		return v.all
	}
	return nil
}

// latest is what is known coming up from an invalidation; nil: not enough.
func (m *members) latest(ctx context.Context) *view {
	v := m.now.Load()
	if v.Fresh(m.cache.clock.Exact()) {
		return v
	}
	limited, cancel := context.WithTimeout(ctx, m.cache.cfg.WriteTimeout)
	defer cancel()
	_ = each(len(v.all), len(v.all), func(i int) error { v.all[i].catchUp(limited); return nil })
	if v = m.now.Load(); !v.Fresh(m.cache.clock.Exact()) {
		return nil
	}
	return v
}

// holder is the domain of the Node that holds key now, or nil.
func (m *members) holder(key string, now int64) *domain {
	v := m.now.Load()
	if v == nil {
		return nil
	}
	name, ok := v.Place(now, key)
	if !ok {
		return nil
	}
	return v.domains[name]
}

// settles finds out where the value of l's key is, as soon as that is known.
func (l *load) settles(ctx context.Context) {
	l.cache.members.attach(ctx)
	if l.placed(); l.domain != nil {
		l.domain.attach(ctx)
	}
}

// serves reports whether what the Node of d has may be read.
func (m *members) serves(d *domain) bool {
	v := m.now.Load()
	return v != nil && v.Serves(d.node.Name())
}

// void reports whether what the Node of d has under key, or this process from it, with
// stamp may be older than an invalidation that the Node was not told of.
func (m *members) void(d *domain, key string, stamp uint64) bool {
	v := m.now.Load()
	return v == nil || v.Void(d.node.Name(), key, stamp)
}

// placed finds out where the value of l's key is.
func (l *load) placed() { l.placedAt(l.cache.clock.Exact()) }

func (l *load) placedAt(now int64) {
	c := l.cache
	switch l.domain = c.members.holder(l.key, now); {
	case l.domain != nil:
		l.home = &l.domain.home
	case c.cfg.Shared == nil:
		l.home = &c.solo
	default:
		l.home = &c.nowhere
	}
}
