package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// patient makes sure that a busy machine does not look like an absent server:
// where loads are counted, a process that loads alone would be one too many.
const patient = 5 * time.Second

// A value of a TTL of one second that nobody writes is loaded once a second, by
// one process: not again before it has ended, and not by two at once. Nor is it where
// the old value is served meanwhile.
func TestOneLoadPerExpiryInTheWholeFleet(t *testing.T) {
	t.Parallel()
	for name, stale := range map[string]time.Duration{"waiting": 0, "served stale": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			oneLoadPerExpiry(t, stale)
		})
	}
}

func oneLoadPerExpiry(t *testing.T, stale time.Duration) {
	const (
		processes = 4
		ttl       = time.Second
		expiries  = 5
		// soft is what an expiry may be early by: times are exchanged in milliseconds.
		soft = 5 * time.Millisecond
	)
	f, _ := newFleet(t, 20*time.Millisecond, alike(processes, fleet.Setup{TTL: ttl, Stale: stale, Patience: patient})...)
	tr := fleet.Traffic{Rows: 4, Readers: 4, ReadPause: 2 * time.Millisecond}
	must(t, f.Each(func(p *fleet.Process) error { return p.Begin(tr) }))
	if !until(t, 40*time.Second, func() bool {
		for k := range tr.Rows {
			if len(f.Database.Loads(fleet.Row(k))) <= expiries {
				return false
			}
		}
		return true
	}) {
		t.Errorf("after 40 s not every key had expired %d times", expiries)
	}
	c := &fleet.Checker{Bound: bound}
	_, err := f.End(c)
	must(t, err)
	for k := range tr.Rows {
		list := f.Database.Loads(fleet.Row(k))
		for i, l := range list[1:] {
			// The value was fresh for a TTL from the end of its load on.
			switch lived := time.Duration(l.Began - list[i].Ended); {
			case list[i].Ended == 0 || lived < 0:
				t.Errorf("%v: load %d by process %d overlaps that by process %d", fleet.Row(k), i+2, l.Process, list[i].Process)
			case lived < ttl-soft:
				t.Errorf("%v: load %d by process %d came %v after that by process %d: early", fleet.Row(k), i+2, l.Process, lived, list[i].Process)
			case lived >= 2*ttl:
				t.Errorf("%v: %v passed without a load: an expiry was missed", fleet.Row(k), lived)
			}
		}
	}
	v := c.Verdict()
	if !v.OK() || v.Reads == 0 {
		t.Errorf("of %d reads something is wrong: %q", v.Reads, v.Examples)
	}
}

// The holder of a lease is killed while it loads. The others wait until the
// lease lapses, and then one of them loads.
func TestALoadOutlivesTheProcessThatBeganIt(t *testing.T) {
	t.Parallel()
	const (
		processes = 4
		most      = 4 * time.Second // the lease, which lapses after 2 to 3 s, and a busy machine
	)
	key := fleet.Row(1)
	f, _ := newFleet(t, 20*time.Millisecond, alike(processes, fleet.Setup{TTL: time.Minute, Patience: patient})...)
	holder := f.Database.Hold(key)

	type answer struct {
		process int
		err     error
		at      time.Time
	}
	answers := make(chan answer, processes)
	for _, p := range f.Processes {
		go func() {
			_, err := p.Do(key)
			answers <- answer{p.ID, err, time.Now()}
		}()
	}
	victim := <-holder
	for _, p := range f.Processes {
		if !until(t, 10*time.Second, func() bool {
			s, err := p.Snapshot()
			must(t, err)
			return s.Total.InFlight == 1
		}) {
			t.Fatalf("process %d does not ask for the key", p.ID)
		}
	}
	killed := time.Now()
	must(t, f.Processes[victim].Kill())

	var longest time.Duration
	for range processes {
		a := <-answers
		if a.process == victim {
			if a.err == nil {
				t.Errorf("process %d was killed in its load, and has answered", victim)
			}
			continue
		}
		if a.err != nil {
			t.Errorf("process %d: %v", a.process, a.err)
		}
		longest = max(longest, a.at.Sub(killed))
	}
	if longest > most {
		t.Errorf("the others waited for %v, more than %v", longest, most)
	}
	list := f.Database.Loads(key)
	if len(list) != 2 || list[1].Process == victim || list[1].Ended == 0 {
		t.Errorf("loads %+v, want one by process %d that did not end, and one by another", list, victim)
	}
	t.Logf("the others waited for %v", longest)
}

// The same while the others have an old value that they may serve: none of them waits,
// and one of them refreshes it when the lock lapses.
func TestNobodyWaitsForADeadProcessWhereStaleValuesAreServed(t *testing.T) {
	t.Parallel()
	const (
		processes = 4
		lapse     = 6 * time.Second // the lock, which lapses after 2 to 3 s, and a busy machine
	)
	key := fleet.Row(1)
	f, _ := newFleet(t, 20*time.Millisecond, alike(processes, fleet.Setup{TTL: time.Second, Stale: time.Minute, Patience: patient})...)
	must(t, f.Each(func(p *fleet.Process) error { _, err := p.Do(key); return err }))
	holder := f.Database.Hold(key)
	var victim int
	if !until(t, 10*time.Second, func() bool {
		must(t, f.Each(func(p *fleet.Process) error { _, err := p.Do(key); return err })) // would hang with the load
		select {
		case victim = <-holder:
			return true
		default:
			return false
		}
	}) {
		t.Fatal("nobody refreshes the value")
	}
	must(t, f.Processes[victim].Kill())

	killed, reads := time.Now(), 0
	var longest time.Duration
	for len(f.Database.Loads(key)) < 3 && time.Since(killed) < lapse {
		must(t, f.Each(func(p *fleet.Process) error {
			_, err := p.Do(key)
			return err
		}))
		began := time.Now()
		_, err := f.Alive()[reads%(processes-1)].Do(key)
		must(t, err)
		longest = max(longest, time.Since(began))
		reads++
	}
	list := f.Database.Loads(key)
	if len(list) != 3 || list[2].Process == victim {
		t.Errorf("loads %+v, want the first, one by process %d that did not end, and one by another", list, victim)
	}
	if longest > time.Second { // of the two that the lock lives
		t.Errorf("somebody waited for %v", longest)
	}
	t.Logf("of %d reads until the next load the longest took %v", reads, longest)
}
