package flight

import "time"

// How long a load may run. One timer for all loads of a shard stands for the first that
// is due: a load that ends in time, as nearly all do, sets none and stops none. A timer
// for each took 3 allocations, 168 B, and two trips to the runtime's heap of timers.

// limits says when the loads of a shard are due. It is guarded by the shard's lock.
type limits struct {
	timer *time.Timer // nil: no load was bounded yet
	next  int64       // when it rings; 0: it does not. Never after a load is due
}

// now is the time on g's own clock, which is never 0.
func (g *Group[V]) now() int64 { return int64(time.Since(g.began)) + 1 }

// bound gives the load c d from now. The shard is locked.
func (c *Call[V]) bound(d time.Duration) {
	now := c.group.now()
	c.allowed = d
	c.due = now + int64(d)
	if c.due < now { // d is next to for ever
		c.due = 1<<63 - 1
	}
	c.shard.watch(c.due, d)
}

// watch has the timer ring when a load is due, in d, unless it rings before that. The
// shard is locked.
func (s *shard[V]) watch(due int64, d time.Duration) {
	l := &s.limits
	if l.next != 0 && l.next <= due {
		return
	}
	l.next = due
	if l.timer == nil {
		l.timer = time.AfterFunc(d, s.ring)
	} else {
		l.timer.Reset(d)
	}
}

// ring gives up the loads that ran too long. One that does not heed its ctx must not
// keep the key: its callers get the error, and the next one starts anew. The ring may be
// that of a timer which was set anew meanwhile: then nothing is due, and it is set again.
func (s *shard[V]) ring() {
	for _, c := range s.overdue() {
		c.ctx.end(timeoutError(c.allowed), c.group.over)
	}
}

// overdue settles the loads that are due, and returns them.
func (s *shard[V]) overdue() (given []*Call[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.next = 0
	var first *Call[V]
	for c := s.loads; c != nil; c = c.next {
		switch {
		case c.due == 0: // it has been given up
		case c.due <= c.group.now():
			c.due = 0
			c.group.settle(c, result[V]{err: timeoutError(c.allowed)})
			given = append(given, c)
		case first == nil || c.due < first.due:
			first = c
		}
	}
	if first != nil {
		s.watch(first.due, time.Duration(first.due-first.group.now()))
	}
	return given
}

// enter and exit keep the list of the loads that run. The shard is locked.
func (s *shard[V]) enter(c *Call[V]) {
	if c.next = s.loads; c.next != nil {
		c.next.prev = c
	}
	s.loads = c
}

func (s *shard[V]) exit(c *Call[V]) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.loads = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}
