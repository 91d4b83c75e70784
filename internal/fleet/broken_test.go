package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/fleet"
)

// A checker is believed when it has said no.

func TestAWriterThatDoesNotInvalidateIsFound(t *testing.T) {
	t.Parallel()
	v := brokenRun(t, fleet.Traffic{Silent: true}, plain, plain)
	if v.Same == 0 || v.Beyond == 0 {
		t.Errorf("found %d stale reads in the writer's process and %d lags beyond the bound, want both", v.Same, v.Beyond)
	}
}

func TestAProcessThatDoesNotHearIsFound(t *testing.T) {
	t.Parallel()
	v := brokenRun(t, fleet.Traffic{}, plain, fleet.Setup{TTL: time.Minute, Flaw: fleet.Deaf})
	if v.Same != 0 || v.Beyond == 0 {
		t.Errorf("found %d stale reads in the writer's process and %d lags beyond the bound, want only the second", v.Same, v.Beyond)
	}
}

// brokenRun writes for a second with the first of two processes.
func brokenRun(t *testing.T, how fleet.Traffic, setups ...fleet.Setup) *fleet.Verdict {
	t.Helper()
	tr := rowTraffic
	tr.Silent = how.Silent
	f, _ := newFleet(t, 4*time.Millisecond, setups...)
	must(t, f.Each(func(p *fleet.Process) error { return p.Begin(scenario{traffic: tr}.of(p)) }))
	wait(t, time.Second)
	must(t, f.Processes[0].Calm())
	wait(t, tail)
	h, err := f.End(bound)
	must(t, err)
	v := h.Check()
	for _, e := range v.Examples {
		t.Log(e)
	}
	return v
}
