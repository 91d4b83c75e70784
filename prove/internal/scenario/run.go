package scenario

// run.go is the life of one scenario: processes, traffic, trouble, and the reading
// that goes on after it.

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// run is a scenario under way, as its trouble sees it.
type run struct {
	Scenario
	fleet   *fleet.Fleet
	checker *fleet.Checker
	servers []*server
	list    []*server   // in the order of the operator's configuration: what a process that starts has
	parts   map[int]int // what each process does, by its ID
	folder  string      // of the programs of Skews, "": none
	skewed  []string    // these programs
	soak    *soak       // nil: none
	lost    *server     // for good; nil: none

	ctx     context.Context // ends with everything
	writing context.Context // ends with the time for writing

	mu     sync.Mutex
	faults map[string]int // what was done, by name
}

// Run plays s on as many servers as s.Needs says, started with s.Memcached, and writes
// for length. An error says that something else than coherence was wrong: a read or
// an invalidation failed, or a process.
func Run(ctx context.Context, s Scenario, servers []*mcserver.Server, length time.Duration) (result *Result, err error) {
	s = s.complete()
	length = cmp.Or(s.Length, length)
	r := &run{
		Scenario: s, checker: &fleet.Checker{Bound: StaleBound, Waking: waking},
		parts: map[int]int{}, ctx: ctx, faults: map[string]int{},
	}
	var names []string
	for _, m := range servers {
		names = append(names, m.Addr())
		r.servers = append(r.servers, &server{Server: m, operator: newOperator(m.Addr())})
	}
	defer r.close()
	r.list = r.servers[:len(r.servers)-s.Spare]
	f, err := fleet.New(names, query, length+time.Minute)
	if err != nil {
		return nil, err
	}
	r.fleet = f
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := r.open(); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := r.play(length); err != nil {
		return nil, err
	}
	counts, err := f.End(r.checker)
	if err != nil {
		return nil, err
	}
	if s.After != nil {
		if err := s.After(r); err != nil {
			return nil, err
		}
	}
	return r.result(r.checker.Verdict(), counts, time.Since(began)), ctx.Err()
}

// complete fills in the defaults.
func (s Scenario) complete() Scenario {
	s.Writers = max(s.Writers, 1)
	if s.Setup.TTL == 0 {
		s.Setup = plain()
	}
	if s.Trouble == nil {
		s.Trouble = func(r *run) error { <-r.writing.Done(); return nil }
	}
	return s
}

// open starts the processes, and their traffic.
func (r *run) open() error {
	if err := r.build(); err != nil {
		return err
	}
	for id := range r.Processes {
		if _, err := r.start(id); err != nil {
			return err
		}
	}
	// Everybody reads the log before anything is written: a process that comes later
	// forgets after a while what it read first, and shows less.
	if err := r.fleet.Each(func(p *fleet.Process) error { _, err := p.Do(fleet.Row(0)); return err }); err != nil {
		return err
	}
	return r.fleet.Each(r.begin)
}

// build compiles the workers whose clocks are off.
func (r *run) build() error {
	if len(r.Skews) == 0 {
		return nil
	}
	folder, err := os.MkdirTemp("", "prove")
	if err != nil {
		return err
	}
	r.folder = folder
	for _, skew := range r.Skews {
		program := ""
		if skew != 0 {
			if program, err = fleet.Build(r.ctx, ".", folder, skew); err != nil {
				return err
			}
		}
		r.skewed = append(r.skewed, program)
	}
	return nil
}

// play makes trouble for length, and lets the readers go on for a while.
func (r *run) play(length time.Duration) error {
	ctx, enough := context.WithCancel(r.ctx)
	var watch sync.WaitGroup
	for _, s := range r.servers {
		watch.Go(func() { s.operator.watch(ctx) })
	}
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

// start starts a process that will do the part of number part.
func (r *run) start(part int) (*fleet.Process, error) {
	id := len(r.fleet.Processes)
	setup := r.Setup
	setup.Servers = r.listed(id)
	if len(r.skewed) > 0 {
		setup.Program = r.skewed[part%len(r.skewed)]
	}
	p, err := r.fleet.Start(setup)
	if err != nil {
		return nil, err
	}
	r.parts[p.ID] = part
	return p, nil
}

// begin starts the traffic of p: the first ones write.
func (r *run) begin(p *fleet.Process) error {
	tr, part := r.Traffic, r.parts[p.ID]
	tr.Writer, tr.Writers = part, r.Writers
	if part >= r.Writers {
		tr.Operations = nil
	}
	return p.Begin(tr)
}

// join starts a process that does the part of another one.
func (r *run) join(part int) error {
	p, err := r.start(part)
	if err != nil {
		return err
	}
	return r.begin(p)
}

// did counts something that was done.
func (r *run) did(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[what] += n
}

func (r *run) close() {
	for _, s := range r.servers {
		s.operator.close()
	}
	_ = os.RemoveAll(r.folder)
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
