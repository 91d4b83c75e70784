package memo

import (
	"context"
	"reflect"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// load is one caller's wish for a key, on its way from L1 to fn. It is what the
// flight calls a Job: whoever leads brings its own.
type load struct {
	cache   *Cache
	node    *node
	key     string
	policy  policy
	typ     *typeInfo
	run     func(ctx context.Context) (any, error)
	parent  *running // the load that this one is a part of
	started int64    // on the cache's clock; before anything was read
	led     bool
}

// landing is what a flight ends with.
type landing struct {
	entry *tier.Entry
	from  outcome
}

type call = flight.Call[landing]

// newLoad is one call's load, and its Clone.
func newLoad[T any](c *Cache, key string, opts []Option) (*load, func(T) T, error) {
	l := &load{cache: c, key: key, policy: c.policy, typ: c.typeOf(reflect.TypeFor[T]())}
	if err := l.policy.apply(opts); err != nil {
		return nil, nil, err
	}
	clone, err := cloner[T](&l.policy)
	return l, clone, err
}

// process is what lies below the request: L2, and one load for this process.
func (c *Cache) process(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	if n.load != nil {
		if err := l.within(ctx, n.load); err != nil {
			return nil, outcomeError, err
		}
	}
	if c.domain != nil {
		c.domain.attach(ctx)
	}
	if e := c.peek(l); e != nil {
		return e, outcomeL2, nil
	}
	base := context.Background()
	if c.cfg.LoadContext != nil {
		if lc := c.cfg.LoadContext(ctx); lc != nil {
			base = context.WithoutCancel(lc)
		}
	}
	l.started = c.clock.Exact()
	land, led, err := c.flights.Do(ctx, base, l.parent.flight(), l.key, l)
	l.led = led
	if err != nil {
		return nil, outcomeError, err
	}
	if !led && land.from == outcomeLoad {
		return land.entry, outcomeJoined, nil
	}
	return land.entry, land.from, nil
}

// within prepares l as a part of the load r: it waits until it is known how new
// a value must be, and fetches the log if this process is behind that.
func (l *load) within(ctx context.Context, r *running) error {
	l.parent = r
	if err := r.leased(ctx); err != nil {
		return err
	}
	d := l.cache.domain
	if d == nil || !d.up.Load() || r.admits(l.cache, 0, 0) {
		return nil
	}
	d.catchUp(ctx) // if it fails, or the Node is down, admits goes on saying no
	return nil
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
	return l.parent == nil || l.parent.admits(c, running.Seen(), began)
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
	return &tier.Entry{Key: l.key, Value: v, Loaded: l.started, Fresh: until, Expires: until, Took: took}
}
