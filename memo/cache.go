package memo

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/internal/stripe"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A Cache is put together and taken apart here, from its tiers. Reads begin in
// do.go, writes in invalidate.go and set.go.

// Cache is one cache with its tiers. It is safe for concurrent use.
type Cache struct {
	cfg     Config
	policy  policy     // of New's options
	lru     *lru.Cache // cfg.Local, if it is one: through the interface a key would escape
	domain  *domain    // the shared tier; nil: none
	flights *flight.Group[landing]
	writers writers
	clock   *clock.Clock
	types   sync.Map // reflect.Type to *typeInfo
	source  uint64   // names this process in the log
	since   time.Time

	closed  atomic.Bool
	stop    chan struct{} // ends the poller
	stopped chan struct{} // the poller has ended

	counts                                    *stripe.Set // by outcome
	runs, runErrors, runPanics                atomic.Uint64
	runTime                                   atomic.Int64
	evictions, valueBytes                     atomic.Uint64
	invalidatedKeys, invalidatedAll, peerKeys atomic.Uint64
	deferred                                  atomic.Uint64
	refused                                   atomic.Int64 // when a value was last logged as unstorable
}

// New returns a cache. The defaults apply to all of its entries. An error is a
// *UsageError that says what to do; a shared tier that does not answer is not an
// error: the cache works without it, and takes it into use when it is there.
//
// A cache with a shared tier has one goroutine, which Close ends.
func New(cfg Config, defaults ...Option) (*Cache, error) {
	cfg = cfg.complete()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Cache{
		cfg:     cfg,
		policy:  policy{ttl: defaultTTL, loadTimeout: defaultLoadTimeout},
		flights: flight.New[landing](),
		clock:   clock.New(),
		source:  rand.Uint64(),
		since:   time.Now(),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		counts:  stripe.NewSet(outcomes),
	}
	if err := c.policy.apply(defaults); err != nil {
		return nil, misuse(err, "New", cfg.Name)
	}
	if c.policy.clone != nil {
		return nil, &UsageError{Op: "New", Name: cfg.Name, Problem: "Clone copies values of one type, and a cache has many", Fix: "give it to the calls that need it"}
	}
	c.lru, _ = cfg.Local.(*lru.Cache)
	cfg.Local.OnEvict(func(string, *tier.Entry) { c.evictions.Add(1) })
	if cfg.Shared == nil {
		close(c.stopped)
		return c, nil
	}
	space, err := keys.NewSpace(cfg.Prefix)
	if err != nil {
		return nil, err // validate has seen it
	}
	c.domain = newDomain(c, cfg.Shared.Nodes()[0], space)
	go func() {
		defer close(c.stopped)
		c.domain.follow(c.stop)
	}()
	return c, nil
}

// tableOf returns c's part of the request's memory in ctx, or nil.
func (c *Cache) tableOf(ctx context.Context) *scope.Table {
	if s := scope.FromContext(ctx); s != nil && !s.Closed() {
		return s.Table(c)
	}
	return nil
}

// unstorable says, at most once a minute, why a value stays out of the shared
// tier. It names no key: keys end in logs that others read.
func (c *Cache) unstorable(why string, err error) {
	now := c.clock.Exact()
	last := c.refused.Load()
	if last != 0 && now-last < int64(time.Minute) || !c.refused.CompareAndSwap(last, max(now, 1)) {
		return
	}
	c.cfg.Logger.Warn("memo: "+why, "cache", c.cfg.Name, "error", err)
}

// Close stops c: reads go on by running fn, everything else returns ErrClosed.
// It delivers pending invalidations, waits for loads, and closes the tiers that
// are io.Closers (as sql.DB does with its Connector). When ctx ends first it
// cuts all of that short, and its error is ctx's if loads were cancelled, joined
// with ErrDeferred if invalidations were lost. A second Close returns nil.
func (c *Cache) Close(ctx context.Context) error {
	if c.closed.Swap(true) {
		return nil
	}
	errs := []error{c.flights.Drain(ctx)}
	if c.writers.close(ctx) != nil {
		errs = append(errs, ErrDeferred)
	}
	close(c.stop)
	if d := c.domain; d != nil {
		spare := context.AfterFunc(ctx, d.quit)
		<-c.stopped
		d.polling <- struct{}{} // at most one poll is under way, and none comes after it
		errs = append(errs, d.deliverLast(ctx))
		spare()
		d.quit()
	}
	c.clock.Stop()
	for _, t := range []any{c.cfg.Shared, c.cfg.Local} {
		if closer, ok := t.(io.Closer); ok {
			errs = append(errs, closer.Close())
		}
	}
	return errors.Join(errs...)
}
