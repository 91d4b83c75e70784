package flight

import (
	"context"
	"fmt"
	"time"
)

// run.go is the life of one load after it is boarded: it starts, its callers
// may leave it or its time be up, and it lands.

// start runs c on a goroutine of its own. The shard is locked.
func (g *Group[V]) start(k *slot[V], c *Call[V]) {
	c.bound(c.job.Timeout())
	c.running = true
	c.shard.enter(c)
	k.runs++
	g.flying.Add(1)
	c.job.Starts()
	go g.run(c)
}

// run is the goroutine of one load. Landing is deferred, because Goexit leaves
// no other way.
//
// The shard is locked from the look at current until singleflight has let c in,
// and a load that is not current any more stays outside. Otherwise:
//
//  1. load 1 is current; its goroutine has not come to its Do yet
//  2. an invalidation has singleflight forget the key, to no effect; load 2 is current
//  3. load 1 comes to its Do, and load 2 joins it there: it never runs
func (g *Group[V]) run(c *Call[V]) {
	room(false)
	defer func() {
		g.land(c)
		c.cancel()
	}()
	c.shard.mu.Lock()
	if c.shard.keys[c.key].current != c {
		c.shard.mu.Unlock()
		c.load()
		return
	}
	_, _, _ = g.runs.Do(c.key, func() (any, error) {
		c.shard.mu.Unlock()
		c.load()
		return nil, nil
	})
}

// load notes what the job's Load returns.
func (c *Call[V]) load() {
	defer c.loaded.rescue()
	c.loaded.value, c.loaded.err = c.job.Load(&c.ctx, c)
	c.loaded.returned = true
}

// cancel ends the ctx of c: its load is of no use any more.
func (c *Call[V]) cancel() { c.ctx.end(nil, c.group.over) }

// timeoutError is what the callers of a load that ran too long get.
type timeoutError time.Duration

func (e timeoutError) Error() string {
	return fmt.Sprintf("memo: a load took longer than its limit of %v", time.Duration(e))
}

// Unwrap makes it a context.DeadlineExceeded.
func (timeoutError) Unwrap() error { return context.DeadlineExceeded }

// land gives c what its load returned, unless c was given up before, and the
// place of the load to the call that queues.
func (g *Group[V]) land(c *Call[V]) {
	s := c.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	c.due = 0
	g.settle(c, c.loaded)
	s.exit(c)
	k := s.keys[c.key]
	k.runs--
	if next := k.current; next != nil && !next.running {
		g.start(k, next)
	}
	s.tidy(c.key, k)
	g.landed()
}

// settle gives c its result, the first one that comes. The shard is locked.
func (g *Group[V]) settle(c *Call[V], out outcome[V]) {
	if c.settled {
		return
	}
	c.settled, c.outcome = true, out
	if k := c.shard.keys[c.key]; k.current == c {
		g.vacate(k)
	}
	c.stop()
	c.parent.Store(nil) // or a row of loads, each begun by the one before, would stay in memory
	c.wake()
}

// vacate makes room for another current load of k. The run of this one may not
// have left singleflight yet, and the next one would join it there.
func (g *Group[V]) vacate(k *slot[V]) {
	c := k.current
	g.runs.Forget(c.key)
	k.current = nil
	c.shard.youngest.CompareAndSwap(c, nil)
}

// expire ends the grace of c.
func (g *Group[V]) expire(c *Call[V]) {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	if k := c.shard.keys[c.key]; k != nil && k.current == c && c.waiters == 0 {
		g.outdate(k)
	}
}
