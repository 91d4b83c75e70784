package memo

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// A Cache is put together and taken apart here, from its tiers. Reads begin in
// do.go, writes in invalidate.go and set.go.

// Cache is one cache with its tiers. It is safe for concurrent use. New makes it:
// a nil *Cache, or a zero Cache, is no cache. Bound to a ctx it leaves that as it
// is, its invalidations are ErrNoCache, and there is nothing to close.
type Cache struct {
	cfg     Config
	policy  policy     // of New's options
	lru     *lru.Cache // cfg.Local, if it is one: through the interface a key would escape
	members members    // of the shared tier
	solo    home       // of all entries, where there is no shared tier
	nowhere home       // of entries whose key no Node holds
	flights *flight.Group[landing]
	writers writers
	clock   *clock.Clock
	types   sync.Map  // reflect.Type or form to *typeInfo
	funcs   sync.Map  // name to the *Func that has it
	windows sync.Map  // windowKey to the *gather that is open
	slabs   sync.Pool // see slabs.go
	rows    sync.Pool // see row.go
	log     *journal
	source  uint64      // names this process in the log
	owner   scope.Owner // of c's part of a request's memory
	plain   rare        // what most contexts say: nothing
	since   time.Time

	off  atomic.Uint32 // why it is not used; 0: it is
	stop chan struct{} // ends the pollers
	done chan struct{} // Close has ended

	names                                               names         // what is counted, by name
	era                                                 atomic.Uint32 // how often L2 was emptied, from 1
	invalidatedTags, invalidatedAll, peerTags, deferred atomic.Uint64 // what no name is counted for
}

// New returns a cache. The defaults apply to all of its entries. An error is a
// *UsageError that says what to do; a shared tier that does not answer is not an
// error: the cache works without it, and takes it into use when it is there.
//
// A cache with a shared tier has a goroutine that polls it and, while there is
// something to log, one that does; Close ends both. Without Close they keep the
// cache alive. A cache without a shared tier has none, and may just be forgotten.
func New(cfg Config, defaults ...Option) (*Cache, error) {
	given := cfg.Name
	cfg = cfg.complete()
	if problem := cfg.problem(); problem != nil {
		problem.Op, problem.Name = "New", given
		return nil, problem
	}
	c := &Cache{
		cfg:     cfg,
		policy:  policy{ttl: defaultTTL, loadTimeout: defaultLoadTimeout, batchSize: defaultBatchSize},
		flights: flight.New[landing](),
		clock:   clock.New(),
		source:  rand.Uint64(),
		since:   time.Now(),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),
	}
	if err := c.policy.apply(defaults); err != nil {
		return nil, misuse(err, "New", given)
	}
	if c.policy.clone != nil {
		return nil, &UsageError{Op: "New", Name: given, Problem: "Clone copies values of one type, and a cache has many", Fix: "give it to the calls that need it"}
	}
	if c.policy.name != "" {
		return nil, &UsageError{Op: "New", Name: given, Problem: "Name is about calls, and a cache has many", Fix: "give it to the calls that need it; Config.Name is the cache's own"}
	}
	if c.policy.tagsFrom != nil {
		return nil, &UsageError{Op: "New", Name: given, Problem: "TagsFrom is about values of one type, and a cache has many", Fix: "give it to the calls that need it"}
	}
	if c.policy.unless != nil {
		c.off.Store(offAsked)
	}
	if c.policy.codec != nil {
		c.cfg.Codec, c.policy.codec = c.policy.codec, nil
	}
	c.log = newJournal(cfg, c.clock)
	c.lru, _ = cfg.Local.(*lru.Cache)
	c.solo.init()
	c.solo.horizon.Store(math.MaxInt64)
	c.nowhere.init()
	c.nowhere.bound.Store(int64(cfg.StaleBound - slack))
	c.names.init()
	c.era.Store(1)
	cfg.Local.OnEvict(c.evicted)
	if cfg.Shared == nil {
		return c, nil
	}
	space, err := keys.NewSpace(cfg.Prefix)
	if err != nil {
		return nil, err // problem has seen it
	}
	c.members.open(c, space)
	return c, nil
}

// none reports whether c is no cache. It is asked where a cache comes in, and not
// on the hit path: no ctx is ever bound to such a c.
func (c *Cache) none() bool { return c == nil || c.flights == nil }

// tableOf returns c's part of the request's memory in ctx, or nil.
func (c *Cache) tableOf(ctx context.Context) *scope.Table {
	if s := scope.FromContext(ctx); s != nil && !s.Closed() {
		return s.Table(&c.owner)
	}
	return nil
}

// Close ends c. From now on reads run fn, and Get returns ErrClosed, in requests
// that are open too. Close waits for the loads, and for who looks in the shared
// tier ahead of one; then for the writes, which from then on return ErrClosed as
// well; delivers the invalidations that are pending; and closes the tiers that are
// io.Closers, as sql.DB does with its Connector: a tier is one cache's. In the end
// c has no goroutine, timer or connection left, and logs nothing more.
//
// A shared tier that does not answer is asked again, after each
// Config.PollInterval, or second if that is less, until ctx has its deadline: if
// something is pending, Close takes that long to give up. If nothing is, it does
// not wait. A ctx without a deadline says nothing of how long that may be: there
// Close waits for the slowest loader, tries once, and adds a few
// Config.WriteTimeouts at most where the shared tier hangs.
//
// When ctx ends first it cuts all of that short. The error is ctx's if loads were
// cancelled, joined with one that is ErrDeferred and says how many invalidations
// the other processes will not hear of. A tier that is deaf to its ctx, or whose
// own Close hangs, has a second more each; then it is left behind.
//
// Close again, at the same time or later, waits for the first one or for its ctx,
// and returns nil or ctx's error: what there is to report, the first one reports.
// A loader of c cannot close c, which would wait for it: called with the loader's
// ctx, Close is a *UsageError and does nothing; with another one it waits until
// that ends. The same holds for the Handler of Config.Logger.
func (c *Cache) Close(ctx context.Context) error {
	if c.none() {
		return nil
	}
	if err := c.checkClose(ctx); err != nil {
		return err
	}
	if c.off.Or(offClosed)&offClosed != 0 {
		return c.closing(ctx)
	}
	defer close(c.done)
	errs := []error{c.flights.Drain(ctx)}
	cut := !c.writers.close(ctx)
	close(c.stop)
	lost, err := c.members.close(ctx)
	errs = append(errs, err)
	if lost.writing = cut; lost != (undelivered{}) {
		errs = append(errs, lost)
	}
	c.clock.Stop()
	for _, t := range []any{c.cfg.Shared, c.cfg.Local} {
		if closer, ok := t.(io.Closer); ok {
			errs = append(errs, within(ctx, closer.Close))
		}
	}
	c.log.close(ctx)
	return errors.Join(errs...)
}

// moment is what a tier has, when the ctx of Close has ended, to notice that.
const moment = time.Second

// within returns what end does, or ctx's error a moment after ctx has ended: a tier
// that is deaf to its ctx must not hold up a process that has to go. What it leaves
// behind then is its own.
func within(ctx context.Context, end func() error) error {
	done := make(chan error, 1)
	go func() { done <- end() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last := time.NewTimer(moment)
	defer last.Stop()
	select {
	case err := <-done:
		return err
	case <-last.C:
		return ended.Err(ctx)
	}
}

func (c *Cache) checkClose(ctx context.Context) error {
	if ctx == nil {
		return &UsageError{Op: "Close", Problem: "ctx is nil", Fix: "pass one that ends when Close has waited for long enough, or context.Background()"}
	}
	if n := find(ctx); n != nil && n.load != nil && n.load.cache == c {
		return &UsageError{Op: "Close", Problem: "a loader closes its own cache, and Close would wait for the loader", Fix: "close it where the program ends"}
	}
	return nil
}

// closing waits for the Close that is at work.
func (c *Cache) closing(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ended.Err(ctx)
	}
}
