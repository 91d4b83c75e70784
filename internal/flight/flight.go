// Package flight runs one load per key at a time, for everyone who asks.
//
// It stands between the process tier and the shared tier. A [Group] decides who
// leads and who waits; the load runs on a goroutine of its own, so that every
// caller, the leader too, leaves when its own ctx ends. The load goes on while
// anyone waits, and for a grace when nobody does; then its ctx is cancelled.
//
// The load itself runs under a [singleflight.Group]. What is around it here is
// what singleflight does not have: callers who may leave, a ctx that belongs to
// all of them and to none, panics and Goexit that come back as a value in place
// of ending the process, loads that are told that they are out of date, and
// waits that would close a circle.
package flight

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

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
	// Starts is called when the load of this caller is about to run, and Waits when the
	// caller is about to wait, for its own load or another's, which may queue. A load
	// whose caller has left can start later, and one that Launch began has no caller.
	// Starts is called under a lock, and must not block.
	Starts()
	Waits()
	// Timeout bounds a load, and Grace is how long it may go on when nobody waits.
	Timeout() time.Duration
	Grace() time.Duration
}

// A Group holds the loads in flight. Make it with New.
type Group[V any] struct {
	seed   maphash.Seed
	shards [shards]shard[V]
	runs   singleflight.Group
	began  time.Time
	over   *cancellable
	flying atomic.Int64
	closed atomic.Bool
	idle   atomic.Pointer[chan struct{}] // closed when nothing flies any more
}

// shard is a part of the keys under one short lock. No load and no code of a
// user runs under it; a process tier's Set and Delete do.
type shard[V any] struct {
	mu    sync.Mutex
	keys  map[string]*slot[V]
	spare *slot[V] // nil, or one that nobody uses

	loads  *Call[V] // that run
	limits limits
}

// slot is what is going on with one key.
type slot[V any] struct {
	current *Call[V]   // who asks now joins it; nil if out of date
	claims  []*Call[V] // writes under way, see Claim
	runs    int        // loads running, out of date ones included
}

// New returns an empty Group.
func New[V any]() *Group[V] {
	g := &Group[V]{seed: maphash.MakeSeed(), began: time.Now(), over: newOver()}
	for i := range g.shards {
		g.shards[i].keys = map[string]*slot[V]{}
	}
	return g
}

// InFlight is the number of loads that run at this moment.
func (g *Group[V]) InFlight() int { return int(g.flying.Load()) }

// Do joins a load of key or leads one, and reports whether it led. The load's
// ctx is base with a cancellation of its own. parent is the load
// that the caller is itself a part of, or nil.
//
// A panic in the load comes back as a *Panic to everyone.
func (g *Group[V]) Do(ctx, base context.Context, parent *Call[V], key string, job Job[V]) (v V, led bool, err error) {
	if ctx.Err() != nil {
		return v, false, ended.Err(ctx)
	}
	if parent.loads(g, key) {
		return v, false, ErrRecursive
	}
	c, led := g.board(base, parent, key, job)
	if c == nil {
		return v, false, ErrClosed
	}
	if !parent.await(c) {
		g.leave(c)
		return v, led, ErrRecursive
	}
	defer parent.awaited(c)
	job.Waits()
	select {
	case <-c.done:
	case <-ctx.Done():
		select {
		case <-c.done: // both: the value is worth more
		default:
			g.leave(c)
			return v, led, ended.Err(ctx)
		}
	}
	return c.value, led, c.err
}

// board finds the call to wait for, or makes and starts one; nil after Drain.
func (g *Group[V]) board(base context.Context, parent *Call[V], key string, job Job[V]) (c *Call[V], led bool) {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.keys[key]
	if k == nil {
		k = s.slot()
	}
	if c := k.current; c != nil && (!c.running || job.Joinable(c)) {
		c.waiters++
		return c, false
	}
	if g.closed.Load() {
		return nil, false
	}
	if k.current != nil {
		g.outdate(k)
	}
	if base == nil {
		panic("flight: base is nil")
	}
	c = &Call[V]{group: g, shard: s, key: key, ctx: lifetime{base: base}, job: job, waiters: 1, done: make(chan struct{})}
	c.parent.Store(parent)
	if k.runs < MaxRuns {
		g.start(k, c)
	} else {
		c.queue(job.Timeout())
	}
	// Registered last: if base or job is nil, the above panics and the key is free.
	k.current = c
	s.keys[key] = k
	return c, true
}

func (g *Group[V]) shard(key string) *shard[V] { return &g.shards[g.home(key)] }

// home is the number of key's shard.
func (g *Group[V]) home(key string) int { return int(maphash.String(g.seed, key) % shards) }

// tidy removes k when nothing goes on with key any more. A load only queues
// behind others that run.
func (s *shard[V]) tidy(key string, k *slot[V]) {
	if k.runs == 0 && len(k.claims) == 0 {
		delete(s.keys, key)
		s.spare = k
	}
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

// Current returns the load of key that callers would join, or nil.
func (g *Group[V]) Current(key string) *Call[V] {
	s := g.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[key]; k != nil {
		return k.current
	}
	return nil
}

// Launch begins a load of key that nobody waits for, unless one is there that somebody
// could join, MaxRuns are, or Drain was called. It ends by itself, by its Timeout, or
// when it is out of date; callers who join it and leave do not end it.
func (g *Group[V]) Launch(base context.Context, key string, job Job[V]) {
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
	c := &Call[V]{group: g, shard: s, key: key, ctx: lifetime{base: base}, job: job, free: true, done: make(chan struct{})}
	g.start(k, c)
	k.current = c
	s.keys[key] = k
}
