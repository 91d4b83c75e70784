package scenario

// soak.go is a long time with all that can happen, one thing after the other, each
// with a calm after it.

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/chaos"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	// between two things that happen: more than what the hit ratio may take to be back.
	leastCalm, mostCalm = 6 * time.Second, 10 * time.Second
	// judging is how often what is settled is judged, so that nobody has to remember it.
	judging = 10 * time.Second
	// resting is how long nothing is asked before a process is measured: what was under
	// way has ended.
	resting = 1500 * time.Millisecond
	// looks is how often a process is looked at for what it has at the least.
	looks = 20
	// soakConns is the most connections of a process to a server: what is open then is
	// known.
	soakConns = 8
)

// Soak returns the scenario for so many servers, for so long.
func Soak(servers int, length time.Duration) Scenario {
	setup := oldWired()
	setup.Told, setup.Conns = servers > 1, soakConns
	return Scenario{
		Name: "soak", Processes: 4, Writers: 4, Servers: servers, Spare: 1, Spread: late, Length: length,
		Setup: setup, Traffic: slowly(fresh(soft(mixed()))), Trouble: soaked, After: (*run).rested,
	}
}

// soaked plays one thing after the other. A quarter through it measures what the
// processes have then.
func soaked(r *run) error {
	r.soak = &soak{began: time.Now(), quarter: map[int]fleet.Sample{}, end: map[int]fleet.Sample{}}
	ctx, enough := context.WithCancel(r.ctx)
	beside := &r.soak.beside
	defer beside.Wait()
	defer enough()
	r.soak.look = func(p *fleet.Process) { beside.Go(func() { r.soak.watch(ctx, p) }) }
	for _, p := range r.fleet.Alive() {
		r.soak.look(p)
	}
	beside.Go(func() {
		for sleep(ctx, judging) {
			r.fleet.Judge(r.checker)
		}
	})
	until, _ := r.writing.Deadline()
	length := time.Until(until)
	r.soak.length = length
	todo := r.happenings()
	for r.next(between(leastCalm, mostCalm)) {
		left := time.Until(until)
		if len(r.soak.quarter) == 0 && left < length*3/4 {
			if err := r.measure(r.soak.quarter); err != nil {
				return err
			}
			continue
		}
		h := todo[rand.N(len(todo))]
		if left < h.takes+mostCalm {
			continue
		}
		if err := h.happen(); err != nil {
			return err
		}
	}
	return nil
}

// happening is one of the things, and what it takes at most.
type happening struct {
	takes  time.Duration
	happen func() error
}

func (r *run) happenings() []happening {
	fault := func(name string, do func() error) happening {
		return happening{5 * time.Second, func() error { return r.soak.during(name, false, do) }}
	}
	listing := func(name string, away func() []*server) happening {
		return happening{2*settling + 10*time.Second, func() error { return r.thereAndBack(name, away) }}
	}
	long := func() time.Duration { return between(300*ms, 3*time.Second) }
	all := []happening{
		fault("servers hang", func() error { return r.hang(long()) }),
		fault("restart", func() error { return r.restart(between(0, 1500*ms)) }),
		fault("flush", r.flush),
		fault("control item deleted", r.lose),
		fault("partition", func() error { return r.cutOff(long(), r.victims()) }),
		fault("partition from all servers", func() error { return r.cutOff(long(), r.list) }),
		fault("one process partitioned", func() error { r.partition(r.anybody(), r.list, long()); return nil }),
		fault("slow server", func() error { return r.slow(long()) }),
		fault("bad network", func() error { return r.badFor(long()) }),
		fault("process stopped", func() error { return r.sleep(between(300*ms, 1800*ms)) }),
		fault("process killed", r.killed),
	}
	if r.Servers < 2 {
		return all
	}
	return append(all,
		listing("a server more", func() []*server { return with(r.list, r.spare()) }),
		listing("a server less", func() []*server { return without(r.list, r.one()) }),
		listing("another server", r.replacement),
	)
}

// killed is always about the process that came last: the others are there from the begin to
// the end, and so can be compared with themselves.
func (r *run) killed() error {
	if err := r.replace(r.fleet.Alive()[r.Processes-1].ID); err != nil {
		return err
	}
	r.soak.look(r.fleet.Alive()[r.Processes-1])
	return nil
}

func (r *run) anybody() *fleet.Process {
	alive := r.fleet.Alive()
	return alive[rand.N(len(alive))]
}

// badFor gives everybody a bad network for a while.
func (r *run) badFor(d time.Duration) error {
	for _, p := range r.fleet.Alive() {
		p.Wires.Set(bad())
	}
	r.pause(d)
	for _, p := range r.fleet.Alive() {
		p.Wires.Set(chaos.Faults{})
	}
	r.did("bad networks", 1)
	return nil
}

// thereAndBack makes the list another one, and what it was again.
func (r *run) thereAndBack(name string, away func() []*server) error {
	home := r.list
	if err := r.soak.during(name, true, func() error { return r.relist(away()) }); err != nil {
		return err
	}
	r.pause(between(leastCalm, settling))
	if err := r.soak.during(name+", and back", true, func() error { return r.relist(home) }); err != nil {
		return err
	}
	r.pause(settling) // whoever is measured next has the servers that it always had
	return nil
}

// measure lets everybody rest, and reads what each process has.
func (r *run) measure(samples map[int]fleet.Sample) error {
	defer r.soak.not(time.Now())
	for _, step := range []func(*fleet.Process) error{
		(*fleet.Process).Calm,
		func(p *fleet.Process) error { _, err := p.End(); return err },
	} {
		if err := r.fleet.Each(step); err != nil {
			return err
		}
	}
	return errors.Join(r.sample(samples), r.fleet.Each(r.begin))
}

// rested measures for the last time.
func (r *run) rested() error { return r.sample(r.soak.end) }

func (r *run) sample(samples map[int]fleet.Sample) error {
	r.pause(resting)
	for _, p := range r.fleet.Alive() {
		s, err := p.Sample(true)
		if err != nil {
			return err
		}
		for range looks { // a poll that is under way is nothing that stays; those of three servers have 96 KB
			r.pause(30 * ms)
			now, err := p.Sample(true)
			if err != nil {
				return err
			}
			s.Goroutines, s.Descriptors = min(s.Goroutines, now.Goroutines), min(s.Descriptors, now.Descriptors)
			s.Heap, s.RSS = min(s.Heap, now.Heap), min(s.RSS, now.RSS)
		}
		samples[p.ID] = s
	}
	return nil
}
