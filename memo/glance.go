package memo

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/keys"
)

// On the way down of a batch, before its loads: what stands in the shared tier for its
// keys is looked at once, by the caller himself, as Get does it. A load is two goroutines
// and a flight, and most of what a batch finds there needs none. What is not there goes
// on as a load, and takes along what was seen of it, so that it does not look again.

// ahead is what was seen for a load before it began, and who has watched its key since.
type ahead struct {
	domain *domain
	tags   []string
	at     look
	err    error
	watch  *call
	over   atomic.Bool
}

// take returns what was seen, once, if it may still be used:
//
//  1. a batch finds v1 of a key in the shared tier
//  2. an invalidation of the key returns, and finds no load here that it could mark
//  3. the load of the key begins, and keeps the v1 that was seen
//
// The watch is marked in 2. It is asked when the load is in flight, and is marked itself.
func (a *ahead) take() bool {
	if a.over.Swap(true) {
		return false
	}
	defer a.watch.Release()
	return a.watch.Keep(func() {})
}

// drop ends the watch of who will not load.
func (a *ahead) drop() {
	if a != nil && !a.over.Swap(true) {
		a.watch.Release()
	}
}

// held reports whether what was seen may still be taken.
func (a *ahead) held() bool { return a != nil && !a.over.Load() }

// first is the look with which l begins, for the tags of what it is about: the one that a
// batch has made for it, or its own.
func (l *load) first(ctx context.Context, d *domain, place string, tags []string) (look, []string, error) {
	if a := l.ahead; a != nil && a.domain == d && l.replaces == nil && a.take() {
		return a.at, a.tags, a.err
	}
	at, err := l.look(loading{ctx}, d, place, d.marks(l.key, tags))
	return at, tags, err
}

// glance answers those of members whose values are in the shared tier, and fresh, and
// returns the others. Who meets something else under way for its key goes on at once.
func (b *many[K, V]) glance(ctx context.Context, n *node, members []*member) (rest []*member) {
	if n.load != nil || n.cache.cfg.Shared == nil || len(members) == 1 {
		return members
	}
	var epoch uint64
	if n.table != nil {
		epoch = n.table.Epoch()
	}
	returned := false
	defer func() { // else a panic or a Goexit, as of a user's Local, would leave them watching
		for _, m := range members {
			if !returned {
				m.ahead.drop()
			}
		}
	}()
	looking := make([]*member, 0, len(members))
	all := make([]ahead, len(members))
	for i, m := range members {
		if m.watches(&all[i]) {
			looking = append(looking, m)
		} else {
			rest = append(rest, m)
		}
	}
	round := slices.Clone(looking)
	for i := 0; len(round) > 0 && i < mostTurns; i++ {
		lookAhead(ctx, round)
		round = slices.DeleteFunc(round, func(m *member) bool { return !m.sees() })
	}
	for _, m := range round { // the markers of the tags that it has found last were not looked at
		m.ahead.drop()
	}
	for _, m := range looking {
		if m.entry == nil && m.panicked == nil {
			if m.ahead.err != nil && impatient(ctx) {
				m.ahead.drop() // others may wait for the load, who have more time
			}
			rest = append(rest, m)
			continue
		}
		m.ahead.drop()
		if m.entry != nil {
			m.refreshLanded(ctx, landing{m.entry, m.from})
		}
		if m.entry != nil && n.table != nil {
			m.entry = entryOf(n.table.AddSince(epoch, itemOf(m.entry)))
		}
		m.seat.waits()
	}
	returned = true
	return rest
}

// watches reports whether m is to look ahead, and has it watch its key.
func (m *member) watches(a *ahead) bool {
	l, c := m.load, m.cache
	l.placed()
	d := l.domain
	if l.fresh || d == nil || l.typ.lossy != nil || l.policy.place == placeLocal || !d.isAttached() || !d.readable(l.key) || c.cfg.Local.Peek(l.key) != nil {
		return false
	}
	if a.watch = c.flights.WatchAlone(l.key); a.watch == nil {
		return false
	}
	l.begins()
	a.domain, a.tags = d, l.policy.tags
	l.ahead = a
	return true
}

// lookAhead looks for members, of each Node in one round trip.
func lookAhead(ctx context.Context, members []*member) {
	lookers := make([]looker, len(members))
	var domains []*domain
	parts := map[*domain][]*looker{}
	for i, m := range members {
		d := m.ahead.domain
		if parts[d] == nil {
			domains = append(domains, d)
		}
		w := &lookers[i]
		if w.place = d.space.Value(m.key); i > 0 && m.marksLike(members[i-1]) {
			w.marks = lookers[i-1].marks
		} else {
			w.marks = d.marks(m.key, m.ahead.tags)
		}
		parts[d] = append(parts[d], w)
	}
	_ = each(len(domains), len(domains), func(i int) error {
		domains[i].lookFor(ctx, parts[domains[i]])
		return nil
	})
	for i, m := range members {
		w := &lookers[i]
		if m.ahead.at, m.ahead.err = w.at, w.err; w.panicked != nil {
			m.panicked = w.panicked.Value
			m.from, m.err = outcomeError, &PanicError{Value: w.panicked.Value, Stack: w.panicked.Stack}
		}
	}
}

// sees judges what m has looked at, and reports whether it has to look once more, with
// the tags that it has found.
func (m *member) sees() (again bool) {
	returned := false
	defer m.rescue(&returned)
	a, l := m.ahead, m.load
	if m.panicked != nil || a.err != nil {
		returned = true
		return false
	}
	e, verdict, tags := l.judge(a.watch, a.at, a.tags)
	switch {
	case len(tags) > len(a.tags):
		a.tags, again = tags, true
	case verdict == coherence.Valid && ageOf(e, m.cache.clock.Exact(), 0) == fresh: // maybe early: see refreshLanded
		l.keep(a.watch, e)
		m.entry, m.from = e, outcomeL3
	}
	returned = true
	return again
}

// marksLike reports whether m has the markers of o, as the keys of one function have.
func (m *member) marksLike(o *member) bool {
	return m.ahead.domain == o.ahead.domain && slices.Equal(m.ahead.tags, o.ahead.tags) && keys.SameTrees(m.key, o.key)
}
