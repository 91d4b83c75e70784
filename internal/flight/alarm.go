package flight

import (
	"sync/atomic"
	"time"
)

// An alarm calls somebody when the time of a call is up. A timer that was
// stopped may stay in the runtime's heap until its time has come, and what it
// holds with it; so it does not hold the call, whose value may be large.
type alarm[V any] struct {
	call  atomic.Pointer[Call[V]] // nil when stopped
	timer *time.Timer
}

// newAlarm has ring called with c after d. ring must not hold c.
func newAlarm[V any](c *Call[V], d time.Duration, ring func(*Call[V])) *alarm[V] {
	a := &alarm[V]{}
	a.call.Store(c)
	a.timer = time.AfterFunc(d, func() {
		if c := a.call.Load(); c != nil {
			ring(c)
		}
	})
	return a
}

func (a *alarm[V]) stop() {
	a.call.Store(nil)
	a.timer.Stop()
}
