package fleet

import (
	"errors"
	"sync"
	"time"
)

// Fleet is a database and the processes that cache it.
type Fleet struct {
	Database  *Database
	Processes []*Process

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
	p, err := start(s)
	if err != nil {
		return nil, err
	}
	f.Processes = append(f.Processes, p)
	return p, nil
}

// Outage takes memcached away by down, and brings it back by up after during
// has returned.
func (f *Fleet) Outage(down func() error, during func(), up func() error) error {
	began := f.Database.clock.now()
	if err := down(); err != nil {
		return err
	}
	during()
	err := up()
	f.mu.Lock()
	f.faults = append(f.faults, Fault{began, f.Database.clock.now()})
	f.mu.Unlock()
	return err
}

// Each runs fn for all processes at once.
func (f *Fleet) Each(fn func(p *Process) error) error {
	errs := make([]error, len(f.Processes))
	var wg sync.WaitGroup
	for i, p := range f.Processes {
		wg.Go(func() { errs[i] = fn(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// End ends the traffic of all processes and returns what happened.
func (f *Fleet) End(bound time.Duration) (*History, error) {
	logs := make([]Log, len(f.Processes))
	err := f.Each(func(p *Process) (err error) {
		logs[p.ID], err = p.End()
		return err
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	return &History{Logs: logs, Commits: f.Database.history(), Faults: f.faults, Bound: bound}, err
}

// Close ends the processes and the database.
func (f *Fleet) Close() error {
	err := f.Each((*Process).Close)
	return errors.Join(err, f.Database.close())
}
