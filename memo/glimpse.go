package memo

import (
	"context"
	"runtime/debug"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between a flight and its goroutine, for a read that travels alone: what glance.go is for a
// batch. Who leads the one load of a key looks in the shared tier himself, and a value that
// is fresh there is what it ends with. The goroutine of a load, which grows its stack and is
// waited for, took longer than all else that a hit there does beside the round trip.
//
// Who comes meanwhile joins the load, as ever: a crowd makes one look. He does not wait for
// the ctx of another one: when that ends, the load goes on without its leader, and looks again.

// glimpses reports whether l, if it leads, looks by itself. What a method of a user's reads
// (see typeInfo.plain) is for a goroutine, which every caller can leave; and who needs more
// of a value than that it is fresh has more to decide.
func (l *load) glimpses() bool {
	d := l.domain
	switch {
	case d == nil, l.seat != nil, l.exacting, l.forced:
		return false
	case !l.typ.plain, l.typ.lossy != nil, l.policy.place == placeLocal:
		return false
	}
	return d.isAttached() && d.readable(l.key)
}

// glimpse is how l, which leads f, begins: what the shared tier has, if that is fresh, is what
// it ends f with, and returns. Else f goes on, and l is to wait for it as the others do,
// unless it has ended. It goes on too where ctx has ended while l looked:
//
//  1. the shared tier takes 20 ms to answer, and the callers of a key have 10 ms each
//  2. each of them looks, leaves, and nothing is loaded
//  3. no caller ever gets a value; the grace of a load would have stored one
func (l *load) glimpse(ctx context.Context, f *call) (land landing, err error, over bool) {
	l.tally.inFlight.Add(1)
	returned := false
	defer func() {
		l.tally.inFlight.Add(-1)
		if !returned { // a panic of a user's tier, which all get who wait for f; or a Goexit
			err = &flight.Panic{Value: recover(), Stack: debug.Stack()}
		}
		if over = land.entry != nil || err != nil; over {
			f.End(land, err)
		} else if over = !f.GoOn(ctx); over {
			land, err = f.Result()
		}
	}()
	if e := l.glimpsed(ctx, f); e != nil {
		land = landing{e, outcomeL3}
	}
	returned = true
	return land, nil, false
}

func (l *load) glimpsed(ctx context.Context, f *call) *tier.Entry {
	if l.cache.cfg.Local.Peek(l.key) != nil {
		return nil // it is past its time, or has come since the caller looked: see Load
	}
	d, tags := l.domain, l.policy.tags
	place := d.space.Value(l.key)
	for range mostTurns {
		at, err := d.look(ctx, place, d.marks(l.key, tags)...)
		if err != nil {
			if !impatient(ctx) { // else f looks again, for others who have more time
				l.saw(look{}, tags, err)
			}
			return nil
		}
		e, verdict, all := l.judge(f, at, tags)
		switch {
		case len(all) > len(tags): // their markers were not looked at
			tags = all
			continue
		case verdict == coherence.Valid && ageOf(e, l.cache.clock.Exact(), 0) == fresh: // maybe early: see refreshLanded
			l.keep(f, e)
			return e
		}
		l.saw(at, tags, nil)
		return nil
	}
	return nil // the markers of the tags that it has found last were not looked at
}

// saw keeps what l has looked at for its Load, which judges it again. It is apart, so that
// what a hit has seen stays on the stack.
func (l *load) saw(at look, tags []string, err error) {
	l.ahead = &ahead{looker: looker{seen: &at, item: at.item, err: err}, domain: l.domain, tags: tags}
}
