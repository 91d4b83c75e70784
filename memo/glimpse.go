package memo

import (
	"context"
	"runtime/debug"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between L2 and the flight, for a read that travels alone: what glance.go is for a batch.
// Who finds nothing going on with his key looks in the shared tier himself, and a value
// that is fresh there is his answer. The goroutine of a load, which grows its stack and is
// waited for, took longer than all else that a hit there does beside the round trip.
//
// One caller looks, and says so to the flights (flight.Glance). Who comes meanwhile goes
// on to lead or join a load: to have him wait for the look would be to have him wait for
// the ctx of another one. So a crowd makes two looks, where it made one, the first time
// that it meets (flight.GlanceAlone).

// below is what lies below L2.
func (l *load) below(ctx context.Context) (landing, error) {
	a := l.watched(ctx)
	if a == nil {
		return l.cache.fly(ctx, l)
	}
	defer a.drop() // unless a load has taken it; also after a Goexit
	e, err := l.glimpse(ctx, a)
	if e != nil || err != nil {
		l.led = true
		return landing{e, outcomeL3}, err
	}
	if a.err != nil && impatient(ctx) {
		a.drop() // others may join the load, who have more time
	}
	l.ahead = a
	return l.follow(ctx)
}

// follow leads the load that a look was ahead of, or joins another one that has begun since.
// It does so too where ctx has ended while it looked, as Join would not, and leaves the
// load at once:
//
//  1. the shared tier takes 20 ms to answer, and the callers of a key have 10 ms each
//  2. each of them looks, leaves, and nothing is loaded
//  3. no caller ever gets a value; the grace of a load would have stored one
func (l *load) follow(ctx context.Context) (landing, error) {
	f, err := l.lead(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = ended.Err(ctx)
		}
		return landing{}, err
	}
	if !l.led {
		l.ahead.drop() // what was seen is of no use to the load of another one
	}
	return l.lands(ctx, f)
}

// watched returns how l watches its key, if it is to look by itself; nil: it is not. What
// a method of a user's reads (see typeInfo.plain) is for a load, which every caller can
// leave; and with an old value in L2 there is more to decide than whether one is fresh.
func (l *load) watched(ctx context.Context) *ahead {
	c, d := l.cache, l.domain
	switch {
	case d == nil, l.seat != nil, l.exacting, l.forced:
		return nil
	case !l.typ.plain, l.typ.lossy != nil, l.policy.place == placeLocal:
		return nil
	case ctx.Err() != nil, !d.isAttached(), !d.readable(l.key), c.cfg.Local.Peek(l.key) != nil:
		return nil
	}
	a := &ahead{domain: d, tags: l.policy.tags}
	l.begins()
	if a.looks = c.flights.GlanceAlone(&a.watch, l.key); !a.looks {
		return nil
	}
	return a
}

// glimpse returns what the shared tier has for l, if it is fresh; else a has what was seen.
// A panic of the tier comes back as that of a load does.
func (l *load) glimpse(ctx context.Context, a *ahead) (e *tier.Entry, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil { // else it is a Goexit, which ends the caller
			err = &flight.Panic{Value: p, Stack: debug.Stack()}
		}
	}()
	e = l.glimpsed(ctx, a)
	returned = true
	return e, nil
}

func (l *load) glimpsed(ctx context.Context, a *ahead) *tier.Entry {
	d := a.domain
	place := d.space.Value(l.key)
	for range mostTurns {
		at, err := d.look(ctx, place, d.marks(l.key, a.tags)...)
		if err != nil {
			a.err = err
			return nil
		}
		e, verdict, all := l.judge(nil, at, a.tags)
		switch {
		case len(all) > len(a.tags): // their markers were not looked at
			a.tags = all
			continue
		case verdict == coherence.Valid && ageOf(e, l.cache.clock.Exact(), 0) == fresh: // maybe early: see refreshLanded
			a.over.Store(true)
			a.watch.End(func() { l.put(e) })
			return e
		}
		a.sees(at)
		return nil
	}
	a.drop() // the markers of the tags that it has found last were not looked at
	return nil
}

// sees keeps what was seen for a load, which judges it again. It is apart, so that what a
// hit has seen stays on the stack.
func (a *ahead) sees(at look) {
	a.seen, a.item = &at, at.item
}
