package cost_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/cost"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// TestMain is where the test binary becomes a worker.
func TestMain(m *testing.M) {
	if env := os.Getenv(fleet.Env); env != "" {
		if err := fleet.Work(env); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func servers(t *testing.T, n int) (all []*mcserver.Server, names []string) {
	t.Helper()
	for range n {
		s := mcserver.ForTest(t)
		all, names = append(all, s), append(names, s.Addr())
	}
	return all, names
}

// Of the times nothing is judged here, only that all was answered: this machine may be
// busy with anything.
func TestWhatIsOnHealthyServersIsAnsweredWhileOneHangs(t *testing.T) {
	all, _ := servers(t, 3)
	h, err := cost.WatchOne(t.Context(), all, 1, 700*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *h)
	for name, c := range map[string]cost.Compare{"reads": h.Reads, "invalidations": h.Writes, "reads where it hangs": h.Others} {
		if c.Well.Requests < 10 || c.Hung.Requests < 10 || c.Well.Errors+c.Hung.Errors > 0 {
			t.Errorf("%s: %+v, want ten each at least, and no error", name, c)
		}
	}
}

// A server more takes its share, which is a quarter, and nothing else moves.
func TestValuesMoveOnlyToTheServerThatCame(t *testing.T) {
	_, names := servers(t, 4)
	const keys = 2000
	m, err := cost.Move(t.Context(), names, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", *m)
	const chance = keys / 20 // five standard deviations
	if m.Reordered+m.Strayed > 0 || m.Moved < keys/4-chance || m.Moved > keys/4+chance {
		t.Errorf("%d values have moved in another order, %d to the server that came, %d to another one, want 0, about %d, 0", m.Reordered, m.Moved, m.Strayed, keys/4)
	}
}

func TestWhatSeveralServersCostIsJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		one   cost.OneHang
		moved cost.Movement
		want  string // a part of the failure; empty: none
	}{
		"all is well":              {cost.OneHang{}, cost.Movement{Keys: 100, Moved: 26}, ""},
		"too many moved":           {cost.OneHang{}, cost.Movement{Keys: 100, Moved: 27}, "27 of 100 values"},
		"none moved":               {cost.OneHang{}, cost.Movement{Keys: 100}, "0 of 100 values"},
		"the order counts":         {cost.OneHang{}, cost.Movement{Keys: 100, Moved: 25, Reordered: 1}, "1 of 100 values have moved with the list in another order"},
		"others move, too":         {cost.OneHang{}, cost.Movement{Keys: 100, Moved: 25, Strayed: 3}, "3 of 100 values have moved to another"},
		"a millisecond more":       {cost.OneHang{Reads: compare(2, 3)}, cost.Movement{Keys: 100, Moved: 25}, ""},
		"more than a millisecond":  {cost.OneHang{Reads: compare(2, 3.01)}, cost.Movement{Keys: 100, Moved: 25}, "p99 of reads is 3.01 ms"},
		"a tenth more":             {cost.OneHang{Writes: compare(20, 22)}, cost.Movement{Keys: 100, Moved: 25}, ""},
		"more than a tenth":        {cost.OneHang{Writes: compare(20, 22.1)}, cost.Movement{Keys: 100, Moved: 25}, "p99 of invalidations is 22.10 ms"},
		"those that hang may hang": {cost.OneHang{Others: compare(2, 200)}, cost.Movement{Keys: 100, Moved: 25}, ""},
		"a read that has failed":   {cost.OneHang{Reads: cost.Compare{Hung: cost.Phase{Errors: 1}}}, cost.Movement{Keys: 100, Moved: 25}, "1 reads failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := cost.Report{One: &c.one, Moves: &c.moved}
			got := ""
			if err := r.Verdict(); err != nil {
				got = err.Error()
			}
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("the verdict is %q, want %q", got, c.want)
			}
			if (strings.Contains(r.Markdown(), "**")) != (c.want != "" && c.moved.Moved == 25 && c.moved.Strayed+c.moved.Reordered == 0) {
				t.Errorf("the table is\n%s", r.Markdown())
			}
		})
	}
}

func compare(well, hung float64) cost.Compare {
	return cost.Compare{Well: cost.Phase{P99: well}, Hung: cost.Phase{P99: hung}}
}
