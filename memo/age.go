package memo

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

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
	switch past := time.Duration(now - e.Fresh); {
	case now < e.Early:
		return fresh
	case past < 0:
		if beta > 0 && strikes(-past, e.Took, beta) {
			return early
		}
		return fresh
	case past < e.Stale:
		return stale
	case past < e.StaleIfError:
		return spare
	}
	return gone
}

// standsIn reports whether e may be served in place of an error.
func standsIn(e *tier.Entry, now int64) bool {
	return e.StaleIfError > 0 && time.Duration(now-e.Fresh) < e.StaleIfError
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
	e, now := l.made(took)
	e.Value = v
	l.policy.lives(e, l.untilAfter(now, l.bounded(l.policy.ttl)))
	return e
}

// negative is the entry that says that there is no value, found out in took. It is
// not served past its time: there is nothing to fall back on.
func (l *load) negative(took time.Duration) *tier.Entry {
	e, now := l.made(took)
	e.Err = ErrNotFound
	e.Fresh = l.untilAfter(now, l.bounded(l.policy.negative))
	l.policy.complete(e)
	return e
}

// made is an entry that has neither a value nor an end yet, and the time: both clocks
// are read in one.
func (l *load) made(took time.Duration) (e *tier.Entry, now int64) {
	now, created := l.cache.clock.Both()
	return &tier.Entry{Key: l.key, Loaded: l.started, Created: created, Took: took, Tags: l.policy.tags, Home: l.home, Tally: l.kind, Began: l.turn}, now
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
	e.Fresh, e.Stale, e.StaleIfError = fresh, p.stale, p.staleIfError
	p.complete(e)
}

// complete works out the other times of an e that is fresh for as long as it says.
func (p *policy) complete(e *tier.Entry) {
	e.Expires = after(e.Fresh, max(e.Stale, e.StaleIfError))
	e.Early = e.Fresh
	if e.Fresh != int64(NoExpiry) {
		e.Early -= int64(beforehand(e.Took, p.early))
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
	if e.Fresh <= now {
		return e
	}
	if e.Stale == 0 && e.StaleIfError == 0 {
		return nil
	}
	return freshUntil(e, now, e.Stale)
}

// freshUntil is e as it is when its freshness ends at end, and its window Stale is so long.
func freshUntil(e *tier.Entry, end int64, stale time.Duration) *tier.Entry {
	// Not a plain copy of *e, whose Checked and Retry others write meanwhile.
	return &tier.Entry{
		Checked: atomic.LoadUint64(&e.Checked), Key: e.Key, Value: e.Value, Err: e.Err, Stamp: e.Stamp, Loaded: e.Loaded, Early: end, Fresh: end,
		Expires: after(end, max(stale, e.StaleIfError)), Stale: stale, StaleIfError: e.StaleIfError,
		Created: e.Created, Took: e.Took, Tags: e.Tags, Bytes: e.Bytes, Home: e.Home, Tally: e.Tally, Began: e.Began,
	}
}
