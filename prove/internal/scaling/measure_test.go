package scaling_test

import (
	"math"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/scaling"
)

// Of what is measured only what was counted is judged here: this machine may be busy
// with anything, so that a poll or a task comes late.
func TestAFleetIsMeasured(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t) // skips where there is no memcached
	rows, err := scaling.Measure(t.Context(), scaling.Plan{
		Servers: 2, Poll: 100 * time.Millisecond, Processes: []int{1, 3}, Settle: 200 * time.Millisecond, Warm: 100 * time.Millisecond, Window: 500 * time.Millisecond,
	})
	must(t, err)
	if len(rows) != 12 {
		t.Fatalf("%d rows, want six things of two fleets", len(rows))
	}
	for i, r := range rows {
		if want := []int{1, 3}[i/6]; r.Processes != want || r.Connections < want {
			t.Errorf("%s: %d processes with %d connections, want %d of both at least", r.Doing, r.Processes, r.Connections, want)
		}
		if r.Got.Commands <= 0 || r.Got.Gets <= 0 || r.Got.In <= 0 || r.Got.Out <= 0 || r.Want.Gets <= 0 {
			t.Errorf("%s: counted %+v, predicted %+v: nobody has polled", r.Doing, r.Got, r.Want)
		}
	}
	if read := rows[7].Got; read.Sets == 0 {
		t.Errorf("%s: %+v: nothing was loaded", rows[7].Doing, read)
	}
	if told := rows[9].Got; told.Incrs == 0 || told.Deletes == 0 {
		t.Errorf("%s: %+v: nothing was invalidated", rows[9].Doing, told)
	}
}

func TestAGaugeDoesNotCountItself(t *testing.T) {
	t.Parallel()
	gauge, err := scaling.NewGauge(mcserver.ForTest(t, "-t", "1").Addr())
	must(t, err)
	defer gauge.Close()
	first, err := gauge.Read()
	must(t, err)
	for range 5 {
		again, err := gauge.Read()
		must(t, err)
		if again.Traffic != first.Traffic || again.Connections != first.Connections {
			t.Fatalf("a server that nobody uses counted %+v, and then %+v", first, again)
		}
	}
}

func TestAProcessThatCannotBeginIsAnError(t *testing.T) {
	t.Parallel()
	if err := scaling.Work("no setup"); err == nil {
		t.Error("a worker without a setup worked")
	}
	if err := scaling.Work(`{"Servers":["nonsense"]}`); err == nil {
		t.Error("a worker with a server that is no address worked")
	}
}

func TestACrowdIsMeasured(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t) // skips where there is no memcached
	row, err := scaling.Crowd(t.Context(), 20, 8, 500*time.Millisecond)
	must(t, err)
	if row.Connections != 20 || row.Got.Commands <= 0 || math.Abs(row.Got.Gets-9*row.Got.Commands) > row.Got.Gets/2 || math.Abs(row.Want.Commands-row.Got.Commands) > 0.01*row.Got.Commands {
		t.Errorf("%+v, want 20 connections that poll nine keys each", row)
	}
}
