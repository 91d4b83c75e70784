package flight

import (
	"context"
	"fmt"
	"time"
)

// run.go is the life of one load after it is boarded: it starts, its callers
// may leave it or its time be up, and it lands.

// start runs c on a goroutine of its own. The shard is locked.
//
// A goroutine that was kept from another load would have a stack of the right size, and
// that takes half of what is left here. It would be parked between two loads. A cache that
// its owner just forgets would leave it behind; and in a bubble of testing/synctest, whose
// clock stands still once its test has returned, no timer of ours could have it leave.
func (g *Group[V]) start(k *slot[V], c *Call[V]) {
	g.begin(k, c)
	c.goes()
}

// begin is all of start but the goroutine. The shard is locked.
func (g *Group[V]) begin(k *slot[V], c *Call[V]) {
	c.bound(c.job.Timeout())
	c.running = true
	c.shard.enter(c)
	k.runs++
	g.flying.Add(1)
	c.job.Starts()
}

func (c *Call[V]) goes() {
	go func() {
		room(false) // here, where there is one frame to move, and that is small: 8 % of a flight
		c.group.run(c)
	}()
}

// run is the goroutine of c. Landing is deferred, because Goexit leaves no other way.
func (g *Group[V]) run(c *Call[V]) {
	var out outcome[V]
	defer func() {
		out.rescue(recover())
		g.land(c, out)
		c.cancel()
	}()
	out.value, out.err = c.job.Load(&c.ctx, c)
	out.returned = true
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
// place of the load to the call that queues. What others read beside it, without a
// load, is not kept, as the load has read later:
//
//  1. a batch looks at a key, or a Get, and finds v1
//  2. a refresh of the key finds v2, or nothing, or what is not kept here. It returns
//  3. the batch keeps v1
func (g *Group[V]) land(c *Call[V], out outcome[V]) {
	s := c.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	c.due = 0
	g.settle(c, out.result)
	s.exit(c)
	k := s.keys[c.key]
	k.runs--
	k.missed = k.missed || k.glances
	for _, w := range k.claims {
		w.dirty = w.dirty || !w.write // of a write and c the write is the later one
	}
	if next := k.current; next != nil && !next.running {
		g.start(k, next)
	}
	s.tidy(c.key, k)
	g.landed()
}

// settle gives c its result, the first one that comes. The shard is locked.
func (g *Group[V]) settle(c *Call[V], out result[V]) {
	if c.settled {
		return
	}
	c.settled, c.result = true, out
	if k := c.shard.keys[c.key]; k.current == c {
		g.vacate(k)
	}
	c.stop()
	c.parent.Store(nil) // or a row of loads, each begun by the one before, would stay in memory
	c.wake()
}

// vacate makes room for another current load of k.
func (g *Group[V]) vacate(k *slot[V]) {
	c := k.current
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
