package scaling_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/scaling"
)

// What grows with what: the laws by which an operator sizes a fleet.
func TestPredictionsFollowTheFleet(t *testing.T) {
	t.Parallel()
	quiet := scaling.Default()
	quiet.Processes, quiet.Servers = 100, 10
	with := func(change func(f *scaling.Fleet)) scaling.Load {
		f := quiet
		change(&f)
		return scaling.Predict(f)
	}
	rest := scaling.Predict(quiet)
	keys := with(func(f *scaling.Fleet) { f.Keys = 50 })
	tags := with(func(f *scaling.Fleet) { f.Tags = 50 })
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"polls of each server", rest.Polls.Commands, 1000},
		{"keys of each poll", rest.Polls.Gets / rest.Polls.Commands, 9},
		{"polls of each server, half as often", with(func(f *scaling.Fleet) { f.PollInterval *= 2 }).Polls.Commands, 500},
		{"polls of each server, of more servers", with(func(f *scaling.Fleet) { f.Servers = 20 }).Polls.Commands, 1000},
		{"numbers of each server, of keys", keys.Server.Incrs, 5},
		{"numbers of each server, of tags: two of each", tags.Server.Incrs, 100},
		{"numbers of the one server, of tags", with(func(f *scaling.Fleet) { f.Servers, f.Tags = 1, 50 }).Server.Incrs, 50},
		{"records of each poll, of keys", keys.Records, 0.5},
		{"records of each poll, of tags", tags.Records, 10},
		{"deletions of each server, of keys", keys.Server.Deletes, 5},
		{"fills of each server", with(func(f *scaling.Fleet) { f.Reads, f.Loads = 4, 0.5 }).Server.Sets, 100.0 * 4 / 2 / 10 * 2},
		{"fills of each server, of what everybody reads", with(func(f *scaling.Fleet) { f.Keys, f.Readers = 50, 100 }).Server.Sets - keys.Server.Sets, 50.0 / 10 * 2},
		{"hits of each server, of what everybody reads", with(func(f *scaling.Fleet) { f.Keys, f.Readers = 50, 100 }).Server.Gets - keys.Server.Gets, 50.0 / 10 * (99*3 + 5)},
		{"connections of each server", float64(rest.Least), 100},
		{"connections of each server, at most", float64(rest.Most), 6400},
		{"commands of each process", rest.Process.Commands, rest.Server.Commands * 10 / 100},
	} {
		if math.Abs(c.got-c.want) > 1e-6*c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestCostsAreFoundInWhatWasMeasured(t *testing.T) {
	t.Parallel()
	var samples []scaling.Sample
	for _, s := range []struct{ commands, keys float64 }{{10, 90}, {1000, 9000}, {300, 900}, {500, 70000}} {
		samples = append(samples, scaling.Sample{
			Traffic: scaling.Traffic{Commands: s.commands, Gets: s.keys},
			CPU:     time.Duration(s.commands*20000 + s.keys*300),
		})
	}
	command, key := scaling.Fit(samples)
	if command.Round(time.Nanosecond*10) != 20*time.Microsecond || key != 300 && key != 299 {
		t.Errorf("a command costs %v and a key %v, want 20µs and 300ns", command, key)
	}
	for _, alike := range [][]scaling.Sample{nil, samples[:1], samples[:2], {{}}} {
		if command, key := scaling.Fit(alike); command != 0 || key != 0 {
			t.Errorf("of %+v cannot be told what a key costs, and not %v and %v", alike, command, key)
		}
	}
}

func TestASheetSaysWhichLimitsAreMet(t *testing.T) {
	t.Parallel()
	calm := scaling.Default()
	calm.Processes = 10
	for _, c := range []struct {
		change func(f *scaling.Fleet)
		want   string // empty: nothing
	}{
		{func(*scaling.Fleet) {}, ""},
		{func(f *scaling.Fleet) { f.Processes = 512 }, ""},
		{func(f *scaling.Fleet) { f.Processes = 513 }, "-c must be above 1026"},
		{func(f *scaling.Fleet) { f.Processes, f.MaxConns = 500, 200 }, "MaxConns"},
		{func(f *scaling.Fleet) { f.Tags = 4000 }, "hears of 400 invalidations"},
		{func(f *scaling.Fleet) { f.PollInterval = time.Millisecond; f.Processes = 100 }, "threads"},
		{func(f *scaling.Fleet) { f.Servers = 500 }, "raise PollInterval"},
	} {
		f := calm
		c.change(&f)
		sheet := scaling.Sheet(f)
		_, advice, _ := strings.Cut(sheet, "further commands")
		_, advice, _ = strings.Cut(advice, "\n")
		if c.want == "" && advice != "" || !strings.Contains(advice, c.want) {
			t.Errorf("the advice is %q, want %q", advice, c.want)
		}
	}
}

func TestAFleetThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	if err := scaling.Large().Problem(); err != nil {
		t.Errorf("the large fleet: %v", err)
	}
	for _, change := range []func(f *scaling.Fleet){
		func(f *scaling.Fleet) { f.Processes = 0 }, func(f *scaling.Fleet) { f.Servers = 0 }, func(f *scaling.Fleet) { f.MaxConns = 0 },
		func(f *scaling.Fleet) { f.PollInterval = 0 }, func(f *scaling.Fleet) { f.Loads = 1.5 }, func(f *scaling.Fleet) { f.Loads = -1 },
		func(f *scaling.Fleet) { f.Keys = -1 }, func(f *scaling.Fleet) { f.Sizes.Value = -1 },
	} {
		f := scaling.Large()
		change(&f)
		if f.Problem() == nil {
			t.Errorf("%+v is said to be possible", f)
		}
	}
}

func TestALineGoesThroughItsPoints(t *testing.T) {
	t.Parallel()
	var l scaling.Line
	if slope, at0 := l.Fit(); slope != 0 || at0 != 0 {
		t.Errorf("of no points %v and %v", slope, at0)
	}
	l.Point(10, 70)
	l.Point(10, 90)
	if slope, at0 := l.Fit(); slope != 0 || at0 != 80 {
		t.Errorf("of one place %v and %v, want 0 and 80", slope, at0)
	}
	l.Point(50, 240)
	if slope, at0 := l.Fit(); slope != 4 || at0 != 40 {
		t.Errorf("%v and %v, want 4 and 40", slope, at0)
	}
}
