package memo

import (
	"context"
	"errors"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// An invalidation runs against the direction of a read: the shared tier first,
// then the flights, L2 and L1. The other way round a read could come in between:
//
//  1. L2 forgets the key
//  2. a reader misses L2, finds the old item in the shared tier, and keeps it in L2
//  3. the shared tier forgets the key; L2 has it until its TTL ends
//
// Flights go with L2 in one step (flight.Call.Keep).

// Invalidate forgets keys in this request, this process and the shared tier, and
// tells the other processes. Call it after the commit of the write.
//
// When it has returned, even with ErrDeferred, no read that starts later in this
// process sees a value from before it, but for requests that were open and had
// read the key. If it returned nil, no process does after Config.StaleBound, and
// as a rule after Config.PollInterval. ErrDeferred: done here, and queued for
// the shared tier; it does not answer, in a part at least, or the list of its
// servers changes. It is delivered when that is over.
//
// It works also when ctx has ended, and takes at most Config.WriteTimeout for
// each 1000 keys. Up to 1000 keys of one call may depend on each other; of two
// calls, the one for what others are made of comes first.
//
// A key that is empty or refused is a *UsageError, which says the how manieth of
// keys it is; all others are invalidated. What became of those is joined to it,
// unless it is nil.
func Invalidate(ctx context.Context, keys ...string) error {
	if len(keys) == 1 {
		if done, err := forgets(ctx, find(ctx), nil, keys[0], nil); done {
			return err
		}
	}
	return invalidate(ctx, nil, "Invalidate", wire.Keys, keys)
}

// Invalidate is the package's Invalidate on c.
func (c *Cache) Invalidate(ctx context.Context, keys ...string) error {
	if c.none() { // and not that of ctx
		return ErrNoCache
	}
	if len(keys) == 1 {
		if done, err := forgets(ctx, find(ctx), c, keys[0], nil); done {
			return err
		}
	}
	return invalidate(ctx, c, "Invalidate", wire.Keys, keys)
}

// InvalidateAll forgets everything of this cache, or under Vary all that is varied
// alike; never keys of another prefix.
func InvalidateAll(ctx context.Context) error { return invalidateAll(ctx, nil) }

// InvalidateAll is the package's InvalidateAll on c.
func (c *Cache) InvalidateAll(ctx context.Context) error {
	if c.none() {
		return ErrNoCache
	}
	return invalidateAll(ctx, c)
}

// writer returns the cache for a write under ctx, and the request's node of that
// cache, if there is one. c is nil for the cache of ctx. Without an error the
// write has entered c.writers, and its caller leaves them.
func writer(ctx context.Context, c *Cache) (*Cache, *node, error) {
	n := find(ctx)
	if c == nil && n == nil {
		return nil, nil, ErrNoCache
	}
	if c == nil {
		c = n.cache
	}
	if !c.writers.enter() {
		return nil, nil, ErrClosed
	}
	if n == nil || n.cache != c || n.table == nil { // With, inside of a request, is no way around its memory
		n = c.bind(ctx, n, asksOf(ctx, n))
		n.table = c.tableOf(ctx)
	}
	return c, n, nil
}

// invalidate refuses the names that are none, and does what it can for the others:
// the write behind them is committed.
func invalidate(ctx context.Context, c *Cache, op string, about wire.Subject, names []string) error {
	if err := checkContext(op, ctx); err != nil {
		return err
	}
	vary := asksOf(ctx, find(ctx)).vary
	noun, problemOf, keep := "key", keyProblem, vary.keepKey
	if about == wire.Tags {
		noun, problemOf, keep = "tag", tagProblem, vary.keepTag
	}
	own, refused := split(op, noun, names, problemOf, keep)
	return joined(refused, invalidateOwn(ctx, c, told{about, own}))
}

// joined is what was refused, and what became of the rest.
func joined(refused, err error) error {
	switch {
	case refused == nil:
		return err
	case err == nil:
		return refused
	}
	return errors.Join(refused, err)
}

// invalidateOwn is for names as the tiers have them, in nobody else's memory.
func invalidateOwn(ctx context.Context, c *Cache, what told) error {
	c, n, err := writer(ctx, c)
	if err != nil {
		return err
	}
	defer c.writers.leave()
	if len(what.names) == 0 || n.record(what) {
		return nil
	}
	return c.carryOut(ctx, n.table, what)
}

// carryOut tells the shared tier of what, and forgets it in this process and in the request
// that has table, or in none. Its caller has entered c.writers.
func (c *Cache) carryOut(ctx context.Context, table *scope.Table, what told) error {
	parts, err := c.tell(ctx, what)
	switch what.about {
	case everything:
		c.forgetAll(table)
	case wire.Keys:
		c.forgetKeys(table, what.names)
	case wire.Expired:
		c.expire(table, what.names)
	default:
		c.hide(table, what)
		c.invalidated(what.about, what.names)
	}
	settle(parts)
	return c.counted(err)
}

// forgetKeys forgets keys in this process and in the request that has table.
func (c *Cache) forgetKeys(table *scope.Table, keys []string) {
	c.drop(keys...)
	if table != nil {
		table.Forget(keys...)
	}
	c.invalidated(wire.Keys, keys)
}

// drop forgets keys in this process, in one step.
func (c *Cache) drop(keys ...string) {
	c.flights.Invalidate(flight.Always, func() {
		for _, key := range keys {
			c.dropLocal(key)
		}
	}, keys...)
}

// purge forgets everything in this process, and loads that are in flight keep nothing.
func (c *Cache) purge() {
	c.flights.InvalidateAll(flight.Always, c.clearLocal)
}

// counted counts the end of an invalidation.
func (c *Cache) counted(err error) error {
	if errors.Is(err, ErrDeferred) {
		c.deferred.Add(1)
	}
	return err
}

func invalidateAll(ctx context.Context, c *Cache) error {
	if err := checkContext("InvalidateAll", ctx); err != nil {
		return err
	}
	c, n, err := writer(ctx, c)
	if err != nil {
		return err
	}
	defer c.writers.leave()
	what := told{about: everything}
	if n.vary != nil {
		what = told{wire.Trees, []string{n.vary.root}}
	}
	if n.record(what) {
		return nil
	}
	return c.carryOut(ctx, n.table, what)
}

// forgetAll forgets everything in this process and in the request that has table.
func (c *Cache) forgetAll(table *scope.Table) {
	c.purge()
	if table != nil {
		table.Reset()
	}
	c.invalidatedAll.Add(1)
}

func isRefused(err error) bool  { return errors.Is(err, tier.ErrRefused) }
func isNotFound(err error) bool { return errors.Is(err, tier.ErrNotFound) }
func isExists(err error) bool   { return errors.Is(err, tier.ErrExists) }
