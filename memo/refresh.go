package memo

import (
	"context"
	"strings"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// Refresh enters the way of Do below the tiers: at the flight, with a load that
// takes nothing for an answer that was there before.

// Refresh runs fn now, whatever the tiers hold, stores what it returns in all of them
// and returns it. An error leaves the old value in place, and is returned also where a
// call of Do would serve the old value instead.
//
// It joins no load that runs already, and callers of Do that come later join it. The
// other processes hear of it as of an Expire: they take the new value from the shared
// tier, and if they have the old one with a Stale window, they may serve it once more.
// A Refresh is no invalidation: where the shared tier does not answer they keep what
// they have until its TTL ends, and where one comes in between, the value is returned
// and not stored. Where another value was stored in between, by a Set, or by a Refresh
// that began before this one, it is not stored either, and the other value ends as by an
// Expire. Without a cache in ctx Refresh runs fn.
func Refresh[T any](ctx context.Context, key string, fn func(context.Context) (T, error), opts ...Option) (T, error) {
	return read("Refresh", ctx, find(ctx), strings.Clone(key), fn, opts, true)
}

// announce tells the other processes that there is a newer value of key. They go on
// with what they have if it fails: nothing of it is wrong. This one has the newer value
// already, and its number is settled before the record is there:
//
//  1. the newer value is in L2, with the stamp of its load; the record is written
//  2. this process polls, and ends the freshness of all that is older than the record
//  3. the number is settled, too late: the newer value is loaded once more
func (d *domain) announce(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cache.cfg.WriteTimeout)
	defer cancel()
	number, err := d.draw(ctx, 1)
	if err != nil {
		return
	}
	d.settled([]uint64{number})
	_ = d.record(ctx, wire.Expired, []uint64{number}, [][]string{{key}})
}

// supersede ends the freshness of what this process had before the Refresh l, which has
// loaded something newer and may not keep it. No load is disturbed.
func (l *load) supersede() {
	c := l.cache
	c.flights.Invalidate(0, func() {
		if e := c.cfg.Local.Peek(l.key); e != nil && e.Loaded <= l.started {
			c.outlive(e)
		}
	}, l.key)
}

// overtaken makes old what is stored in place of what the Refresh l has loaded. It may
// be older, and nobody can tell:
//
//  1. another load reads v1 from the database
//  2. a writer commits v2, and begins a Refresh
//  3. the load of 1 is stored; the Refresh returns v2, and finds the place taken
//
// To store v2 over it would be wrong as well, where an invalidation is what came in
// between.
func (d *domain) overtaken(ctx context.Context, l *load) {
	parts, _ := d.cache.tell(ctx, told{wire.Expired, []string{l.key}})
	d.cache.outdate(l.key)
	settle(parts)
}
