package fleet

import (
	"errors"
	"math"
	"sync"
	"syscall"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Fleet is a database and the processes that cache it. Its methods are called by
// one goroutine, and Fault by any.
type Fleet struct {
	Database  *Database
	Processes []*Process // by ID, also those that were killed

	servers  []string
	deadline time.Duration

	mu     sync.Mutex
	faults []Fault
	open   map[*Fault]struct{} // those that are not over
}

// New returns a fleet without processes, on the memcached servers at addresses: all
// that any process will ever have in its list. A query of its database takes took
// on average, and a process ends after deadline, whatever happens.
func New(servers []string, took, deadline time.Duration) (*Fleet, error) {
	db, err := openDatabase(took)
	if err != nil {
		return nil, err
	}
	return &Fleet{Database: db, servers: servers, deadline: deadline, open: map[*Fault]struct{}{}}, nil
}

// Start starts one more process. Without a list in s it has all servers.
func (f *Fleet) Start(s Setup) (*Process, error) {
	s.Process, s.Database, s.Deadline = len(f.Processes), f.Database.addr(), f.deadline
	if s.Servers == nil {
		s.Servers = f.servers
	}
	wires := Wires{}
	if s.Wire {
		var err error
		if wires, err = stretch(f.servers); err != nil {
			return nil, err
		}
		s.Ways = wires.ways()
	}
	p, err := start(s, wires)
	if err != nil {
		return nil, errors.Join(err, wires.close())
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

// Fault notes that a process, or Everyone, begins to be without a memcached, and
// returns how to note that it is over.
func (f *Fleet) Fault(process int) (over func()) { return f.fault(Fault{Process: process}) }

// Explain notes why writes may be deferred for the time that follows. It excuses
// nothing: where a server is gone for good nobody can be served what it holds, and
// where the lists differ everybody can be told.
func (f *Fleet) Explain(following time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Database.clock.now()
	f.faults = append(f.faults, Fault{Process: Everyone, Down: now, Up: now + int64(following), Explains: true})
}

func (f *Fleet) fault(fault Fault) (over func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault.Down = f.Database.clock.now()
	f.open[&fault] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		fault.Up = f.Database.clock.now()
		f.faults = append(f.faults, fault)
		delete(f.open, &fault)
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

// End ends the traffic of all processes, gives c what it has not seen, and returns
// what the processes counted.
func (f *Fleet) End(c *Checker) (map[int]memo.Counts, error) {
	var mu sync.Mutex
	counts := map[int]memo.Counts{}
	err := f.Each(func(p *Process) error {
		n, err := p.End()
		mu.Lock()
		defer mu.Unlock()
		counts[p.ID] = n
		return err
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Judge(f.history(math.MaxInt64), math.MaxInt64)
	return counts, err
}

// settled is how old what happened must be before a part of a history is judged:
// what a process knows of it by then, it has reported.
const settled = 15 * time.Second

// Judge gives c what happened so far and is settled: not the last seconds, nor what
// was since a fault began that is not over. What c has seen is kept nowhere else.
func (f *Fleet) Judge(c *Checker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	until := f.Database.clock.now() - int64(settled)
	for fault := range f.open {
		until = min(until, fault.Down)
	}
	c.Judge(f.history(until), until)
}

// history takes what was reported of the time until then.
func (f *Fleet) history(until int64) *History {
	h := &History{Logs: make([]Log, len(f.Processes)), Commits: f.Database.history(), Faults: f.faults}
	for id := range h.Logs {
		h.Logs[id] = f.Database.take(id, until)
	}
	return h
}

// Close ends the processes, their proxies and the database.
func (f *Fleet) Close() error {
	err := f.Each((*Process).Close)
	for _, p := range f.Processes {
		err = errors.Join(err, p.Wires.close())
	}
	return errors.Join(err, f.Database.close())
}
