package scenario_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
	"github.com/tiermemo/tiermemo/prove/internal/scenario"
)

// writing is for how long each scenario writes here; `make prove` takes longer.
const writing = 2500 * time.Millisecond

// atOnce is how many scenarios run at a time: most of it they wait.
const atOnce = 2

// TestMain is where the test binary becomes a worker.
func TestMain(m *testing.M) {
	if env := os.Getenv(fleet.Env); env != "" {
		os.Exit(leaksToo(say(fleet.Work(env))))
	}
	os.Exit(leaksToo(m.Run()))
}

// leaksToo makes a goroutine that was left behind a failure.
func leaksToo(code int) int {
	if code != 0 {
		return code
	}
	return say(goleak.Find())
}

func say(err error) (code int) {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Only a few run at once: on a small machine they are each other's disturbance, and
// their lags nobody's.
func TestNoReadIsStaleWhereItMustNotBe(t *testing.T) {
	turn := make(chan struct{}, atOnce)
	for _, s := range scenario.Short() {
		name := s.Name
		if s.Servers > 1 {
			name += fmt.Sprintf(", %d servers", s.Servers)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn <- struct{}{}
			defer func() { <-turn }()
			r := play(t, s, writing)
			if r.Few() { // on a busy machine
				r = play(t, s, 4*writing)
			}
			for _, failure := range r.Failures {
				t.Error(failure)
			}
			for _, example := range r.Examples {
				t.Log(example)
			}
		})
	}
}

func TestAWriterThatDoesNotInvalidateIsFound(t *testing.T) {
	r := play(t, scenario.Broken()[0], time.Second)
	if r.Same == 0 || r.Beyond == 0 {
		t.Errorf("found %d stale reads in the writer's process and %d lags beyond the bound, want both", r.Same, r.Beyond)
	}
}

func TestProcessesThatDoNotHearAreFound(t *testing.T) {
	r := play(t, scenario.Broken()[1], writing) // what a process keeps in its first second counts for no longer than the bound anyway
	if r.Same != 0 || r.Beyond == 0 {
		t.Errorf("found %d stale reads in the writer's process and %d lags beyond the bound, want only the second", r.Same, r.Beyond)
	}
}

func play(t *testing.T, s scenario.Scenario, length time.Duration) *scenario.Result {
	t.Helper()
	var servers []*mcserver.Server
	for range s.Needs() {
		servers = append(servers, mcserver.ForTest(t, s.Memcached...))
	}
	r, err := scenario.Run(t.Context(), s, servers, length)
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + scenario.Markdown([]*scenario.Result{r}))
	for id, c := range r.Counts {
		t.Logf("process %d: L1 %d, L2 %d, L3 %d, loads %d, joined %d, errors %d", id, c.L1, c.L2, c.L3, c.Loads, c.Joined, c.Errors)
	}
	return r
}
