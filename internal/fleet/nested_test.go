package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/fleet"
)

// A process whose next poll is an hour away has an old B in its L2, and nobody
// has told it. Outside of a load it may use it. A value that is made of B, and
// will be everyone's, must be made of the new one.
func TestALoadInsideALoadHasHeardOfWhatItsStampCovers(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(w *fleet.Process) error{
		"in two calls": func(w *fleet.Process) error {
			if err := w.Invalidate(fleet.Row(1)); err != nil {
				return err
			}
			return w.Invalidate(fleet.Whole(1))
		},
		"in one call": func(w *fleet.Process) error { return w.Invalidate(fleet.Whole(1), fleet.Row(1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFleet(t, 0,
				fleet.Setup{TTL: time.Minute, Patience: patient},
				fleet.Setup{TTL: time.Minute, Patience: patient, PollInterval: time.Hour, StaleBound: 2 * time.Hour})
			w, r := f.Processes[0], f.Processes[1]
			a, b := fleet.Whole(1), fleet.Row(1)
			expect(t, r, b, 0)
			_, err := w.Commit(b)
			must(t, err)
			must(t, invalidate(w))
			expect(t, r, b, 0) // else it has heard, and what follows shows nothing
			expect(t, r, a, 1)
			expect(t, w, a, 1)
			expect(t, r, b, 1)
		})
	}
}

func expect(t *testing.T, p *fleet.Process, k fleet.Key, want uint64) {
	t.Helper()
	got, err := p.Do(k)
	must(t, err)
	if got != want {
		t.Errorf("process %d reads version %d of %v, want %d", p.ID, got, k, want)
	}
}
