package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// A process whose next poll is an hour away has an old B in its L2, and nobody
// has told it. Outside of a load it may use it. A value that is made of B, and
// will be everyone's, must be made of the new one.
func TestALoadInsideALoadHasHeardOfWhatItsStampCovers(t *testing.T) {
	t.Parallel()
	a, b := fleet.Whole(1), fleet.Row(1)
	for name, calls := range map[string][][]fleet.Key{
		"in two calls": {{b}, {a}},
		"in one call":  {{a, b}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := newFleet(t, 0,
				fleet.Setup{TTL: time.Minute, Patience: patient},
				fleet.Setup{TTL: time.Minute, Patience: patient, PollInterval: time.Hour, StaleBound: 2 * time.Hour})
			w, r := f.Processes[0], f.Processes[1]
			expect(t, r, b, 0)
			commit(t, w, b)
			for _, keys := range calls {
				invalidate(t, w, false, keys...)
			}
			expect(t, r, b, 0) // else it has heard, and what follows shows nothing
			expect(t, r, a, 1)
			expect(t, w, a, 1)
			expect(t, r, b, 1)
		})
	}
}
