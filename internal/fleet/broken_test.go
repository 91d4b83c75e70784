package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/fleet"
)

// A checker is believed when it has said no.

func TestAWriterThatDoesNotInvalidateIsFound(t *testing.T) {
	t.Parallel()
	v := brokenRun(t, "the writer does not invalidate", true, plain, plain)
	if v.Same == 0 || v.Beyond == 0 {
		t.Errorf("found %d stale reads in the writer's process and %d lags beyond the bound, want both", v.Same, v.Beyond)
	}
}

func TestAProcessThatDoesNotHearIsFound(t *testing.T) {
	t.Parallel()
	v := brokenRun(t, "one process is deaf to the log", false, plain, fleet.Setup{TTL: time.Minute, Flaw: fleet.Deaf})
	if v.Same != 0 || v.Beyond == 0 {
		t.Errorf("found %d stale reads in the writer's process and %d lags beyond the bound, want only the second", v.Same, v.Beyond)
	}
}

// brokenRun writes for a second with the first of two processes.
func brokenRun(t *testing.T, how string, silent bool, setups ...fleet.Setup) *fleet.Verdict {
	t.Helper()
	tr := rowTraffic
	tr.Silent = silent
	f, _ := newFleet(t, query, setups...)
	// Each begins to read the log before anything is written. One that came later
	// would forget after a while what it read first, which is what is to be seen.
	must(t, f.Each(func(p *fleet.Process) error { _, err := p.Do(fleet.Row(0)); return err }))
	must(t, f.Each(func(p *fleet.Process) error { return p.Begin(of(p, tr)) }))
	wait(t, time.Second)
	must(t, f.Processes[0].Calm())
	wait(t, tail)
	h, err := f.End(bound)
	must(t, err)
	v := h.Check()
	theReport.add(fleet.Line{Scenario: "broken on purpose: " + how, Processes: len(setups), Verdict: v, Loads: f.Database.LoadCount(), Note: "must be found"})
	for _, e := range v.Examples {
		t.Log(e)
	}
	return v
}
