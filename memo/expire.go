package memo

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Expire takes the way of Invalidate (invalidate.go, deliver.go). What it finds is not
// deleted, if there is a use for it: it is made old.

// Expire ends the freshness of keys, and is soft: within their Stale window the next
// read is answered with the old value while one refresh runs, and within their
// StaleIfError window the old value stands in for the loader's error. A key that has
// neither is invalidated. To be sure that nobody sees the old value, Invalidate.
//
// A load that began before the Expire is kept for no later reader. When the other
// processes have heard of it, and what ErrDeferred means, is the same as for
// Invalidate; where the clocks of two processes differ, the value stays fresh for the
// one that lags for as long as that, up to 5 seconds. One key takes 3 round trips to
// the shared tier; several take 4, and one more for each further 32.
func Expire(ctx context.Context, keys ...string) error {
	return invalidate(ctx, nil, "Expire", wire.Expired, keys)
}

// Expire is the package's Expire on c.
func (c *Cache) Expire(ctx context.Context, keys ...string) error {
	if c.none() {
		return ErrNoCache
	}
	return invalidate(ctx, c, "Expire", wire.Expired, keys)
}

// expire ends the freshness of keys in this process and in the request that has table.
func (c *Cache) expire(table *scope.Table, keys []string) {
	c.outdate(keys...)
	if table != nil {
		table.Forget(keys...)
	}
	c.invalidated(wire.Expired, keys)
}

// outdate ends the freshness of keys in this process, in one step.
func (c *Cache) outdate(keys ...string) {
	c.flights.Invalidate(flight.Always, func() {
		for _, key := range keys {
			if e := c.cfg.Local.Peek(key); e != nil {
				c.outlive(e)
			}
		}
	}, keys...)
}

// outlive ends the freshness of e, which is in L2. Under the lock of its flight. By
// the clock of the hit path, to which an end by the exact time is still to come.
func (c *Cache) outlive(e *tier.Entry) {
	switch old := endedAt(e, c.clock.Now()); old {
	case e: // it is old, and is not stored again: it may be about to leave
	case nil:
		c.dropLocal(e.Key)
	default:
		c.keepLocal(old)
	}
}

// dropOlder forgets what this process knows of key and was loaded before seq, or ends
// its freshness.
func (c *Cache) dropOlder(about wire.Subject, key string, seq uint64) {
	c.flights.Invalidate(seq, func() {
		e := c.cfg.Local.Peek(key)
		switch {
		case e == nil:
		case !coherence.SameEpoch(e.Stamp, seq), about == wire.Keys && e.Stamp < seq:
			c.dropLocal(key)
		case e.Stamp < seq:
			c.outlive(e)
		}
	}, key)
}

// soften makes old what is under places. A lease is deleted, and what nobody could
// use then. In any case the item is another version afterwards, so that a load which
// is under way cannot replace it.
func (d *domain) soften(ctx context.Context, places []string) error {
	for len(places) > 0 {
		items := make([]tier.Item, len(places))
		if err := d.readTimed(ctx, places, items); err != nil {
			return err
		}
		raced := make([]bool, len(places))
		err := each(len(places), valuesAtOnce, func(i int) error {
			if !items[i].Found() {
				return nil
			}
			err := d.softenOne(ctx, places[i], items[i])
			raced[i] = err != nil && !isNotFound(err)
			return unlessRaced(err)
		})
		if err == nil {
			err = overdue(ctx)
		}
		if err != nil {
			return err
		}
		var again []string
		for i, place := range places {
			if raced[i] {
				again = append(again, place)
			}
		}
		places = again
	}
	return nil
}

func (d *domain) softenOne(ctx context.Context, place string, item tier.Item) error {
	var v wire.Value
	now := clock.UnixMilli()
	usable := wire.KindOf(item.Value) == wire.KindValue && wire.ParseValue(item.Value, &v) == nil
	if usable { // also what has ended by this clock, which may be ahead: by Created a reader sees how far
		v.Created, v.Fresh = now, min(v.Fresh, now)
	}
	if left := v.Expires() - now; usable && left > 0 {
		data, ttl := wire.AppendValue(nil, &v), after(int64(ofMillis(uint64(left))), lingers(time.Duration(v.Took)*time.Microsecond))
		err := d.timed(ctx, "compare_and_swap", func(ctx context.Context) error {
			return d.node.CompareAndSwap(ctx, place, item.CAS, data, time.Duration(ttl))
		})
		if !isRefused(err) {
			return err
		}
	}
	return d.timed(ctx, "compare_and_delete", func(ctx context.Context) error {
		return d.node.CompareAndDelete(ctx, place, item.CAS)
	})
}
