package scaling

// measure.go lets a fleet grow, has it do one thing after the other, and reads the
// servers' counters meanwhile.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// A Plan is what is measured: each thing that a fleet does, by fleets of these sizes.
type Plan struct {
	Servers   int
	Poll      time.Duration // Config.PollInterval
	Rest      bool          // only the first thing: nothing
	Processes []int         // rising
	Settle    time.Duration // after new processes have started
	Warm      time.Duration // after they were told what to do
	Window    time.Duration // in which is counted
}

// A Row is what one fleet did, and cost, a second.
type Row struct {
	Doing              string
	Processes, Servers int
	Poll               time.Duration
	Got, Want          Traffic       // of each server, on average: counted, and predicted
	Connections        int           // of each server
	CPU                time.Duration // of each server
	ProcessCPU         time.Duration // of each process
}

// scene is one thing that a fleet of p processes does.
type scene struct {
	name string
	task func(p float64) Task
	hot  bool // all processes read what is invalidated
}

func scenes() []scene {
	return []scene{
		{name: "nothing", task: func(float64) Task { return Task{} }},
		{name: "100 reads/s in each process, 90 of them from L2, 8 from memcached", task: func(float64) Task { return Task{Local: 90, Shared: 8, Loads: 2} }},
		{name: "20 keys/s invalidated", task: func(p float64) Task { return Task{Keys: 20 / p} }},
		{name: "200 keys/s invalidated", task: func(p float64) Task { return Task{Keys: 200 / p} }},
		{name: "10 tags/s and 10 trees/s invalidated", task: func(p float64) Task { return Task{Tags: 10 / p, Trees: 10 / p} }},
		{name: "2 keys/s invalidated, which every process reads all the time", task: func(p float64) Task { return Task{Local: 90, Hot: 2 / p} }, hot: true},
	}
}

// ours is what a server counts as a connection beside those of the processes: the Gauge's.
const ours = 1

// fleet is what is measured.
type fleet struct {
	addresses []string
	gauges    []*Gauge
	processes []*process
}

// Measure does what plan says, on servers of its own.
func Measure(ctx context.Context, plan Plan) (rows []Row, err error) {
	f := &fleet{}
	for range plan.Servers {
		server, err := mcserver.Start("-c", "8192")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		f.addresses = append(f.addresses, server.Addr())
		gauge, err := NewGauge(server.Addr())
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, gauge.Close()) }()
		f.gauges = append(f.gauges, gauge)
	}
	defer func() { err = errors.Join(err, f.close()) }()
	for _, n := range plan.Processes {
		if err := f.grow(ctx, n, plan); err != nil {
			return nil, err
		}
		for i, s := range scenes() {
			if plan.Rest && i > 0 {
				break
			}
			row, err := f.play(ctx, s, plan)
			if err != nil {
				return nil, fmt.Errorf("%d processes, %s: %w", n, s.name, err)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// grow starts processes until there are n.
func (f *fleet) grow(ctx context.Context, n int, plan Plan) error {
	for len(f.processes) < n {
		p, err := launch(setup{Number: len(f.processes), Servers: f.addresses, PollInterval: plan.Poll})
		if err != nil {
			return err
		}
		f.processes = append(f.processes, p)
	}
	return wait(ctx, plan.Settle)
}

// play has every process do its part of s, and reads the counters for a while.
func (f *fleet) play(ctx context.Context, s scene, plan Plan) (row Row, err error) {
	p := len(f.processes)
	task := s.task(float64(p))
	for _, one := range f.processes {
		if _, err := one.order(&task); err != nil {
			return row, err
		}
	}
	if err := wait(ctx, plan.Warm); err != nil {
		return row, err
	}
	did, at, err := f.state()
	if err != nil {
		return row, err
	}
	if err := wait(ctx, plan.Window); err != nil {
		return row, err
	}
	has, now, err := f.state()
	if err != nil {
		return row, err
	}
	row = Row{Doing: s.name, Processes: p, Servers: len(f.gauges)}
	servers, seconds := float64(row.Servers), now[0].At.Sub(at[0].At).Seconds()
	for i := range now {
		row.Got = row.Got.Plus(now[i].Traffic.Plus(at[i].Traffic.Times(-1)).Times(1 / seconds / servers))
		row.CPU += time.Duration(float64(now[i].CPU-at[i].CPU) / seconds / servers)
		row.Connections += now[i].Connections - ours
	}
	row.Connections /= row.Servers
	rate := func(of func(done) float64) (sum float64) { return rates(did, has, of) }
	row.Got.Commands = rate(func(d done) float64 { return float64(d.Commands) }) / servers
	row.ProcessCPU = time.Duration(rate(func(d done) float64 { return float64(d.CPU) }) / float64(p))
	told := f.told(s, plan.Poll, rate)
	told.Sizes.CAS = digits(int(at[0].Traffic.Sets + at[0].Traffic.Incrs))
	row.Poll = plan.Poll
	row.Want = Predict(told).Server
	return row, nil
}

// told is the Fleet of what the processes have done, as they have counted it.
func (f *fleet) told(s scene, poll time.Duration, rate func(of func(done) float64) float64) Fleet {
	d := Default()
	d.Processes, d.Servers, d.PollInterval, d.TTL, d.Sizes = len(f.processes), len(f.gauges), poll, ttl, sizes()
	d.Keys = rate(func(d done) float64 { return float64(d.Keys) })
	d.Tags = rate(func(d done) float64 { return float64(d.Tags) })
	d.Trees = rate(func(d done) float64 { return float64(d.Trees) })
	if s.hot {
		d.Readers = float64(d.Processes) // what they are predicted to read comes of that, and not of what they counted
		return d
	}
	loads := rate(func(d done) float64 { return float64(d.Loads) })
	if reads := loads + rate(func(d done) float64 { return float64(d.Shared) }); reads > 0 {
		d.Reads, d.Loads = reads/float64(d.Processes), loads/reads
	}
	return d
}

// rates is what all processes together did in a second. Each has a clock reading of its
// own: on a busy machine one may be asked much later than another.
func rates(before, after []done, of func(done) float64) (sum float64) {
	for i := range after {
		sum += (of(after[i]) - of(before[i])) / after[i].At.Sub(before[i].At).Seconds()
	}
	return sum
}

// state is what each process has done, and the counters of the servers.
func (f *fleet) state() (processes []done, servers []Counters, err error) {
	for _, g := range f.gauges {
		c, err := g.Read()
		if err != nil {
			return nil, nil, err
		}
		servers = append(servers, c)
	}
	for _, p := range f.processes {
		d, err := p.order(nil)
		if err != nil {
			return nil, nil, err
		}
		processes = append(processes, d)
	}
	return processes, servers, nil
}

func (f *fleet) close() (err error) {
	for _, p := range f.processes {
		err = errors.Join(err, p.close())
	}
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
