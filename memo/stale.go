package memo

import (
	"context"
	"errors"
	"time"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside the way down: values past their TTL, and those that are near to it. They
// are refreshed by a load that nobody waits for, one in the process (internal/flight)
// and one in the fleet (shared.go).

// Stale is how long after its TTL a value may be served while one refresh of it runs
// in the fleet; 0, the default, for none. Nobody waits then, neither for the loader
// nor for a process that died while it was loading. The refresh runs fn of the call
// that found the value old, and may outlive it; if it fails, the value is served on,
// and this process tries again a second later.
//
// A value that was invalidated is never served: Invalidate hides what is stale as
// well, and Expire is there for those who want it served. Nor is it served to a
// loader, whose own result would be fresh, under Fresh, and by Get and Peek; but what
// a request was served is its own until it ends. While the shared tier is away, a
// value is not served for longer than Config.OutageBound after it was last known to
// be valid, whatever its Stale and StaleIfError.
func Stale(d time.Duration) Option {
	return Option{kind: optionStale, d: d, quiet: d >= 0}
}

// StaleIfError is how long after its TTL a value may be served in place of the
// loader's error; 0, the default, for none. For a second after an error it is served
// without asking the loader again. ErrNotFound is no error in this sense, nor are a
// panic and the end of the caller's ctx; that LoadTimeout ended is one. It is served
// inside of a loader too, where the alternative is an error as well, and not under
// Fresh.
//
// Of Stale and StaleIfError the one is as long as it says, whatever the other is;
// both begin with the end of the TTL. A value is kept in the tiers until both have
// ended. They belong to the entry: those of the call that stored it count, whatever
// the reader's are.
func StaleIfError(d time.Duration) Option {
	return Option{kind: optionStaleIfError, d: d, quiet: d >= 0}
}

// EarlyRefresh refreshes a value before its TTL ends, the likelier the nearer the end
// and the slower the load (XFetch), so that a value that is read often is never past
// its time. beta 1 is usual, more is earlier, 0 is off, and 100 is the most. Who finds
// the value near its end gets it, and the refresh runs as for Stale.
func EarlyRefresh(beta float64) Option {
	return Option{kind: optionEarlyRefresh, x: beta, quiet: beta >= 0 && beta <= mostBeta}
}

const mostBeta = 100

// NegativeTTL keeps ErrNotFound for d, as if it were a value; 0, the default, for
// not at all. Whoever asks for the key then gets ErrNotFound itself, in place of what
// the loader had wrapped it in, and so do those who waited for the load.
func NegativeTTL(d time.Duration) Option {
	return Option{kind: optionNegativeTTL, d: d, quiet: d >= 0}
}

// pause is how long a load that has failed is not tried again, while there is an old
// value to serve.
const pause = time.Second

// takesStale reports whether l may be served what is past its TTL, while it is refreshed.
// A load is not: what it makes of an old value would be fresh for a TTL of its own.
func (l *load) takesStale() bool { return !l.exacting && !l.forced && l.replaces == nil }

// refreshBehind refreshes e behind the back of its reader, unless somebody does.
func (l *load) refreshBehind(ctx context.Context, e *tier.Entry) {
	c := l.cache
	if c.paused(e) || c.flights.Current(l.key) != nil {
		return
	}
	base := l.base(ctx)
	own := l.flown()
	r := &own.load
	r.seat = l.seat.refreshing()
	r.replaces, r.parent, r.exacting, r.sure, r.led = e, nil, false, false, false
	r.placed()
	r.begins()
	c.flights.Launch(base, r.key, &own.call, r)
}

// refreshing returns e if it is past its TTL, may be served, and somebody refreshes it
// already, or has just tried: for all of those who ask meanwhile that is as good as a hit.
// Further down their stacks would grow, which took 10,000 of them twice as long.
//
//go:noinline
func (c *Cache) refreshing(e *tier.Entry) (*tier.Entry, outcome) {
	now := c.clock.Now()
	if ageOf(e, now, 0) != stale || !sound(e, now) || !c.paused(e) && c.flights.Current(e.Key) == nil {
		return nil, 0
	}
	return e, outcomeStale
}

// besideRefresh returns what the shared tier has, for a reader who has nothing in L2 while
// this process refreshes the value: it would wait for that.
func (l *load) besideRefresh(ctx context.Context) landing {
	if !l.takesStale() {
		return landing{}
	}
	if f := l.cache.flights.Current(l.key); f == nil || f.Job().(*load).replaces == nil {
		return landing{}
	}
	switch e, a := l.cache.fetch(ctx, l); {
	case a >= early:
		return landing{e, outcomeL3}
	case a == stale:
		return landing{e, outcomeStale}
	}
	return landing{}
}

// refreshLanded begins a refresh where a load ended with what another process had stored.
func (l *load) refreshLanded(ctx context.Context, land landing) {
	if land.from == outcomeLoad || land.from == outcomeJoined || !l.takesStale() {
		return
	}
	if a := ageOf(land.entry, l.cache.clock.Now(), l.policy.early); a == early || a == stale {
		l.refreshBehind(ctx, land.entry)
	}
}

// paused reports whether a load of e's key has failed within the pause.
func (c *Cache) paused(e *tier.Entry) bool {
	return e.More != nil && c.clock.Now() < e.More.Retry.Load()
}

// standsInNow reports whether e is served in place of the error that a load would end with
// again, as it has just done.
func (l *load) standsInNow(e *tier.Entry) bool {
	return !l.fresh && !l.forced && l.replaces == nil && l.cache.paused(e) && standsIn(e, l.cache.clock.Now())
}

// postpone notes that a load of l's key has failed. An entry without More is refreshed by
// nobody, and stands in for no error.
func (l *load) postpone() {
	if e := l.cache.cfg.Local.Peek(l.key); e != nil && e.More != nil {
		e.More.Retry.Store(l.cache.clock.Exact() + int64(pause))
	}
}

// keepSpare puts the old e into L2, for the case that the loader fails. What is there
// and the same version stays: it may know that a load has failed (Retry).
func (l *load) keepSpare(f *call, e *tier.Entry) {
	c := l.cache
	f.Keep(func() {
		have := c.cfg.Local.Peek(l.key)
		if !l.policy.local() && c.clock.Now() < e.Fresh() {
			return
		}
		if have == nil || !sound(have, c.clock.Now()) || have.Created != e.Created && have.Expires() < e.Expires() {
			c.keepLocal(l.here(e))
		}
	})
}

// instead returns what may be served in place of err, or nil.
func (l *load) instead(ctx context.Context, err error) *tier.Entry {
	p, misused := (*flight.Panic)(nil), (*UsageError)(nil)
	switch {
	case l.fresh, l.forced, ctx.Err() != nil, errors.As(err, &p), errors.As(err, &misused),
		errors.Is(err, ErrNotFound), errors.Is(err, flight.ErrRecursive), errors.Is(err, flight.ErrClosed):
		return nil
	}
	e, _ := l.peek()
	if e == nil || !standsIn(e, l.cache.clock.Now()) {
		return nil
	}
	if l.led {
		l.postpone() // a load that does not heed its ctx has not come so far yet
	}
	return e
}

// failed reports whether a load with ctx that returned an error is to be tried again
// later: not if it was cut short, because nobody waits for it or it is out of date.
func failed(ctx context.Context) bool {
	return ctx.Err() == nil || errors.Is(ended.Err(ctx), context.DeadlineExceeded)
}
