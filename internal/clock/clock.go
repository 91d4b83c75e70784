// Package clock is a clock for the hit path, where time.Now would cost more
// than the rest of the hit: a number in memory, brought up to date every Tick
// for as long as somebody reads it.
package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Tick is how often a Clock that is read moves.
const Tick = 10 * time.Millisecond

// Clock counts nanoseconds since its New. It is monotonic: a step of the wall
// clock does not move it, and no reader sees it go back.
//
// The timer behind it runs only while somebody reads. An idle process is not
// woken, and the fake time of testing/synctest can leap by weeks without
// passing millions of ticks. Within such a bubble a Clock must be made and used
// by that bubble alone.
//
// All methods are safe for concurrent use.
type Clock struct {
	base time.Time
	now  atomic.Int64 // 0: asleep
	read atomic.Bool  // since the last tick

	mu      sync.Mutex // guards every change of now
	timer   *time.Timer
	stopped bool
	armed   sync.WaitGroup // the timer, while a tick is to come or runs
}

// New returns a Clock that stands at 1 and is asleep: it has no timer yet.
func New() *Clock {
	return &Clock{base: time.Now().Add(-1)} // a nanosecond ago, so that 0 is never a time
}

// Now returns the time. It is behind Exact by at most Tick and what the
// scheduler adds to a timer: under starvation, or when the process was
// suspended, that can be any amount, until the next tick has run.
func (c *Clock) Now() int64 {
	now := c.now.Load()
	if now == 0 {
		return c.wake()
	}
	if !c.read.Load() { // a load before the store: readers on all cores share the line until the next tick
		c.read.Store(true)
	}
	return now
}

// Exact returns the time without lag, at the price of asking the system.
func (c *Clock) Exact() int64 { return int64(time.Since(c.base)) }

// From returns what other's time t is on this Clock.
func (c *Clock) From(other *Clock, t int64) int64 { return t + int64(other.base.Sub(c.base)) }

// Stop ends the timer and returns when none of its ticks is running any more.
// Now is Exact from then on. Stop may be called more than once.
func (c *Clock) Stop() {
	c.mu.Lock()
	c.stopped = true
	c.now.Store(0)
	if c.timer != nil && c.timer.Stop() {
		c.armed.Done() // the tick that will not come
	}
	c.mu.Unlock()
	c.armed.Wait()
}

func (c *Clock) wake() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now.Load(); now != 0 {
		return now // another reader was first
	}
	now := c.Exact() // under the lock: later than all that was stored before
	if c.stopped {
		return now
	}
	c.now.Store(now)
	c.read.Store(true)
	c.armed.Add(1)
	if c.timer == nil {
		c.timer = time.AfterFunc(Tick, c.tick)
	} else {
		c.timer.Reset(Tick)
	}
	return now
}

// tick moves the clock, or puts it to sleep if nobody has read it for a Tick. A
// reader may set read just after that:
//
//  1. the reader loads now
//  2. tick finds read unset and stores 0
//  3. the reader sets read
//
// It has a time that is right, and the next time the Clock is woken it does one
// more tick than it had to.
func (c *Clock) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
		c.armed.Done()
	case !c.read.Swap(false):
		c.now.Store(0)
		c.armed.Done()
	default:
		c.now.Store(c.Exact())
		c.timer.Reset(Tick)
	}
}
