// Package flight runs one load per key at a time, for everyone who asks.
//
// It stands between the process tier and the shared tier. A [Group] decides who
// leads and who waits; the load runs on a goroutine of its own, so that every
// caller, the leader too, leaves when its own ctx ends. The load goes on while
// anyone waits, and for a grace when nobody does; then its ctx is cancelled. Who
// leads may begin it himself, up to where it needs that goroutine: see here.go.
//
// It is what golang.org/x/sync/singleflight is, with what that does not have:
// callers who may leave, a ctx that belongs to all of them and to none, panics and
// Goexit that come back as a value in place of ending the process, loads that are
// told that they are out of date, and waits that would close a circle.
package flight

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/ended"
)

// MaxRuns is how many loads of one key may run at once: an invalidation makes
// later callers start anew while the old load still runs. The next one queues.
const MaxRuns = 4

// shards is how many locks share the keys: as many as a uint64 has bits, see
// Invalidate.
const shards = 64

// ErrRecursive is the answer to a load that would wait for itself.
var ErrRecursive = errors.New("flight: a load waits for itself")

// A Job is one caller's wish: how to load, and which running load would do.
type Job[V any] interface {
	// Joinable reports whether the running load c would do. It is called under a
	// lock, and must not block.
	Joinable(c *Call[V]) bool
	// Load loads, on a goroutine of its own. Its ctx is not the caller's: it ends
	// with the last caller's grace, or with the Timeout; see Extend.
	Load(ctx context.Context, c *Call[V]) (V, error)
	// Starts is called when the load of this caller is about to run: a load whose caller
	// has left can start later, and one that Launch began has no caller. It is called
	// under a lock, and must not block.
	Starts()
	// Timeout bounds a load, and Grace is how long it may go on when nobody waits.
	Timeout() time.Duration
	Grace() time.Duration
}

// A Group holds the loads in flight. Make it with New.
type Group[V any] struct {
	seed   maphash.Seed
	shards [shards]shard[V]
	began  time.Time
	over   *cancellable
	flying atomic.Int64
	closed atomic.Bool
	idle   atomic.Pointer[chan struct{}] // closed when nothing flies any more
}

// shard is a part of the keys under one short lock. No load and no code of a
// user runs under it; a process tier's Set and Delete do.
type shard[V any] struct {
	group *Group[V]

	mu    sync.Mutex
	keys  map[string]*slot[V]
	spare *slot[V] // nil, or one that nobody uses

	loads  *Call[V] // that run
	limits limits

	youngest atomic.Pointer[Call[V]] // the last that became the current one of its key; nil: it has ceased to be
	bell     atomic.Pointer[bell]    // nil, or one that nobody waits for
}

// slot is what is going on with one key.
type slot[V any] struct {
	current *Call[V]   // who asks now joins it; nil if out of date
	claims  []*Call[V] // writes under way, see Claim
	runs    int        // loads running, out of date ones included

	glances bool // somebody looks, see Glance
	missed  bool // an invalidation came since he began, or a load landed
	lent    bool // it is his, and with him those of a whole batch
}

// New returns an empty Group.
func New[V any]() *Group[V] {
	g := &Group[V]{seed: maphash.MakeSeed(), began: time.Now(), over: newOver()}
	for i := range g.shards {
		g.shards[i].group, g.shards[i].keys = g, map[string]*slot[V]{}
	}
	return g
}

// InFlight is the number of loads that run at this moment, and of Glances.
func (g *Group[V]) InFlight() int { return int(g.flying.Load()) }

// Join is the first half of a read: it boards the load of key, if there is one that
// queues, or runs and would do; nil: the caller is to Lead. parent is the load that the
// caller is itself a part of, or nil. It keeps neither key nor joinable, so that a
// caller who need not lead has nothing to put on the heap.
func (g *Group[V]) Join(ctx context.Context, parent *Call[V], key string, joinable func(c *Call[V]) bool) (*Call[V], error) {
	if ctx.Err() != nil {
		return nil, ended.Err(ctx)
	}
	if parent.loads(g, key) {
		return nil, ErrRecursive
	}
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil || k.current == nil || k.current.running && !joinable(k.current) {
		return nil, nil
	}
	k.current.board()
	return k.current, nil
}

// Lead is the second half: it makes c, which is new, the load of key by job, and returns
// it; or it boards another's, who came first. The load's ctx is base with a cancellation
// of its own. Who has a Call, from Join or from Lead, is to Wait for it; but if it is Here,
// who leads is to begin it, and waits only if it goes on.
func (g *Group[V]) Lead(base context.Context, parent *Call[V], key string, c *Call[V], job Job[V], here bool) (boarded *Call[V], led bool, err error) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil {
		k = s.slot()
	}
	if c := k.current; c != nil && (!c.running || job.Joinable(c)) {
		c.board()
		return c, false, nil
	}
	if g.closed.Load() {
		return nil, false, ErrClosed
	}
	if k.current != nil {
		g.outdate(k)
	}
	c.opens(s, key, base, job)
	c.waiters = 1
	c.parent.Store(parent)
	queues := k.runs >= MaxRuns
	if c.here = here && !queues; !c.here {
		c.bell = s.takeBell()
	}
	switch {
	case queues:
		c.queue(job.Timeout())
	case c.here:
		g.begin(k, c)
	default:
		g.start(k, c)
	}
	// Registered last: if base or job is nil, the above panics and the key is free.
	s.current(k, c)
	return c, true, nil
}

// opens makes c, which is new, a load of key.
func (c *Call[V]) opens(s *shard[V], key string, base context.Context, job Job[V]) {
	if base == nil {
		panic("flight: base is nil")
	}
	c.group, c.shard, c.key, c.ctx.base, c.job = s.group, s, key, base, job
}

func (g *Group[V]) shard(key string) *shard[V] { return &g.shards[g.home(key)] }

// home is the number of key's shard.
func (g *Group[V]) home(key string) int { return int(maphash.String(g.seed, key) % shards) }

// tidy removes k when nothing goes on with key any more, and reports whether it has. A load
// only queues behind others that run.
func (s *shard[V]) tidy(key string, k *slot[V]) bool {
	if k.runs > 0 || len(k.claims) > 0 || k.glances {
		return false
	}
	delete(s.keys, key)
	if !k.lent {
		s.spare = k
	}
	return true
}

// slot is one that has nothing in it: the last that was given up, as a rule. To make one
// for each load took an allocation, 48 B.
func (s *shard[V]) slot() *slot[V] {
	k := s.spare
	if k == nil {
		return &slot[V]{}
	}
	s.spare = nil
	return k
}

// Current returns the load of key that callers would join, or nil. The readers of a value
// that is being refreshed ask this all at once: where the youngest load of the shard is
// the one, they take no lock.
func (g *Group[V]) Current(key string) *Call[V] {
	s := g.shard(key)
	if c := s.youngest.Load(); c != nil && c.key == key {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[key]; k != nil {
		return k.current
	}
	return nil
}

// Launch makes c, which is new, a load of key that nobody waits for, unless one is there
// that somebody could join, MaxRuns are, or Drain was called. It ends by itself, by its
// Timeout, or when it is out of date; callers who join it and leave do not end it.
func (g *Group[V]) Launch(base context.Context, key string, c *Call[V], job Job[V]) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil {
		k = s.slot()
	}
	if k.current != nil || k.runs >= MaxRuns || g.closed.Load() {
		return
	}
	c.opens(s, key, base, job)
	c.free = true
	g.start(k, c)
	s.current(k, c)
}

// current makes c the load of k that callers join.
func (s *shard[V]) current(k *slot[V], c *Call[V]) {
	k.current = c
	s.keys[c.key] = k
	s.youngest.Store(c)
}
