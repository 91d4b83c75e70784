package fleet_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/fleet"
	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// TestMain is where the test binary becomes a worker.
func TestMain(m *testing.M) {
	if env := os.Getenv(fleet.Env); env != "" {
		os.Exit(leaksToo(say(fleet.Work(env))))
	}
	code := m.Run()
	if err := theReport.publish(); err != nil {
		code = max(code, say(err))
	}
	os.Exit(leaksToo(code))
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

// report collects the lines of the scenarios, until all of them are through.
type report struct {
	mu    sync.Mutex
	lines []fleet.Line
}

var theReport report

func (r *report) add(l fleet.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
}

func (r *report) publish() error {
	if len(r.lines) == 0 {
		return nil
	}
	table := fleet.Markdown(r.lines)
	if testing.Verbose() {
		fmt.Println(table)
	}
	if path := os.Getenv("TIERMEMO_FLEET_REPORT"); path != "" {
		return os.WriteFile(path, []byte(table), 0o644)
	}
	return nil
}

// writing is for how long a scenario writes.
func writing(tb testing.TB) time.Duration {
	tb.Helper()
	env := os.Getenv("TIERMEMO_FLEET_SECONDS")
	if env == "" {
		return 4 * time.Second
	}
	n, err := strconv.ParseFloat(env, 64)
	if err != nil || n <= 0 {
		tb.Fatalf("TIERMEMO_FLEET_SECONDS=%q: want a number of seconds", env)
	}
	return time.Duration(n * float64(time.Second))
}

// newFleet starts processes with the setups, on a memcached of their own.
func newFleet(t *testing.T, took time.Duration, setups ...fleet.Setup) (*fleet.Fleet, *mcserver.Server) {
	t.Helper()
	server := mcserver.ForTest(t)
	f, err := fleet.New(server.Addr(), took, writing(t)+time.Minute)
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

// wait is the length of a phase, not a hope that something has happened in it.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
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
