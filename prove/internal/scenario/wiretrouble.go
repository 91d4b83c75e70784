package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/chaos"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// wiretrouble.go is what happens between processes and memcached.

const ms = time.Millisecond

// bad is a network that delays, and now and then cuts, resets, truncates, delivers
// late, and delivers twice.
func bad() chaos.Faults {
	way := chaos.Way{Jitter: 1500 * time.Microsecond}
	return chaos.Faults{
		Requests: way, Replies: way,
		Cut: 0.002, Reset: 0.002, Truncate: 0.002, Late: 0.0005, Again: 0.01, Surplus: 0.002, LateBy: 200 * ms,
	}
}

// badNetwork gives every process such a network. It is no Fault of the history:
// memcached can be reached, by the next try, and so a deferred invalidation has no
// excuse.
func badNetwork(r *run) error {
	for _, p := range r.fleet.Processes {
		p.Wires.Set(bad())
	}
	for r.next(between(500*ms, 3000*ms)) {
		r.fleet.Processes[rand.N(r.Processes)].Wires.ResetAll()
	}
	for _, p := range r.fleet.Processes {
		p.Wires.Set(chaos.Faults{})
		r.did("network faults", p.Wires.Faults())
	}
	return nil
}

// slowNetwork delays every step of the protocol by its own 0 to 20 ms, each way: what
// may come between two of them has the time to.
func slowNetwork(r *run) error {
	way := chaos.Way{Jitter: 20 * time.Millisecond}
	for _, p := range r.fleet.Processes {
		p.Wires.Set(chaos.Faults{Requests: way, Replies: way})
	}
	<-r.writing.Done()
	return nil
}

// slowServer makes one server slow for everybody: now so that reads wait for it, and
// now so that they give up on it, while it does what it was asked.
func slowServer(r *run) error {
	for r.next(between(300*ms, 1000*ms)) {
		if err := r.slow(between(500*ms, 3000*ms)); err != nil {
			return err
		}
		r.next(time.Second)
	}
	return nil
}

func (r *run) slow(d time.Duration) error {
	over := r.fleet.Fault(fleet.Everyone)
	defer over()
	name, way := r.one().Addr(), chaos.Way{Delay: 5 * ms, Jitter: 40 * ms}
	if rand.N(2) == 0 {
		way = chaos.Way{Delay: 50 * ms, Jitter: 200 * ms}
	}
	return r.wired(name, chaos.Faults{Requests: way, Replies: way}, d)
}

// wired gives everybody's way to one server faults for d.
func (r *run) wired(name string, f chaos.Faults, d time.Duration) error {
	alive := r.fleet.Alive()
	for _, p := range alive {
		p.Wires[name].Set(f)
	}
	r.pause(d)
	for _, p := range alive {
		p.Wires[name].Set(chaos.Faults{})
	}
	r.did("slow spells", 1)
	return nil
}

// partitions cuts every process off at once, and gives memcached back to one
// after the other.
func partitions(r *run) error {
	for r.next(between(300*time.Millisecond, time.Second)) {
		if err := r.cutOff(between(300*time.Millisecond, 2*time.Second), r.victims()); err != nil {
			return err
		}
		r.next(time.Second)
	}
	return nil
}

// cutOff keeps everybody from some servers, and gives them back to one process after
// the other. What the servers held they still hold.
func (r *run) cutOff(d time.Duration, from []*server) error {
	r.did("partitions", 1)
	return r.fleet.Each(func(p *fleet.Process) error {
		r.partition(p, from, d+between(0, 700*time.Millisecond))
		return nil
	})
}

// writerPartitioned cuts off the only process that knows what was written.
func writerPartitioned(r *run) error {
	for r.next(between(300*time.Millisecond, time.Second)) {
		r.partition(r.fleet.Processes[0], r.victims(), between(300*time.Millisecond, 2500*time.Millisecond))
		r.did("partitions", 1)
		r.next(time.Second)
	}
	return nil
}

// cameBack is a server that nobody could reach while others wrote, and that has what
// it had: sometimes its connections stood still, sometimes it did.
func cameBack(r *run) error {
	for r.next(between(300*ms, 1000*ms)) {
		d := between(500*ms, 5000*ms)
		var err error
		if rand.N(2) == 0 {
			err = r.cutOff(d, r.victims())
		} else {
			err = r.hang(d)
		}
		if err != nil {
			return err
		}
		r.next(2 * time.Second)
	}
	return nil
}

// oneFails does now this and now that to one of the servers.
func oneFails(r *run) error {
	for r.next(between(300*ms, 1000*ms)) {
		d := between(300*ms, 2000*ms)
		fail := []func() error{
			func() error { return r.hang(d) },
			func() error { return r.restart(d) },
			func() error { return r.cutOff(d, r.victims()) },
			func() error { return r.slow(d) },
			r.flush,
		}[rand.N(5)]
		if err := fail(); err != nil {
			return err
		}
		r.next(time.Second)
	}
	return nil
}

func (r *run) partition(p *fleet.Process, from []*server, length time.Duration) {
	over := r.fleet.Fault(p.ID)
	for _, s := range from {
		p.Wires[s.Addr()].Partition()
	}
	r.pause(length)
	for _, s := range from {
		p.Wires[s.Addr()].Heal()
	}
	over()
}
