package flight

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A Call is one load in flight, or one write under way.
type Call[V any] struct {
	group  *Group[V]
	shard  *shard[V]
	key    string
	job    Job[V]
	ctx    lifetime
	parent atomic.Pointer[Call[V]] // the load that its leader is a part of; nil once settled

	// Guarded by the shard's lock.
	bell    *bell         // of the caller who leads; nil: it has left or begins it, or there is none
	done    chan struct{} // of all others; nil: there is none
	waiters int32
	over    atomic.Bool // it has ended; changed under the lock
	running bool
	settled bool      // it has its result, or was released
	write   bool      // a Claim
	free    bool      // it runs although nobody waits: see Launch
	here    bool      // see Here; set once, before anybody else knows c
	dirty   bool      // an invalidation came, or the load was given up: keep nothing
	stamp   uint64    // see Stamp
	grace   *alarm[V] // ends a load that nobody waits for, or the wait of one that queues
	allowed time.Duration
	due     int64    // when it will have run for as long as it is allowed; 0: it does not run, or has been given up
	prev    *Call[V] // this and next: of the loads that run
	next    *Call[V]

	result[V] // what the callers get: written before done is closed

	ties atomic.Pointer[ties[V]] // nil: it has none
}

// ties are what a load has to do with others. Most have none.
type ties[V any] struct {
	fellows []*Call[V]       // of a Together: the loads that run as one
	waits   map[*Call[V]]int // this and with are guarded by circles
	with    *Call[V]         // the Together that this load is one of
}

// tied are c's, which it has from now on. circles is locked.
func (c *Call[V]) tied() *ties[V] {
	t := c.ties.Load()
	if t == nil {
		t = new(ties[V])
		c.ties.Store(t)
	}
	return t
}

// result is what a load ended with, and outcome how.
type result[V any] struct {
	value V
	err   error
}

type outcome[V any] struct {
	result[V]
	returned bool
}

// rescue turns a panic or a Goexit into an error. It does not rethrow: the
// goroutine of a load is nobody's, and a panic there would end the process.
func (o *outcome[V]) rescue(panicked any) {
	if !o.returned {
		o.err = &Panic{Value: panicked, Stack: debug.Stack()}
	}
}

// Panic is the error of a load that panicked or called runtime.Goexit.
type Panic struct {
	Value any // nil after Goexit
	Stack []byte
}

// Error implements error.
func (p *Panic) Error() string {
	if p.Value == nil {
		return "flight: a load called runtime.Goexit"
	}
	return fmt.Sprintf("flight: a load panicked: %v", p.Value)
}

// Stamp notes the shared tier's sequence at which the load saw the world. An
// invalidation up to that sequence does not concern it any more.
func (c *Call[V]) Stamp(seq uint64) {
	c.shard.mu.Lock()
	c.stamp = seq
	c.shard.mu.Unlock()
}

// Seen returns what Stamp noted, for Joinable, which holds the lock.
func (c *Call[V]) Seen() uint64 { return c.stamp }

// Extend gives the load d from now, in place of what is left of its Timeout.
func (c *Call[V]) Extend(d time.Duration) {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	if c.due != 0 {
		c.bound(d)
	}
}

// Job returns the job of the caller that leads c.
func (c *Call[V]) Job() Job[V] { return c.job }

// Keep runs store unless c is out of date, and reports whether it did. It is
// one step against Invalidate:
//
//  1. the load looks whether it is out of date: it is not
//  2. Invalidate marks it and empties the process tier
//  3. the load stores the old value in the process tier, for its whole TTL
//
// It does nothing either when c has ended: nobody marks c from then on.
func (c *Call[V]) Keep(store func()) bool {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	if c.dirty || c.settled {
		return false
	}
	store()
	if c.write {
		// Who began during the write may have read what was there before it.
		c.group.invalidate(c.shard.keys[c.key], Always)
		c.dirty = false
	}
	return true
}

// stop ends a timer that waits for c. The shard is locked.
func (c *Call[V]) stop() {
	if c.grace != nil {
		c.grace.stop()
	}
}

// queue bounds the time that c may wait for a place by the time that it may
// run. The shard is locked.
func (c *Call[V]) queue(d time.Duration) {
	c.grace = newAlarm(c, d, func(c *Call[V]) {
		c.shard.mu.Lock()
		defer c.shard.mu.Unlock()
		if !c.running {
			c.group.settle(c, result[V]{err: timeoutError(d)})
		}
	})
}
