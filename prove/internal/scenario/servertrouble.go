package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// servertrouble.go is what happens to memcached. Where there are several servers each
// time it is one of them, or two.

// between returns a duration from least to most.
func between(least, most time.Duration) time.Duration { return least + rand.N(most-least) }

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
		if err := r.hang(d); err != nil {
			return err
		}
		r.next(time.Second)
	}
	return nil
}

func (r *run) hang(d time.Duration) error {
	r.did("stops", 1)
	return r.outage(r.victims(), d, (*mcserver.Server).Pause, (*mcserver.Server).Resume)
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
		if err := r.restart(d); err != nil {
			return err
		}
		r.next(time.Second)
	}
	return nil
}

func (r *run) restart(d time.Duration) error {
	r.did("restarts", 1)
	return r.outage(r.victims(), d, (*mcserver.Server).Kill, (*mcserver.Server).Restart)
}

func flushed(r *run) error {
	for r.next(700 * time.Millisecond) {
		if err := r.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) flush() error {
	r.did("flushes", 1)
	return all(r.victims(), (*mcserver.Server).Flush)()
}

// evicting keeps servers of 1 MiB full.
func evicting(r *run) error {
	for r.next(time.Millisecond) {
		if err := r.one().operator.fill(); err != nil {
			return err
		}
	}
	for _, s := range r.servers {
		n, err := s.operator.evictions()
		if err != nil {
			return err
		}
		r.did("evictions", n)
	}
	return nil
}

// controlDeleted takes the counter, the guard and records of the log away.
func controlDeleted(r *run) error {
	for r.next(between(0, 100*time.Millisecond)) {
		if err := r.lose(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) lose() error {
	kind, err := r.one().operator.lose()
	r.did(kind+"s deleted", 1)
	return err
}

// lostForGood takes a server away, and nobody brings it back: the lists go on to have
// it.
func lostForGood(r *run) error {
	r.next(between(500*time.Millisecond, time.Second))
	gone := r.one()
	if err := gone.Kill(); err != nil {
		return err
	}
	r.fleet.Explain(time.Hour)
	r.lost = gone
	r.did("servers lost", 1)
	<-r.writing.Done()
	return nil
}

// bringBack starts it again when all is judged: a process that ends cannot leave what
// nobody was told, and says so.
func (r *run) bringBack() error { return r.lost.Restart() }
