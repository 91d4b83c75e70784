package flight

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/ended"
)

// How callers wait for a load. Who leads has a bell, which rings once, and is used again;
// all others share a channel, which the first of them makes, and which is closed. Most
// loads have one caller: a channel for each was an allocation, 96 B, of nine.

// bell rings for who leads. Of settle and leave, under the lock of the shard, one has it.
type bell struct {
	rings chan struct{} // has room for one
}

// takeBell is one that nobody waits for. Bells go to and fro without the lock, which who
// has just been woken would find taken by the load that lands.
func (s *shard[V]) takeBell() *bell {
	if b := s.bell.Swap(nil); b != nil {
		return b
	}
	return &bell{make(chan struct{}, 1)}
}

// board notes one more who waits for c. The shard is locked.
func (c *Call[V]) board() {
	c.waiters++
	if c.done == nil {
		c.done = make(chan struct{})
	}
}

// Wait returns what c ends with, for a caller who has boarded it, led it or not, and is a
// part of parent, or of nothing. ready is called when it is about to wait; if ctx ends
// first the caller leaves c. A panic in the load comes back as a *Panic to everyone.
func (c *Call[V]) Wait(ctx context.Context, parent *Call[V], led bool, ready func()) (v V, err error) {
	if parent != nil {
		if !parent.await(c) {
			c.leave(led)
			return v, ErrRecursive
		}
		defer parent.awaited(c)
	}
	ready()
	var over <-chan struct{}
	if led {
		over = c.bell.rings // done others may be making
	} else {
		over = c.done
	}
	select {
	case <-over:
		if led {
			c.shard.bell.Store(c.bell)
		}
	case <-ctx.Done():
		if c.leave(led) {
			return v, ended.Err(ctx)
		}
	}
	return c.value, c.err
}

// Await is Wait for who has joined c, and is a part of nothing. It reports whether c has
// ended, else ctx has.
func (c *Call[V]) Await(ctx context.Context) (ended bool) {
	select {
	case <-c.done:
		return true
	case <-ctx.Done():
		return !c.leave(false)
	}
}

// Result is what c, which has ended, ended with.
func (c *Call[V]) Result() (V, error) { return c.value, c.err }

// leave takes one caller off c, and reports whether c goes on: if it has ended, its value
// is worth more than that ctx has, too. The last caller starts the grace: callers who are
// less patient than the load is slow would otherwise keep the cache empty for ever. There
// is none for a load that nobody can join any more.
func (c *Call[V]) leave(led bool) bool {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	if led {
		if c.settled {
			<-c.bell.rings
		}
		c.shard.bell.Store(c.bell)
		c.bell = nil
	}
	if c.settled {
		return false
	}
	c.waiters--
	switch {
	case c.waiters > 0, c.free && !c.dirty:
	case !c.running: // it queues: nothing is lost
		c.group.settle(c, result[V]{err: context.Canceled})
	case c.dirty:
		c.cancel()
	default:
		c.stop()
		c.grace = newAlarm(c, c.job.Grace(), c.group.expire)
	}
	return true
}

// wake tells all who wait for c that it has ended. The shard is locked.
func (c *Call[V]) wake() {
	c.over.Store(true)
	if c.bell != nil {
		c.bell.rings <- struct{}{}
	}
	if c.done != nil {
		close(c.done)
	}
}

// ended reports whether c has its result.
func (c *Call[V]) ended() bool { return c.over.Load() }
