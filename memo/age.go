package memo

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside L2 and L3: the times of an entry, given to it when it is made, and what they
// have made of it since. Whether an invalidation hides it is another question
// (local.go, shared.go).

type age uint8

const (
	gone  age = iota // of no use
	spare            // to stand in for an error
	stale            // to be served while it is refreshed
	early            // fresh, and to be refreshed
	fresh
)

// ageOf is what e is at now to a reader with EarlyRefresh(beta).
func ageOf(e *tier.Entry, now int64, beta float64) age {
	switch past := time.Duration(now - e.Fresh()); {
	case now < e.Early:
		return fresh
	case past < 0:
		if beta > 0 && strikes(-past, e.Took(), beta) {
			return early
		}
		return fresh
	case past < e.Stale():
		return stale
	case past < e.StaleIfError():
		return spare
	}
	return gone
}

// standsIn reports whether e may be served in place of an error.
func standsIn(e *tier.Entry, now int64) bool {
	window := e.StaleIfError()
	return window > 0 && time.Duration(now-e.Fresh()) < window
}

// strikes decides by chance whether one reader refreshes a value that is fresh for
// left, and took so long to load. With this distribution the first of many readers
// is early by a few times that long; ten times as many make it little earlier.
//
// Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede
// Prevention, VLDB 2015 (XFetch).
func strikes(left, took time.Duration, beta float64) bool {
	return -math.Log(1-rand.Float64())*beta*float64(took) >= float64(left)
}

// beforehand is how long before its end a value that took so long is refreshed at
// the earliest. It would be earlier for one reader of nine million, and until then a
// hit does not throw dice.
func beforehand(took time.Duration, beta float64) time.Duration {
	return time.Duration(min(16*beta*float64(took), float64(longest)))
}

// entry is the value v, loaded in took.
func (l *load) entry(v any, took time.Duration) *tier.Entry {
	e, now := l.made(took, nil)
	e.Value = v
	l.policy.lives(e, l.untilAfter(now, l.bounded(l.policy.ttl)))
	return e
}

// negative is the entry that says that there is no value, found out in took. It is
// not served past its time: there is nothing to fall back on.
func (l *load) negative(took time.Duration) *tier.Entry {
	e, now := l.made(took, ErrNotFound)
	l.policy.complete(e, l.untilAfter(now, l.bounded(l.policy.negative)))
	return e
}

// made is an entry that has neither a value nor an end yet, and the time: both clocks
// are read in one.
func (l *load) made(took time.Duration, err error) (e *tier.Entry, now int64) {
	now, created := l.cache.clock.Both()
	e = newEntry(l.key, err != nil || l.policy.more())
	e.Loaded, e.Created, e.Micros, e.Kind, e.Began = l.started, created, wire.Micros(took), l.home.kind(l.kind), l.turn
	if e.More != nil {
		e.More.Err, e.More.Tags = err, l.policy.tags
	}
	return e, now
}

// newEntry returns an entry of key, with a More if it needs one: the two in one allocation then.
func newEntry(key string, more bool) *tier.Entry {
	if !more {
		return keyed(new(tier.Entry), key)
	}
	both := new(struct {
		entry tier.Entry
		more  tier.More
	})
	both.entry.More = &both.more
	return keyed(&both.entry, key)
}

// keyed gives e its key. The bytes of a short one are on e's own second line, which a processor
// fetches along with the first one: a hit that compares them does not wait for a third, and there
// is no allocation of theirs. Who keeps the Key of an entry keeps all of the entry: what outlives
// it goes by the text of its load.
func keyed(e *tier.Entry, key string) *tier.Entry {
	if e.Key = key; len(key) <= len(e.Text) {
		e.Key = keys.View(e.Text[:copy(e.Text[:], key)])
	}
	return e
}

// more reports whether what p says of an entry takes a More. For EarlyRefresh that is to
// remember a refresh that has failed (Retry).
func (p *policy) more() bool {
	return len(p.tags) > 0 || p.stale > 0 || p.staleIfError > 0 || p.early > 0
}

// until is the end of a ttl that begins now.
func (l *load) until(ttl time.Duration) int64 { return l.untilAfter(l.cache.clock.Exact(), ttl) }

func (l *load) untilAfter(now int64, ttl time.Duration) int64 {
	if ttl == NoExpiry {
		return int64(NoExpiry)
	}
	return after(now, l.policy.jittered(ttl))
}

// lives gives e its end: it is fresh until the time fresh, and after that as p says.
func (p *policy) lives(e *tier.Entry, fresh int64) {
	if e.More != nil {
		e.More.Stale, e.More.StaleIfError = p.stale, p.staleIfError
	}
	p.complete(e, fresh)
}

// complete gives e, which is fresh until the time fresh, its two times. Where they differ, by
// EarlyRefresh, it has a More.
func (p *policy) complete(e *tier.Entry, fresh int64) {
	e.Early = fresh
	if p.early > 0 && fresh != int64(NoExpiry) {
		e.More.Last = beforehand(e.Took(), p.early)
		e.Early -= int64(e.More.Last)
	}
}

// after is d after the time t, or never.
func after(t int64, d time.Duration) int64 {
	if t > 0 && int64(d) > math.MaxInt64-t {
		return math.MaxInt64
	}
	return t + int64(d)
}

// endedAt is e as it is when its freshness ends at now, or nil if nobody may use it
// then.
func endedAt(e *tier.Entry, now int64) *tier.Entry {
	if e.Fresh() <= now {
		return e
	}
	if e.Stale() == 0 && e.StaleIfError() == 0 {
		return nil
	}
	return freshUntil(e, now, e.Stale())
}

// freshUntil is e as it is when its freshness ends at end, and its window Stale is so long.
func freshUntil(e *tier.Entry, end int64, stale time.Duration) *tier.Entry {
	// Not a plain copy of *e, whose Local, Checked, Held and Retry others write meanwhile.
	made := newEntry(e.Key, e.More != nil)
	made.Value, made.Early, made.Checked, made.Kind = e.Value, end, atomic.LoadUint64(&e.Checked), e.Kind
	made.Stamp, made.Began, made.Loaded, made.Created = e.Stamp, e.Began, e.Loaded, e.Created
	made.Micros = e.Micros
	if e.More != nil {
		made.More.Err, made.More.Tags, made.More.Stale, made.More.StaleIfError = e.More.Err, e.More.Tags, stale, e.More.StaleIfError
	}
	return made
}
