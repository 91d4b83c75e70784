package memo

import (
	"context"
	"errors"
	"reflect"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// What L1 does not have comes by here: a look in L2 (local.go), and then the one
// load of this process, which this caller leads (lead.go) or joins.

// load is one caller's wish for a key, on its way from L1 to fn. It is what the
// flight calls a Job: whoever leads brings its own.
type load struct {
	cache *Cache

	led      bool // all in what is left of the word
	fresh    bool // its caller's ctx is Fresh
	exacting bool // for that, or for its parent, not everything that is valid will do
	apart    bool // the load that this one is a part of is of another Node
	sure     bool // this process had heard of all that l needs, before anything was read
	absent   bool // by Add: only where there is no value
	forced   bool // by Refresh: whatever the tiers hold

	tally   *tally  // under what name it is counted
	kind    *tally  // the same for its key, and so for what is stored
	key     string  // as the tiers have it
	home    *home   // what becomes of the value is decided there
	domain  *domain // of the Node that holds key; nil: none does
	policy  *policy // others' too: see owns
	typ     *typeInfo
	tagger  func(v any) []string // of TagsFrom; nil: none
	fn      body                 // nil: seat has a loader of many keys
	ahead   *ahead               // what its batch, or its leader, has seen for it; nil: nothing
	seat    *seat                // in the batch that it travels with; nil: none
	own     *flown               // where l lies; nil: it leads no flight
	started int64                // on the cache's clock; before anything was read
	asked   uint64               // the turn of the fences when its caller asked
	turn    uint64               // the same when it started

	parent   *running    // the load that this one is a part of
	need     need        // if it is exacting: what will do
	replaces *tier.Entry // by a refresh that nobody waits for: what it is to put another version in place of
}

// landing is what a flight ends with.
type landing struct {
	entry *tier.Entry
	from  outcome
}

type call = flight.Call[landing]

// newLoad is one call's load of key, which is the caller's text, and its Clone.
func newLoad[T any](c *Cache, n *node, key string, opts []Option) (*load, func(T) T, error) {
	l := new(load)
	clone, err := loadOf[T](l, c, n, key, opts)
	return l, clone, err
}

// loadOf makes l what newLoad returns. A read has its l on the stack, and what it goes by
// keeps nothing of it: only who leads has a copy on the heap (flown). Of 10,000 callers
// who wait for one load that is 4 MB.
func loadOf[T any](l *load, c *Cache, n *node, key string, opts []Option) (clone func(T) T, err error) {
	l.cache, l.kind, l.policy, l.fresh = c, c.tallyOfKey(key), &c.policy, n.mode&modeFresh != 0
	kept, problem := n.vary.keepKey(key)
	if problem != nil {
		return nil, problem
	}
	l.key = kept
	t := reflect.TypeFor[T]()
	if n.vary != nil || len(opts) > 0 || l.policy.skipNil {
		l.owns()
		if err = l.policy.varies(n.vary); err != nil {
			return nil, err
		}
		if err = l.policy.applyTo(t, opts); err != nil {
			return nil, err
		}
	}
	if l.tally = l.kind; l.policy.name != "" {
		l.tally = c.tallyOf(l.policy.name)
	}
	if l.typ, err = c.typeOf(t, l.policy.codec, l.policy.shares()); err != nil {
		return nil, err
	}
	if l.tagger, err = tagger[T](l.policy); err != nil {
		return nil, err
	}
	return cloner[T](l.policy)
}

// owns gives l a policy of its own, to be changed. Until then it has that of its cache or
// of its Func: a copy for each load was 200 B, and most loads change nothing.
func (l *load) owns() *policy {
	own := *l.policy
	l.policy = &own
	return l.policy
}

// count counts the end of the read that l is.
func (l *load) count(from outcome) { l.tally.count(from) }

// process is what lies below the request: L2, and one load for this process.
func (c *Cache) process(ctx context.Context, n *node, l *load) (*tier.Entry, outcome, error) {
	l.settles(ctx)
	l.asked = l.home.fences.turn.Load()
	for {
		if err := l.hears(ctx, n); err != nil {
			return nil, outcomeError, err
		}
		switch e, a := l.peek(); {
		case l.forced, a == gone:
		case a == fresh:
			return e, outcomeL2, nil
		case a == early:
			l.refreshBehind(ctx, e)
			return e, outcomeL2, nil
		case a == stale && l.takesStale():
			l.refreshBehind(ctx, e)
			return e, outcomeStale, nil
		case l.standsInNow(e):
			return e, outcomeStale, nil
		}
		if land := l.besideRefresh(ctx); land.entry != nil {
			return land.entry, land.from, nil
		}
		land, err := l.cache.fly(ctx, l)
		if err != nil {
			if e := l.instead(ctx, err); e != nil {
				return e, outcomeStale, nil
			}
			return nil, l.unanswered(err), err
		}
		if l.led || l.accepts(land) {
			l.refreshLanded(ctx, land)
			return land.entry, land.from, nil
		}
		l.placed() // the key may have moved
		l.asked = l.home.fences.turn.Load()
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

// accepts reports whether what a load that l has joined ended with is good enough
// for l. Who leads may be no part of a load, and content with an L2 entry that is
// older than l needs, or past its time. And nobody knew the tags of the entry while it
// was loaded: one that joined may have asked after they were invalidated.
func (l *load) accepts(land landing) bool {
	e := land.entry
	switch {
	case land.from == outcomeStale && !l.takesStale(), homeOf(e) != l.home:
		return false
	case l.apart && !l.sure: // of another process's, nobody knows what it was made of
		return land.from == outcomeJoined && e.Loaded > l.need.at
	case !l.admits(e.Stamp, e.Loaded):
		return false
	case l.forced && land.from != outcomeJoined: // it waited for a place to run, and found that it need not
		return false
	}
	return e.Began >= l.asked || !l.home.hides(e)
}

// fly leads or joins the one load of l's key.
func (c *Cache) fly(ctx context.Context, l *load) (landing, error) {
	l.seat.goesOn()
	f, err := c.flights.Join(ctx, l.parent.flight(), l.key, l.Joinable)
	if l.led = false; f == nil && err == nil {
		f, err = l.lead(ctx)
	}
	if err != nil {
		return landing{}, err
	}
	if l.led && f.Here() {
		if land, err, over := f.Job().(*load).glimpse(ctx, f); over {
			return land, err
		}
	}
	land, err := f.Wait(ctx, l.parent.flight(), l.led, l.seat.waits)
	if !l.led && land.from == outcomeLoad {
		land.from = outcomeJoined
	}
	return land, err
}

// lead begins the one load of l's key, unless somebody has just done so.
func (l *load) lead(ctx context.Context) (f *call, err error) {
	if !l.ahead.held() { // else it began before what it has seen
		l.begins()
	}
	own := l.flown()
	f, l.led, err = l.cache.flights.Lead(l.base(ctx), l.parent.flight(), own.key, &own.call, &own.load, l.glimpses())
	return f, err
}

// base is the ctx of the load that l begins: of those of a batch it is one.
func (l *load) base(ctx context.Context) context.Context {
	if l.seat != nil {
		return l.seat.gather.base
	}
	return l.cache.base(ctx)
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
func (l *load) begins() { l.started, l.turn = l.cache.clock.Exact(), l.home.fences.turn.Load() }
