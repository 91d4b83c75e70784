package memo

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// On the way down of a batch, before its loads: what stands in the shared tier for its
// keys is looked at once, by the caller himself, as Get does it. A load is two goroutines
// and a flight, and most of what a batch finds there needs none, nor half a kilobyte that
// says how it would be loaded: one load is about each of the keys in turn. What is not
// there goes on as a load of its own, and takes along what was seen of it, so that it does
// not look again.

// ahead is what was seen for a load before it began, or had a goroutine, and how its key is
// watched since.
type ahead struct {
	looker
	domain  *domain
	tags    []string
	watch   flight.Glance[landing] // until over
	started int64                  // as a load's, and turn
	turn    uint64
	looks   bool // it is watched, and looked for
	over    atomic.Bool
}

// take returns what was seen, once, if it may still be used:
//
//  1. a batch finds v1 of a key in the shared tier
//  2. an invalidation of the key returns, and finds no load here that it could mark
//  3. the load of the key begins, and keeps the v1 that was seen
//
// The watch is marked in 2. It is asked when the load is in flight, and is marked itself.
// A leader's look needs no watch: his load was in flight before it.
func (a *ahead) take() bool {
	if a.over.Swap(true) {
		return false
	}
	return !a.looks || a.watch.End(nil)
}

// drop ends the watch of who will not load with what was seen.
func (a *ahead) drop() {
	if a.looks && !a.over.Swap(true) {
		a.watch.End(nil)
	}
}

// held reports whether what was seen may still be taken.
func (a *ahead) held() bool { return a != nil && !a.over.Load() }

// first is the look with which l begins, for the tags of what it is about: the one that its
// batch, or its leader, has made for it, or its own.
func (l *load) first(ctx context.Context, d *domain, place string, tags []string) (look, []string, error) {
	if a := l.ahead; a != nil && a.domain == d && l.replaces == nil && a.take() {
		at := a.at()
		at.exact, at.milli = l.cache.clock.Both()
		return at, a.tags, a.err
	}
	at, err := l.look(loading{ctx}, d, place, d.marks(l.key, tags))
	return at, tags, err
}

// glance answers those of r's members whose values are in the shared tier, and fresh, and
// returns the others, which are loads. Who meets something else under way for its key goes
// on at once.
func (b *many[K, V]) glance(ctx context.Context, n *node, r *row) (rest []*member) {
	members := r.members
	if n.load != nil || n.cache.cfg.Shared == nil || len(members) == 1 {
		b.embark(ctx, n, members)
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
				m.seen.drop()
			}
		}
	}()
	began := n.cache.clock.Exact()
	for _, m := range members {
		if m.watches(b.as(m), began) {
			r.looking = append(r.looking, m)
		}
	}
	looking, round := r.looking, append(r.round, r.looking...)
	for i := 0; len(round) > 0 && i < mostTurns; i++ {
		lookAhead(ctx, round)
		round = slices.DeleteFunc(round, func(m *member) bool { return !m.sees(b.as(m)) })
		for _, m := range looking {
			if s := m.seen.slabs; s != nil {
				s.giveBack()
				m.seen.slabs = nil
			}
		}
	}
	for _, m := range round { // the markers of the tags that it has found last were not looked at
		m.seen.drop()
	}
	var due, aboard []*member
	for _, m := range members {
		switch {
		case m.entry == nil && m.panicked == nil:
			if m.seen.err != nil && impatient(ctx) {
				m.seen.drop() // others may wait for the load, who have more time
			}
			rest, aboard = append(rest, m), append(aboard, m)
		case m.panicked != nil:
			m.seen.drop()
		case b.as(m).isDue(m.entry):
			due, aboard = append(due, m), append(aboard, m)
		}
	}
	b.embark(ctx, n, aboard)
	for _, m := range due {
		m.refreshBehind(ctx, m.entry)
		m.seat.waits()
	}
	if n.table != nil {
		for _, m := range looking {
			if m.entry != nil {
				m.entry = entryOf(n.table.AddSince(epoch, itemOf(m.entry)))
			}
		}
	}
	returned = true
	return rest
}

// isDue reports whether e, which is fresh in the shared tier, is to be refreshed behind
// l's caller.
func (l *load) isDue(e *tier.Entry) bool {
	return l.takesStale() && ageOf(e, l.cache.clock.Now(), l.policy.early) == early
}

// watches reports whether m, which l is about, is to look ahead, and has it watch its key.
func (m *member) watches(l *load, began int64) bool {
	l.placedAt(began)
	d := l.domain
	if l.fresh || d == nil || l.typ.lossy != nil || l.policy.place == placeLocal || !d.isAttached() || !d.readable(l.key) || l.cache.cfg.Local.Peek(l.key) != nil {
		return false
	}
	a := &m.seen
	if a.looks = l.cache.flights.Glance(&a.watch, l.key); a.looks {
		a.domain, a.tags = d, l.policy.tags
		a.started, a.turn = began, l.home.fences.turn.Load()
	}
	return a.looks
}

// lookAhead looks for members, of each Node in one round trip.
func lookAhead(ctx context.Context, members []*member) {
	var domains []*domain
	var parts [][]*looker // of each of domains
	at := 0               // of the last
	var places []byte     // all in one string
	for i, m := range members {
		a := &m.seen
		d := a.domain
		if i == 0 || d != members[i-1].seen.domain {
			if at = slices.Index(domains, d); at < 0 {
				at = len(domains)
				domains, parts = append(domains, d), append(parts, make([]*looker, 0, len(members)-i))
			}
		}
		if i > 0 && m.marksLike(members[i-1]) {
			a.marks = members[i-1].seen.marks
		} else {
			a.marks = d.marks(m.key, a.tags)
		}
		if places = d.space.AppendValue(places, m.key); i == 0 {
			places = slices.Grow(places, (len(members)-1)*(len(places)+1)) // as those of one function
		}
		a.slot = len(places)
		parts[at] = append(parts[at], &a.looker)
	}
	text, begin := keys.View(places), 0
	for _, m := range members {
		m.seen.place, begin = text[begin:m.seen.slot], m.seen.slot
	}
	_ = each(len(domains), len(domains), func(i int) error {
		domains[i].lookFor(ctx, parts[i])
		return nil
	})
	for _, m := range members {
		if p := m.seen.looker.panicked; p != nil {
			m.panicked = p.Value
			m.from, m.err = outcomeError, &PanicError{Value: p.Value, Stack: p.Stack}
		}
	}
}

// sees judges what m, which l is about, has looked at, and reports whether it has to look
// once more, with the tags that it has found.
func (m *member) sees(l *load) (again bool) {
	returned := false
	defer m.rescue(&returned)
	a := &m.seen
	if m.panicked != nil || a.err != nil {
		returned = true
		return false
	}
	if l.typ.hoards {
		a.item.Value = slices.Clone(a.item.Value)
	}
	e, verdict, tags := l.judge(nil, a.at(), a.tags)
	switch {
	case len(tags) > len(a.tags):
		a.tags, again = tags, true
	case verdict == coherence.Valid && ageOf(e, a.seen.exact, 0) == fresh: // maybe early: see isDue
		a.over.Store(true)
		a.watch.End(func() { l.put(e) })
		m.entry, m.from = e, outcomeL3
	default: // its load judges it again
		a.item.Value = slices.Clone(a.item.Value)
	}
	returned = true
	return again
}

// marksLike reports whether m has the markers of o, as the keys of one function have.
func (m *member) marksLike(o *member) bool {
	return m.seen.domain == o.seen.domain && slices.Equal(m.seen.tags, o.seen.tags) && keys.SameTrees(m.key, o.key)
}
