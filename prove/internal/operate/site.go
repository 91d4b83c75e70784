package operate

// site.go is what an operator has to do with: servers, a list of them, and processes.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	servers = 3    // at first
	workers = 3    // processes with traffic
	busy    = 12   // rows that these read and write
	resting = 1200 // rows that the probe reads
	tail    = 1500 * time.Millisecond
	mostFor = 15 * time.Minute // no process lives longer
)

// A Statement is what the page says, and was not so.
type Statement struct{ Said, Seen string }

// Error implements error.
func (s *Statement) Error() string {
	return fmt.Sprintf("docs/operations.md: %s; seen: %s", s.Said, s.Seen)
}

// site is a fleet on its servers.
type site struct {
	ctx     context.Context
	out     io.Writer
	fleet   *fleet.Fleet
	checker fleet.Checker
	servers map[string]*mcserver.Server  // those that were ever started, by name
	looks   map[string]*memcached.Client // to look what they hold
	list    []string                     // the operator's
	setup   fleet.Setup                  // of a process that starts
	workers []*fleet.Process             // with traffic
	leave   func(*fleet.Process) error   // how a process ends
	hired   time.Time                    // when the youngest process was started
	probe   *fleet.Process
	seen    map[int]int // loads of each resting row
	failed  []error     // Statements

	deferred deferrals
	trouble  trouble
}

// open starts the servers and the processes.
func open(ctx context.Context, out io.Writer) (s *site, err error) {
	s = &site{
		ctx: ctx, out: out, checker: fleet.Checker{Bound: time.Second},
		servers: map[string]*mcserver.Server{}, looks: map[string]*memcached.Client{}, seen: map[int]int{},
		setup: fleet.Setup{TTL: time.Hour}, leave: (*fleet.Process).Close,
		deferred: deferrals{seen: map[int]uint64{}, of: map[int]uint64{}, rose: map[int]time.Time{}}, trouble: trouble{seen: map[from]counts{}, last: map[from]time.Time{}},
	}
	if s.fleet, err = fleet.New(nil, 2*time.Millisecond, mostFor); err != nil {
		return nil, err
	}
	for range servers {
		name, err := s.serve()
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.list = append(s.list, name)
	}
	if err := s.people(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// serve starts one more server, which is in no list yet.
func (s *site) serve() (name string, err error) {
	server, err := mcserver.Start()
	if err != nil {
		return "", err
	}
	name = server.Addr()
	s.servers[name] = server
	s.looks[name], err = memcached.New(name)
	return name, err
}

// people starts the processes, and stores all rows.
func (s *site) people() (err error) {
	for range workers {
		if err := s.hire(); err != nil {
			return err
		}
	}
	if err := s.newProbe(); err != nil {
		return err
	}
	_, err = s.rest()
	return err
}

// newProbe puts another probe, of s.setup, in the place of the one that there may be.
func (s *site) newProbe() (err error) {
	if s.probe != nil {
		err = s.probe.Close()
	}
	setup := s.setup
	setup.Servers, setup.Told, setup.Entries = s.list, true, 1
	var failed error
	s.probe, failed = s.fleet.Start(setup)
	return errors.Join(err, failed)
}

// hire starts a process with s.setup and the list as it is now, and its traffic.
func (s *site) hire() error {
	setup := s.setup
	setup.Servers = turned(s.list, len(s.fleet.Processes)) // in any order
	p, err := s.fleet.Start(setup)
	if err != nil {
		return err
	}
	s.workers, s.hired = append(s.workers, p), time.Now()
	return p.Begin(fleet.Traffic{
		Rows: busy, Readers: 2, ReadPause: 3 * time.Millisecond, Turn: 5 * time.Second,
		Operations: []fleet.Operation{fleet.OneKey, fleet.OneKey, fleet.SeveralKeys, fleet.LoadersTag}, WritePause: 20 * time.Millisecond,
	})
}

// retire ends the oldest process as a deploy does, retireLast the youngest.
func (s *site) retire() error {
	p := s.workers[0]
	s.workers = s.workers[1:]
	return s.dismiss(p)
}

func (s *site) retireLast() error {
	last := len(s.workers) - 1
	p := s.workers[last]
	s.workers = s.workers[:last]
	return s.dismiss(p)
}

func (s *site) dismiss(p *fleet.Process) error {
	if err := p.Calm(); err != nil {
		return err
	}
	if err := s.sample(); err != nil {
		return err
	}
	_, err := p.End()
	return errors.Join(err, s.leave(p))
}

// deploy replaces all processes, one by one, by those of s.setup and the list as it is
// now. The probe hears of the list as it does of DNS.
func (s *site) deploy(step time.Duration) error {
	if err := s.probe.Tell(s.list); err != nil {
		return err
	}
	for range workers {
		if err := s.hire(); err != nil {
			return err
		}
		if err := s.sampleFor(step); err != nil {
			return err
		}
		if err := s.retire(); err != nil {
			return err
		}
	}
	return nil
}

// end ends the traffic, and judges what was read.
func (s *site) end() error {
	if err := s.fleet.Each(func(p *fleet.Process) error {
		if p == s.probe {
			return nil
		}
		return p.Calm()
	}); err != nil {
		return err
	}
	wait(s.ctx, tail)
	// A process without traffic has none to end.
	if err := s.probe.Close(); err != nil {
		return err
	}
	if _, err := s.fleet.End(&s.checker); err != nil {
		return err
	}
	s.note("%d readings of all rows, of which %d do not count: a server had not answered in time", s.trouble.readings, s.trouble.excused)
	v := s.checker.Verdict()
	s.note("%d reads beside %d invalidations, of which %d were deferred: %d stale in the writer's process, %d beyond the bound, %d errors; a deferred one was late by %v at most",
		v.Reads, v.Writes, v.Deferred, v.Same, v.Beyond, v.Failed, v.Late.Round(10*time.Millisecond))
	if !v.OK() || v.Failed > 0 || v.Reads == 0 || v.Writes == 0 {
		s.wrong("nothing is stale beyond the bound, and no call fails", "%+v", v.Examples)
	}
	if v.Late > mostLate {
		s.wrong(fmt.Sprintf("what was deferred is late by %v at most", mostLate), "%s", v.Latest)
	}
	return nil
}

// close ends all.
func (s *site) close() (err error) {
	err = s.fleet.Close()
	for _, look := range s.looks {
		err = errors.Join(err, look.Close())
	}
	for _, server := range s.servers {
		err = errors.Join(err, server.Close())
	}
	return err
}

// note says what was done, or seen.
func (s *site) note(format string, args ...any) { fmt.Fprintf(s.out, "    "+format+"\n", args...) }

// wrong notes that a statement of the page is not so.
func (s *site) wrong(said, format string, args ...any) {
	err := &Statement{said, fmt.Sprintf(format, args...)}
	s.failed = append(s.failed, err)
	s.note("WRONG: %v", err)
}

// holds notes that a statement is not so, unless it is.
func (s *site) holds(so bool, said, format string, args ...any) {
	if !so {
		s.wrong(said, format, args...)
	}
}

// tenths is d for a reader.
func tenths(d time.Duration) time.Duration { return d.Round(time.Second / 10) }

// turned is list from its n-th name on.
func turned(list []string, n int) []string {
	n %= len(list)
	return slices.Concat(list[n:], list[:n])
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
