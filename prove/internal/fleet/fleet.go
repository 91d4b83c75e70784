package fleet

import (
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/chaos"
)

// Fleet is a database and the processes that cache it. Its methods are called by
// one goroutine, and Fault by any.
type Fleet struct {
	Database  *Database
	Processes []*Process // by ID, also those that were killed

	memcached string
	deadline  time.Duration

	mu     sync.Mutex
	faults []Fault
}

// New returns a fleet without processes, on the memcached at an address. A query
// of its database takes took on average, and a process ends after deadline,
// whatever happens.
func New(memcached string, took, deadline time.Duration) (*Fleet, error) {
	db, err := openDatabase(took)
	if err != nil {
		return nil, err
	}
	return &Fleet{Database: db, memcached: memcached, deadline: deadline}, nil
}

// Start starts one more process.
func (f *Fleet) Start(s Setup) (*Process, error) {
	s.Process, s.Memcached, s.Database, s.Deadline = len(f.Processes), f.memcached, f.Database.addr(), f.deadline
	var wire *chaos.Proxy
	if s.Wire {
		var err error
		if wire, err = chaos.Listen(f.memcached); err != nil {
			return nil, err
		}
		s.Memcached = wire.Addr()
	}
	p, err := start(s, wire)
	if err != nil && wire != nil {
		return nil, errors.Join(err, wire.Close())
	}
	if err != nil {
		return nil, err
	}
	f.Processes = append(f.Processes, p)
	return p, nil
}

// Alive returns the processes that were not killed.
func (f *Fleet) Alive() (alive []*Process) {
	for _, p := range f.Processes {
		if !p.gone {
			alive = append(alive, p)
		}
	}
	return alive
}

// Fault notes that a process, or Everyone, begins to be without memcached, and
// returns how to note that it is over.
func (f *Fleet) Fault(process int) (over func()) { return f.fault(Fault{Process: process}) }

func (f *Fleet) fault(fault Fault) (over func()) {
	fault.Down = f.Database.clock.now()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		fault.Up = f.Database.clock.now()
		f.faults = append(f.faults, fault)
	}
}

// Sleep stops a process with SIGSTOP, and lets it go on after during has
// returned.
func (f *Fleet) Sleep(p *Process, during func()) error {
	over := f.fault(Fault{Process: p.ID, Stopped: true})
	defer over()
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	during()
	return p.signal(syscall.SIGCONT)
}

// Outage takes memcached away by down, and brings it back by up after during
// has returned.
func (f *Fleet) Outage(down func() error, during func() error, up func() error) error {
	over := f.Fault(Everyone)
	defer over()
	if err := down(); err != nil {
		return err
	}
	return errors.Join(during(), up())
}

// Each runs fn for all processes that are alive, at once.
func (f *Fleet) Each(fn func(p *Process) error) error {
	alive := f.Alive()
	errs := make([]error, len(alive))
	var wg sync.WaitGroup
	for i, p := range alive {
		wg.Go(func() { errs[i] = fn(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// End ends the traffic of all processes and returns what happened, to be judged
// by bound and waking.
func (f *Fleet) End(bound, waking time.Duration) (*History, error) {
	h := &History{Logs: make([]Log, len(f.Processes)), Bound: bound, Waking: waking}
	err := f.Each(func(p *Process) (err error) {
		h.Logs[p.ID].Counts, err = p.End()
		return err
	})
	for id := range h.Logs {
		counts := h.Logs[id].Counts
		h.Logs[id] = f.Database.logOf(id)
		h.Logs[id].Counts = counts
	}
	h.Commits = f.Database.history()
	f.mu.Lock()
	defer f.mu.Unlock()
	h.Faults = f.faults
	return h, err
}

// Close ends the processes, their proxies and the database.
func (f *Fleet) Close() error {
	err := f.Each((*Process).Close)
	for _, p := range f.Processes {
		if p.Wire != nil {
			err = errors.Join(err, p.Wire.Close())
		}
	}
	return errors.Join(err, f.Database.close())
}
