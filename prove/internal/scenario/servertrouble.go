package scenario

import (
	"math/rand/v2"
	"time"
)

// servertrouble.go is what happens to memcached.

// between returns a duration from least to most.
func between(least, most time.Duration) time.Duration { return least + rand.N(most-least) }

// waits is an outage of a certain length.
func (r *run) waits(d time.Duration) func() error {
	return func() error { r.pause(d); return nil }
}

// stopped is a server that hangs: connections stay open, nothing answers, and
// what it was sent is executed when it goes on. Now shorter than StaleBound, so
// that what it holds is used again once the queues are delivered, and now longer,
// so that it is void.
func stopped(r *run) error {
	short := true
	for r.next(between(300*time.Millisecond, time.Second)) {
		d := between(300*time.Millisecond, StaleBound*9/10)
		if !short {
			d = between(StaleBound, 2500*time.Millisecond)
		}
		short = !short
		if err := r.fleet.Outage(r.server.Pause, r.waits(d), r.server.Resume); err != nil {
			return err
		}
		r.faults["stops"]++
		r.next(time.Second)
	}
	return nil
}

// restarted is a server that comes back empty, and counts its CAS ids from 1: now
// so soon that nobody need have noticed, and now after a while.
func restarted(r *run) error {
	soon := true
	for r.next(between(300*time.Millisecond, time.Second)) {
		d := time.Duration(0)
		if !soon {
			d = between(0, 1500*time.Millisecond)
		}
		soon = !soon
		if err := r.fleet.Outage(r.server.Kill, r.waits(d), r.server.Restart); err != nil {
			return err
		}
		r.faults["restarts"]++
		r.next(time.Second)
	}
	return nil
}

func flushed(r *run) error {
	for r.next(700 * time.Millisecond) {
		if err := r.server.Flush(); err != nil {
			return err
		}
		r.faults["flushes"]++
	}
	return nil
}

// evicting keeps a server of 1 MiB full.
func evicting(r *run) error {
	for r.next(time.Millisecond) {
		if err := r.operator.fill(); err != nil {
			return err
		}
	}
	n, err := r.operator.evictions()
	r.faults["evictions"] = n
	return err
}

// controlDeleted takes the counter, the guard and records of the log away.
func controlDeleted(r *run) error {
	for r.next(between(0, 100*time.Millisecond)) {
		kind, err := r.operator.lose()
		if err != nil {
			return err
		}
		r.faults[kind+"s deleted"]++
	}
	return nil
}
