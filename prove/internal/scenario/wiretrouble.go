package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/chaos"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// wiretrouble.go is what happens between processes and memcached.

// badNetwork gives every process a network that delays, and now and then cuts,
// resets, truncates, delivers late, and delivers twice. It is no Fault of the history: memcached can be
// reached, by the next try, and so a deferred invalidation has no excuse.
func badNetwork(r *run) error {
	const ms = time.Millisecond
	way := chaos.Way{Jitter: 1500 * time.Microsecond}
	for _, p := range r.fleet.Processes {
		p.Wire.Set(chaos.Faults{
			Requests: way, Replies: way,
			Cut: 0.002, Reset: 0.002, Truncate: 0.002, Late: 0.0005, Again: 0.01, Surplus: 0.002, LateBy: 200 * ms,
		})
	}
	for r.next(between(500*ms, 3000*ms)) {
		r.fleet.Processes[rand.N(r.Processes)].Wire.ResetAll()
	}
	for _, p := range r.fleet.Processes {
		p.Wire.Set(chaos.Faults{})
		r.faults["network faults"] += p.Wire.Counts().Sum()
	}
	return nil
}

// slowNetwork delays every step of the protocol by its own 0 to 20 ms, each way: what
// may come between two of them has the time to.
func slowNetwork(r *run) error {
	way := chaos.Way{Jitter: 20 * time.Millisecond}
	for _, p := range r.fleet.Processes {
		p.Wire.Set(chaos.Faults{Requests: way, Replies: way})
	}
	<-r.writing.Done()
	return nil
}

// partitions cuts every process off at once, and gives memcached back to one
// after the other.
func partitions(r *run) error {
	for r.next(between(300*time.Millisecond, time.Second)) {
		length := between(300*time.Millisecond, 2*time.Second)
		err := r.fleet.Each(func(p *fleet.Process) error {
			r.partition(p, length+between(0, 700*time.Millisecond))
			return nil
		})
		if err != nil {
			return err
		}
		r.faults["partitions"]++
		r.next(time.Second)
	}
	return nil
}

// writerPartitioned cuts off the only process that knows what was written.
func writerPartitioned(r *run) error {
	for r.next(between(300*time.Millisecond, time.Second)) {
		r.partition(r.fleet.Processes[0], between(300*time.Millisecond, 2500*time.Millisecond))
		r.faults["partitions"]++
		r.next(time.Second)
	}
	return nil
}

func (r *run) partition(p *fleet.Process, length time.Duration) {
	over := r.fleet.Fault(p.ID)
	p.Wire.Partition()
	r.pause(length)
	p.Wire.Heal()
	over()
}
