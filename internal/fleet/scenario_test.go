package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/fleet"
	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// bound is memo's default StaleBound, by which the fleet is judged.
const bound = time.Second

// tail is for how long the readers go on after the last write, so that the last
// version of every key is judged by the whole bound.
const tail = bound + 300*time.Millisecond

// query is what a query takes on average: long enough for an invalidation to
// come in between now and then.
const query = 10 * time.Millisecond

// A scenario is traffic, and what happens to memcached meanwhile.
type scenario struct {
	name      string
	processes int
	setup     fleet.Setup   // of every process
	traffic   fleet.Traffic // of every process; the first one alone writes
	// chaos goes on while the writer writes, and ends within its time, or a little
	// later.
	chaos func(t *testing.T, f *fleet.Fleet, s *mcserver.Server)
}

var (
	plain = fleet.Setup{TTL: time.Minute, ShortTTL: 100 * time.Millisecond}

	rowTraffic     = fleet.Traffic{Keys: 10, Readers: 3, ReadPause: time.Millisecond, WritePause: 15 * time.Millisecond}
	derivedTraffic = fleet.Traffic{Keys: 8, Readers: 3, ReadPause: time.Millisecond, WritePause: 15 * time.Millisecond, Derived: true}
)

// The scenarios run one after the other: on a small machine two at once would be
// each other's disturbance, and each one's lags nobody's.
func TestNoReadIsStaleWhereItMustNotBe(t *testing.T) {
	for _, s := range []scenario{
		{name: "fault-free", processes: 2, setup: plain, traffic: rowTraffic, chaos: peace},
		{name: "fault-free", processes: 4, setup: plain, traffic: rowTraffic, chaos: peace},
		{name: "values made of others, several keys in a call", processes: 4, setup: plain, traffic: derivedTraffic, chaos: peace},
		{name: "memcached stopped for 0.8 s and for 2 s", processes: 4, setup: plain, traffic: rowTraffic, chaos: stopped},
		{name: "memcached killed and restarted", processes: 4, setup: plain, traffic: derivedTraffic, chaos: restarted},
		{name: "memcached flushed every 0.7 s", processes: 4, setup: plain, traffic: derivedTraffic, chaos: flushed},
		{name: "more processes start while one writes", processes: 2, setup: plain, traffic: derivedTraffic, chaos: joined(plain, derivedTraffic)},
		{name: "records of the log lost", processes: 2, setup: fleet.Setup{TTL: time.Minute, ShortTTL: 100 * time.Millisecond, Flaw: fleet.Mute}, traffic: rowTraffic, chaos: peace},
	} {
		t.Run(fmt.Sprintf("%s, %d processes", s.name, s.processes), func(t *testing.T) {
			v := s.run(t)
			if !v.OK() {
				t.Errorf("%d stale reads in the writer's process, %d lags beyond %v, %d requests whose memory changed, %d impossible reads",
					v.Same, v.Beyond, bound, v.Torn, v.Impossible)
			}
			for _, e := range v.Examples {
				t.Log(e)
			}
			if v.Checked < 1000 || v.Writes < 20 {
				t.Errorf("%d reads checked and %d writes: the machine is too slow to show anything", v.Checked, v.Writes)
			}
		})
	}
}

// run returns what the scenario showed, and puts it into the report.
func (s scenario) run(t *testing.T) *fleet.Verdict {
	t.Helper()
	f, server := newFleet(t, query, alike(s.processes, s.setup)...)
	must(t, f.Each(func(p *fleet.Process) error { return p.Begin(of(p, s.traffic)) }))
	s.chaos(t, f, server)
	must(t, f.Processes[0].Calm())
	wait(t, tail)
	h, err := f.End(bound)
	if err != nil {
		t.Fatalf("a read or an invalidation failed: %v", err)
	}
	v := h.Check()
	line := fleet.Line{Scenario: s.name, Processes: s.processes, Verdict: v, Loads: f.Database.LoadCount()}
	theReport.add(line)
	t.Log("\n" + fleet.Markdown([]fleet.Line{line}))
	for _, l := range h.Logs {
		c := l.Counts
		t.Logf("process %d: L1 %d, L2 %d, L3 %d, loads %d, joined %d, errors %d", l.Process, c.L1, c.L2, c.L3, c.Loads, c.Joined, c.Errors)
	}
	return v
}

// of is p's part in tr: only the first process writes.
func of(p *fleet.Process, tr fleet.Traffic) fleet.Traffic {
	if p.ID != 0 {
		tr.WritePause = 0
	}
	return tr
}

func peace(t *testing.T, _ *fleet.Fleet, _ *mcserver.Server) { wait(t, writing(t)) }

// stopped is a server that hangs: connections stay open, nothing answers, and
// what it was sent is executed when it goes on. The first time is shorter than
// StaleBound, so that what it holds is used again once the queue is delivered;
// after the second one all of it is void.
func stopped(t *testing.T, f *fleet.Fleet, s *mcserver.Server) {
	wait(t, writing(t)/8)
	must(t, f.Outage(s.Pause, func() { wait(t, bound*8/10) }, s.Resume))
	wait(t, writing(t)/2)
	must(t, f.Outage(s.Pause, func() { wait(t, 2*time.Second) }, s.Resume))
	wait(t, writing(t)/2)
}

// restarted is a server that comes back empty, and counts its CAS ids from 1:
// once so soon that nobody need have noticed, and once after a second.
func restarted(t *testing.T, f *fleet.Fleet, s *mcserver.Server) {
	wait(t, time.Second)
	must(t, f.Outage(s.Kill, func() {}, s.Restart))
	wait(t, writing(t)/4)
	must(t, f.Outage(s.Kill, func() { wait(t, time.Second) }, s.Restart))
	wait(t, writing(t)/2)
}

// joined starts one more process each second, which has missed the log so far.
func joined(s fleet.Setup, tr fleet.Traffic) func(*testing.T, *fleet.Fleet, *mcserver.Server) {
	return func(t *testing.T, f *fleet.Fleet, _ *mcserver.Server) {
		for end := time.Now().Add(writing(t)); time.Now().Before(end); {
			wait(t, 900*time.Millisecond)
			p, err := f.Start(s)
			must(t, err)
			must(t, p.Begin(of(p, tr)))
		}
	}
}

func flushed(t *testing.T, _ *fleet.Fleet, s *mcserver.Server) {
	for end := time.Now().Add(writing(t)); time.Now().Before(end); {
		wait(t, 700*time.Millisecond)
		must(t, s.Flush())
	}
}
