package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// processtrouble.go is what happens to processes.

// holdersKilled kills whoever loads a row, with SIGKILL in the midst of the load,
// and starts another process in its place.
func holdersKilled(r *run) error {
	for r.next(between(200*time.Millisecond, time.Second)) {
		row := fleet.Row(rand.N(r.Traffic.Rows/2)*2 + 1) // these expire all the time
		holder := r.fleet.Database.Hold(row)
		select {
		case id := <-holder:
			if err := r.replace(id); err != nil {
				return err
			}
			continue
		case <-r.writing.Done():
		}
		r.fleet.Database.Unhold(row)
		select {
		case id := <-holder: // it came by just now, and would hang for long
			return r.replace(id)
		default:
		}
	}
	return nil
}

// replace kills process id, and starts one that does its part.
func (r *run) replace(id int) error {
	if err := r.fleet.Processes[id].Kill(); err != nil {
		return err
	}
	r.did("kills", 1)
	return r.join(r.parts[id])
}

// joined starts one more process each second, which has missed the log so far,
// and ends the oldest of them when there are too many.
func joined(r *run) error {
	const most = 5
	for r.next(900 * time.Millisecond) {
		if err := r.join(len(r.fleet.Processes)); err != nil {
			return err
		}
		r.did("starts", 1)
		if alive := r.fleet.Alive(); len(alive) > most {
			if err := alive[r.Processes].Kill(); err != nil {
				return err
			}
		}
	}
	return nil
}

// processesStopped stops one process at a time, and lets it go on: its clock has
// gone on, its timers are late, and it has not heard of anything.
func processesStopped(r *run) error {
	for r.next(between(100*time.Millisecond, 600*time.Millisecond)) {
		if err := r.sleep(between(300*time.Millisecond, 1800*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) sleep(d time.Duration) error {
	r.did("stops", 1)
	alive := r.fleet.Alive()
	return r.fleet.Sleep(alive[rand.N(len(alive))], func() { r.pause(d) })
}

// writerKilled kills the writer while memcached hangs and invalidations are
// queued in it: nobody else knows of which. That memcached is back after longer
// than StaleBound is all that the others know. Then a process comes that has only
// memcached to learn from, and nobody writes for so long that what is wrong there
// counts as never put right.
func writerKilled(r *run) error {
	writer, reader := 0, 1
	for r.next(between(time.Second, 1500*time.Millisecond)) {
		victims := r.victims()
		for _, s := range victims {
			if err := s.operator.forgetGuard(); err != nil {
				return err
			}
		}
		err := r.fleet.Outage(all(victims, (*mcserver.Server).Pause), func() error {
			r.pause(between(2*StaleBound, 3*StaleBound))
			return r.fleet.Processes[writer].Kill()
		}, all(victims, (*mcserver.Server).Resume))
		if err != nil {
			return err
		}
		r.did("kills", 1)
		if err := r.fleet.Processes[reader].Kill(); err != nil {
			return err
		}
		reader = len(r.fleet.Processes)
		if err := r.join(r.Writers); err != nil {
			return err
		}
		r.next(Recovery + 500*time.Millisecond)
		writer = len(r.fleet.Processes)
		if err := r.join(0); err != nil {
			return err
		}
		r.next(time.Second)
	}
	return nil
}
