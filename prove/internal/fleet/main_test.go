package fleet_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

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

// bound is memo's default StaleBound.
const bound = time.Second

// newFleet starts processes with the setups, on a memcached of their own.
func newFleet(t *testing.T, took time.Duration, setups ...fleet.Setup) (*fleet.Fleet, *mcserver.Server) {
	t.Helper()
	server := mcserver.ForTest(t)
	f, err := fleet.New([]string{server.Addr()}, took, 2*time.Minute)
	must(t, err)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, s := range setups {
		_, err := f.Start(s)
		must(t, err)
	}
	return f, server
}

// alike returns n setups of one kind.
func alike(n int, s fleet.Setup) []fleet.Setup {
	all := make([]fleet.Setup, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// until asks again and again, for at most limit, and reports whether it came true.
func until(t *testing.T, limit time.Duration, ask func() bool) bool {
	t.Helper()
	end := time.After(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-end:
			return false
		}
	}
	return true
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
