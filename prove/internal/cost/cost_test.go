package cost_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/cost"
)

// Of what is measured only what was counted is judged here: this machine may be
// busy with anything.
func TestCommandsOnTheWire(t *testing.T) {
	rows, err := cost.RoundTrips(t.Context(), mcserver.ForTest(t).Addr(), 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		t.Logf("%+v", r)
		if r.Commands != r.Wanted {
			t.Errorf("%s: %d commands, want %d", r.Name, r.Commands, r.Wanted)
		}
	}
}

func TestRequestsWhileTheServerHangs(t *testing.T) {
	for _, c := range cost.Cases(1500 * time.Millisecond) {
		t.Run(c.Name, func(t *testing.T) {
			h, err := cost.Watch(t.Context(), c, mcserver.ForTest(t), 1500*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", *h)
			most := 5000 + h.Well.Max // a busy machine was that already
			for name, p := range map[string]cost.Phase{"healthy": h.Well, "hung": h.Hung, "back": h.Back} {
				if p.Requests < 200 || p.Errors > 0 || p.Max > most {
					t.Errorf("%s: %+v, want 200 requests at least, no error, and none of more than %.0f ms", name, p, most)
				}
			}
			if h.Well.Shared+h.Back.Shared == 0 {
				t.Error("nobody has read from the shared tier: there was nothing to wait for")
			}
		})
	}
}
