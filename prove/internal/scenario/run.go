package scenario

// run.go is the life of one scenario: processes, traffic, trouble, and the reading
// that goes on after it.

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// run is a scenario under way, as its trouble sees it.
type run struct {
	Scenario
	fleet    *fleet.Fleet
	server   *mcserver.Server
	operator *operator
	ctx      context.Context // ends with everything
	writing  context.Context // ends with the time for writing
	faults   map[string]int  // what was done, by name
}

// Run plays s on a server that was started with s.Memcached, and writes for
// length. An error says that something else than coherence was wrong: a read or
// an invalidation failed, or a process.
func Run(ctx context.Context, s Scenario, server *mcserver.Server, length time.Duration) (result *Result, err error) {
	s = s.complete()
	f, err := fleet.New(server.Addr(), query, length+time.Minute)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := &run{Scenario: s, fleet: f, server: server, operator: newOperator(server.Addr()), ctx: ctx, faults: map[string]int{}}
	defer r.operator.close()
	for range s.Processes {
		if _, err := f.Start(s.Setup); err != nil {
			return nil, err
		}
	}
	// Everybody reads the log before anything is written: a process that comes later
	// forgets after a while what it read first, and shows less.
	if err := f.Each(func(p *fleet.Process) error { _, err := p.Do(fleet.Row(0)); return err }); err != nil {
		return nil, err
	}
	if err := f.Each(func(p *fleet.Process) error { return p.Begin(r.part(p.ID)) }); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.play(length); err != nil {
		return nil, err
	}
	h, err := f.End(StaleBound, waking)
	if err != nil {
		return nil, err
	}
	return r.result(h, time.Since(began)), ctx.Err()
}

// complete fills in the defaults.
func (s Scenario) complete() Scenario {
	s.Writers = max(s.Writers, 1)
	if s.Setup == (fleet.Setup{}) {
		s.Setup = plain()
	}
	if s.Trouble == nil {
		s.Trouble = func(r *run) error { <-r.writing.Done(); return nil }
	}
	return s
}

// play makes trouble for length, and lets the readers go on for a while.
func (r *run) play(length time.Duration) error {
	ctx, enough := context.WithCancel(r.ctx)
	var watch sync.WaitGroup
	watch.Go(func() { r.operator.watch(ctx) })
	defer watch.Wait()
	defer enough()

	var cancel context.CancelFunc
	r.writing, cancel = context.WithTimeout(ctx, length)
	defer cancel()
	if err := r.Trouble(r); err != nil {
		return err
	}
	if err := r.fleet.Each((*fleet.Process).Calm); err != nil {
		return err
	}
	r.pause(tail)
	return nil
}

// part is what process id does: the first ones write.
func (r *run) part(id int) fleet.Traffic {
	tr := r.Traffic
	tr.Writer, tr.Writers = id, r.Writers
	if id >= r.Writers {
		tr.Operations = nil
	}
	return tr
}

// join starts a process that does the part of another one.
func (r *run) join(part int) error {
	p, err := r.fleet.Start(r.Setup)
	if err != nil {
		return err
	}
	return p.Begin(r.part(part))
}

// next waits for d, and reports false when the time for writing is over.
func (r *run) next(d time.Duration) bool { return sleep(r.writing, d) }

// pause waits for d also beyond that.
func (r *run) pause(d time.Duration) { sleep(r.ctx, d) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
