package memo

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/stripe"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// What L1 does not have comes by here: a look in L2 (local.go), and then the one
// load of this process, of which shared.go is the next step.

// load is one caller's wish for a key, on its way from L1 to fn. It is what the
// flight calls a Job: whoever leads brings its own.
type load struct {
	cache   *Cache
	counts  *stripe.Stripe
	key     string
	policy  policy
	typ     *typeInfo
	run     func(ctx context.Context) (any, error)
	started int64  // on the cache's clock; before anything was read
	asked   uint64 // the turn of the fences when its caller asked
	turn    uint64 // the same when it started
	led     bool

	parent   *running // the load that this one is a part of
	fresh    bool     // its caller's ctx is Fresh
	exacting bool     // for either reason, not everything that is valid will do
	need     need     // what will
	sure     bool     // this process had heard of all that l needs, before anything was read

	absent bool        // by Add: only where there is no value
	forced bool        // by Refresh: whatever the tiers hold
	than   *tier.Entry // that nobody waits for it: it is to be newer than this entry
}

// landing is what a flight ends with.
type landing struct {
	entry *tier.Entry
	from  outcome
}

type call = flight.Call[landing]

// newLoad is one call's load, and its Clone.
func newLoad[T any](c *Cache, n *node, key string, opts []Option) (*load, func(T) T, error) {
	l := &load{cache: c, counts: n.counts, key: key, policy: c.policy, fresh: n.mode&modeFresh != 0}
	err := l.policy.apply(opts)
	if err != nil {
		return nil, nil, err
	}
	if l.typ, err = c.typeOf(reflect.TypeFor[T](), l.policy.codec); err != nil {
		return nil, nil, err
	}
	clone, err := cloner[T](&l.policy)
	return l, clone, err
}

// process is what lies below the request: L2, and one load for this process.
func (c *Cache) process(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if c.domain != nil {
		c.domain.attach(ctx)
	}
	l.asked = c.fences.turn.Load()
	for {
		if err := l.hears(ctx, n); err != nil {
			return nil, outcomeError, err
		}
		switch e, a := l.peek(); {
		case l.forced, a == gone:
		case a == fresh:
			return e, outcomeL2, nil
		case a == early:
			l.behind(ctx, e)
			return e, outcomeL2, nil
		case a == stale && l.content():
			l.behind(ctx, e)
			return e, outcomeStale, nil
		case !l.fresh && c.clock.Now() < atomic.LoadInt64(&e.Retry) && standsIn(e, c.clock.Now()):
			return e, outcomeStale, nil
		}
		if land := l.meanwhile(ctx); land.entry != nil {
			return land.entry, land.from, nil
		}
		land, err := c.fly(ctx, l)
		if err != nil {
			if e := l.instead(ctx, err); e != nil {
				return e, outcomeStale, nil
			}
			return nil, l.unanswered(err), err
		}
		if l.led || l.accepts(land) {
			l.follow(ctx, land)
			return land.entry, land.from, nil
		}
	}
}

// unanswered is the outcome of a read whose load ended with err.
func (l *load) unanswered(err error) outcome {
	switch {
	case !errors.Is(err, ErrNotFound):
		return outcomeError
	case l.led:
		return outcomeLoad
	}
	return outcomeJoined
}

// hears sees to it that this process has heard of what l has to have heard of.
func (l *load) hears(ctx context.Context, n *node) (err error) {
	if n.load != nil {
		err = l.within(ctx, n.load)
	}
	if err == nil && l.fresh { // which asks for more
		err = l.sync(ctx)
	}
	if l.exacting {
		l.asked = l.cache.fences.turn.Load() // of what it has heard of meanwhile, too
	}
	return err
}

// accepts reports whether what a load that l has joined ended with is good enough
// for l. Who leads may be no part of a load, and content with an L2 entry that is
// older than l needs, or past its time. And nobody knew the tags of the entry while it
// was loaded: one that joined may have asked after they were invalidated.
func (l *load) accepts(land landing) bool {
	e := land.entry
	switch {
	case !l.admits(e.Stamp, e.Loaded), land.from == outcomeStale && !l.content():
		return false
	case l.forced && land.from != outcomeJoined: // it waited for a place to run, and found that it need not
		return false
	}
	return e.Began >= l.asked || !l.cache.fences.hide(e)
}

// fly leads or joins the one load of l's key.
func (c *Cache) fly(ctx context.Context, l *load) (landing, error) {
	base := c.base(ctx)
	l.begins()
	land, led, err := c.flights.Do(ctx, base, l.parent.flight(), l.key, l)
	l.led = led
	if !led && land.from == outcomeLoad {
		land.from = outcomeJoined
	}
	return land, err
}

// base is the ctx of a load that a caller with ctx begins.
func (c *Cache) base(ctx context.Context) context.Context {
	if c.cfg.LoadContext != nil {
		if lc := c.cfg.LoadContext(ctx); lc != nil {
			return context.WithoutCancel(lc)
		}
	}
	return context.Background()
}

// begins notes when l began. Before anything is read for it.
func (l *load) begins() { l.started, l.turn = l.cache.clock.Exact(), l.cache.fences.turn.Load() }

// Timeout implements flight.Job. It bounds the wait for another process's load,
// which may take as long as ours may; ours is given its own time in execute.
func (l *load) Timeout() time.Duration { return 2 * l.policy.loadTimeout }

// Grace implements flight.Job: one load as long as the last one, or a second.
func (l *load) Grace() time.Duration {
	const most = time.Second
	if took := time.Duration(l.typ.took.Load()); took > 0 {
		return min(took, most)
	}
	return most
}

// Joinable implements flight.Job. A load is as good as an L2 entry that was
// loaded when it began.
func (l *load) Joinable(running *call) bool {
	if l.forced {
		return false // it began before
	}
	c := l.cache
	d := c.domain
	if d == nil {
		return true
	}
	began := running.Job().(*load).started
	now := c.clock.Exact()
	if now > d.horizon.Load() && now-began > d.bound.Load() {
		return false
	}
	return l.admits(running.Seen(), began)
}

// Load implements flight.Job.
func (l *load) Load(ctx context.Context, f *call) (landing, error) {
	// Look again:
	//
	//  1. this caller misses L2
	//  2. another one's load ends, is kept in L2, and leaves the flight
	//  3. this caller leads a flight for a value that is there
	if e, a := l.peek(); e != nil && l.takes(e, a) {
		from := outcomeL2
		if a < early {
			from = outcomeStale
		}
		return landing{e, from}, nil
	}
	d := l.cache.domain
	if d == nil || l.typ.lossy != nil || !d.readable(l.key) {
		return l.alone(ctx, f)
	}
	return l.shared(ctx, f, d)
}

// alone loads without the shared tier.
func (l *load) alone(ctx context.Context, f *call) (landing, error) {
	var stamp uint64
	if d := l.cache.domain; d != nil {
		stamp = d.position.Load()
	}
	e, err := l.execute(ctx, f, &running{cache: l.cache, need: need{at: l.started}})
	if err != nil {
		return landing{}, err
	}
	e.Stamp = stamp
	l.keep(f, e)
	return landing{e, outcomeLoad}, nil
}

// keep puts e into L2, unless an invalidation came since the flight began.
func (l *load) keep(f *call, e *tier.Entry) {
	f.Keep(func() { l.cache.cfg.Local.Set(l.key, e) })
}

// takes reports whether l is content with e, which is so old.
func (l *load) takes(e *tier.Entry, a age) bool {
	switch {
	case l.forced:
		return false
	case l.than != nil:
		newer := a >= early && e != l.than && l.newer(e)
		return newer || l.cache.clock.Now() < atomic.LoadInt64(&e.Retry) // or it has failed since l's reader looked
	}
	return a >= early || a == stale && l.content()
}

// newer reports whether e is another version than the one that l is to replace. That
// one, read again from the shared tier, is not; but where it stays fresh there, it was
// made old here for what it had replaced itself:
//
//  1. another process refreshes the key, and stores the new version
//  2. this process reads that from the shared tier
//  3. it reads the record of the Refresh, which is later than the version's stamp
func (l *load) newer(e *tier.Entry) bool {
	return e.Created != l.than.Created || e.Fresh > after(l.than.Fresh, slack)
}

// entry is the value v, loaded in took.
func (l *load) entry(v any, took time.Duration) *tier.Entry {
	e := l.made(took)
	e.Value = v
	l.policy.lives(e, l.until(l.policy.ttl))
	return e
}

// negative is the entry that says that there is no value, found out in took. It is
// not served past its time: there is nothing to fall back on.
func (l *load) negative(took time.Duration) *tier.Entry {
	e := l.made(took)
	e.Err = ErrNotFound
	e.Fresh = l.until(l.policy.negative)
	l.policy.complete(e)
	return e
}

func (l *load) made(took time.Duration) *tier.Entry {
	return &tier.Entry{Key: l.key, Loaded: l.started, Created: time.Now().UnixMilli(), Took: took, Tags: l.policy.tags, Began: l.turn}
}

// until is the end of a ttl that begins now.
func (l *load) until(ttl time.Duration) int64 {
	if ttl == NoExpiry {
		return int64(NoExpiry)
	}
	return after(l.cache.clock.Exact(), l.policy.jittered(ttl))
}
