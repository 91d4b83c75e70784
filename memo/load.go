package memo

import (
	"context"
	"reflect"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// What L1 does not have comes by here: a look in L2 (local.go), and then the one
// load of this process, of which shared.go is the next step.

// load is one caller's wish for a key, on its way from L1 to fn. It is what the
// flight calls a Job: whoever leads brings its own.
type load struct {
	cache   *Cache
	node    *node
	key     string
	policy  policy
	typ     *typeInfo
	run     func(ctx context.Context) (any, error)
	started int64  // on the cache's clock; before anything was read
	asked   uint64 // the turn of the fences when its caller asked
	turn    uint64 // the same when it started
	led     bool

	parent *running // the load that this one is a part of
	need   need     // of parent
	sure   bool     // this process had heard of all that l needs, before anything was read
}

// landing is what a flight ends with.
type landing struct {
	entry *tier.Entry
	from  outcome
}

type call = flight.Call[landing]

// newLoad is one call's load, and its Clone.
func newLoad[T any](c *Cache, key string, opts []Option) (*load, func(T) T, error) {
	l := &load{cache: c, key: key, policy: c.policy}
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
		if n.load != nil {
			if err := l.within(ctx, n.load); err != nil {
				return nil, outcomeError, err
			}
			l.asked = c.fences.turn.Load() // of what it has heard of meanwhile, too
		}
		if e := c.peek(l); e != nil {
			return e, outcomeL2, nil
		}
		land, err := c.fly(ctx, l)
		if err != nil {
			return nil, outcomeError, err
		}
		// Who leads may be no part of a load, and content with an L2 entry that is not
		// good enough for one that joined. And nobody knew the tags of the entry while it
		// was loaded: one that joined may have asked after they were invalidated.
		if e := land.entry; l.led || l.admits(e.Stamp, e.Loaded) && (e.Began >= l.asked || !c.fences.hide(e)) {
			return e, land.from, nil
		}
	}
}

// fly leads or joins the one load of l's key.
func (c *Cache) fly(ctx context.Context, l *load) (landing, error) {
	base := context.Background()
	if c.cfg.LoadContext != nil {
		if lc := c.cfg.LoadContext(ctx); lc != nil {
			base = context.WithoutCancel(lc)
		}
	}
	l.started, l.turn = c.clock.Exact(), c.fences.turn.Load()
	land, led, err := c.flights.Do(ctx, base, l.parent.flight(), l.key, l)
	l.led = led
	if !led && land.from == outcomeLoad {
		land.from = outcomeJoined
	}
	return land, err
}

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
	if e := l.cache.peek(l); e != nil {
		return landing{e, outcomeL2}, nil
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

// entry is the value v, loaded in took.
func (l *load) entry(v any, took time.Duration) *tier.Entry {
	until := l.cache.clock.Exact() + int64(l.policy.ttl)
	if until < 0 || l.policy.ttl == NoExpiry {
		until = int64(NoExpiry)
	}
	return &tier.Entry{Key: l.key, Value: v, Loaded: l.started, Fresh: until, Expires: until, Took: took, Tags: l.policy.tags, Began: l.turn}
}
