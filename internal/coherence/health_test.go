package coherence_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

const (
	blip = 1000 * time.Millisecond
	calm = 300 * time.Millisecond
)

// A happening is something that a Health is told, and what it answers: "" is
// nothing worth saying.
type happening func(h *coherence.Health, now int64) string

func polled(h *coherence.Health, now int64) string {
	return [...]string{"stay", "attach", "replay", "rotate"}[h.Polled(now)]
}

func pollFailed(h *coherence.Health, now int64) string { return wentDown(h.Failed(now)) }

func readFailed(h *coherence.Health, now int64) string { return wentDown(h.ReadFailed(now)) }

func wentDown(down bool) string {
	if down {
		return "went down"
	}
	return ""
}

func answered(h *coherence.Health, now int64) string { h.Answered(now); return "" }

func back(h *coherence.Health, now int64) string { h.Back(now, false); return "" }

func backCalmly(h *coherence.Health, now int64) string { h.Back(now, true); return "" }

func nothing(*coherence.Health, int64) string { return "" }

// event is what happens at a time in milliseconds, what the Health says to it,
// and the state that it leaves.
type event struct {
	at   int64
	do   happening
	says string
	then coherence.State
}

func TestHealth(t *testing.T) {
	t.Parallel()
	// The two that most stories begin with.
	attach := event{0, polled, "attach", coherence.Starting}
	begin := event{0, back, "", coherence.Up}
	fails := func(at int64) event { return event{at, readFailed, "", coherence.Up} }

	for _, test := range []struct {
		name  string
		story []event
	}{
		{"it is up when what waited was delivered", []event{
			attach, begin,
			{1, polled, "stay", coherence.Up},
		}},
		{"before the first poll there is nothing to use", []event{
			{0, answered, "", coherence.Starting},
			{5000, nothing, "", coherence.Starting},
		}},
		{"the fifth read in a row that fails", []event{
			attach, begin,
			fails(1), fails(2), fails(3), fails(4),
			{5, readFailed, "went down", coherence.Down},
			{6, readFailed, "", coherence.Down},
			{6, readFailed, "", coherence.Down},
		}},
		{"an answer between ends the row", []event{
			attach, begin,
			fails(1), fails(2), fails(3), fails(4),
			{5, answered, "", coherence.Up},
			fails(6), fails(7), fails(8), fails(9),
			{10, readFailed, "went down", coherence.Down},
		}},
		{"so does a poll", []event{
			attach, begin,
			fails(1), fails(2), fails(3), fails(4),
			{5, polled, "stay", coherence.Up},
			fails(6), fails(7), fails(8), fails(9),
			{10, readFailed, "went down", coherence.Down},
		}},
		{"reads that end late do not count against what came back", []event{
			attach, begin,
			{900, pollFailed, "went down", coherence.Down},
			{950, polled, "replay", coherence.Down},
			{951, readFailed, "", coherence.Down}, {951, readFailed, "", coherence.Down},
			{951, readFailed, "", coherence.Down}, {951, readFailed, "", coherence.Down},
			{952, back, "", coherence.Up},
			fails(953),
		}},
		{"one poll that fails is enough, and is told once", []event{
			attach, begin,
			{1, pollFailed, "went down", coherence.Down},
			{2, pollFailed, "", coherence.Down},
		}},
		{"an answer to a read does not bring it back", []event{
			attach, begin,
			{1, pollFailed, "went down", coherence.Down},
			{2, answered, "", coherence.Down},
			{900, polled, "replay", coherence.Down},
			{901, polled, "replay", coherence.Down}, // nor does a poll, until what waits is delivered
		}},
		{"away for as long as a blip", []event{
			attach, begin,
			{900, pollFailed, "went down", coherence.Down},
			{1000, polled, "replay", coherence.Down},
		}},
		{"away for longer, since it was last seen well", []event{
			attach, begin,
			{900, pollFailed, "went down", coherence.Down},
			{1001, polled, "rotate", coherence.Down},
		}},
		{"a poll saw it well", []event{
			attach, begin,
			{800, polled, "stay", coherence.Up},
			{900, pollFailed, "went down", coherence.Down},
			{1800, polled, "replay", coherence.Down},
			{1801, polled, "rotate", coherence.Down},
		}},
		{"a read saw it well", []event{
			attach, begin,
			{800, answered, "", coherence.Up},
			{900, pollFailed, "went down", coherence.Down},
			{1800, polled, "replay", coherence.Down},
			{1801, polled, "rotate", coherence.Down},
		}},
		{"an answer that comes late does not shorten an outage", []event{
			attach, begin,
			{900, pollFailed, "went down", coherence.Down},
			{950, answered, "", coherence.Down},
			{960, pollFailed, "", coherence.Down},
			{1001, polled, "rotate", coherence.Down},
		}},
		{"the second outage is measured on its own", []event{
			attach, begin,
			{100, pollFailed, "went down", coherence.Down},
			{2000, polled, "rotate", coherence.Down},
			{2100, back, "", coherence.Up},
			{2200, pollFailed, "went down", coherence.Down},
			{3100, polled, "replay", coherence.Down},
			{3101, polled, "rotate", coherence.Down},
		}},
		{"it was away when the process began", []event{
			{500, pollFailed, "went down", coherence.Down},
			{1500, polled, "replay", coherence.Down},
			{1501, polled, "rotate", coherence.Down},
		}},
		{"reads failed before the first poll", []event{
			{1, readFailed, "", coherence.Starting}, {2, readFailed, "", coherence.Starting},
			{3, readFailed, "", coherence.Starting}, {4, readFailed, "", coherence.Starting},
			{5, readFailed, "went down", coherence.Down},
		}},
		{"calm for as long as was asked for", []event{
			attach, begin,
			{100, pollFailed, "went down", coherence.Down},
			{900, polled, "replay", coherence.Down},
			{900, backCalmly, "", coherence.Quiet},
			{1000, polled, "stay", coherence.Quiet},
			{1100, answered, "", coherence.Quiet},
			{1199, nothing, "", coherence.Quiet},
			{1200, nothing, "", coherence.Up},
			{1201, nothing, "", coherence.Up},
		}},
		{"an outage in two parts is one", []event{
			attach, begin,
			{100, pollFailed, "went down", coherence.Down},
			{900, polled, "replay", coherence.Down},
			{900, backCalmly, "", coherence.Quiet},
			{950, polled, "stay", coherence.Quiet},
			{990, pollFailed, "went down", coherence.Down},
			{1001, polled, "rotate", coherence.Down},
		}},
		{"after the calm it is another one", []event{
			attach, begin,
			{100, pollFailed, "went down", coherence.Down},
			{900, polled, "replay", coherence.Down},
			{900, backCalmly, "", coherence.Quiet},
			{1150, polled, "stay", coherence.Quiet},
			{1200, pollFailed, "went down", coherence.Down}, // nobody has asked for the state since
			{2150, polled, "replay", coherence.Down},
			{2151, polled, "rotate", coherence.Down},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := coherence.Health{Blip: blip, Calm: calm}
			for _, e := range test.story {
				if says := e.do(&h, ms(e.at)); says != e.says {
					t.Errorf("at %d ms it says %q, want %q", e.at, says, e.says)
				}
				if state := h.State(ms(e.at)); state != e.then {
					t.Errorf("at %d ms it is %v, want %v", e.at, state, e.then)
				}
			}
		})
	}
}

func TestStatesHaveNames(t *testing.T) {
	t.Parallel()
	for state, want := range map[coherence.State]string{
		coherence.Starting: "starting", coherence.Up: "up", coherence.Down: "down", coherence.Quiet: "quiet",
	} {
		if got := state.String(); got != want {
			t.Errorf("%d is called %q, want %q", state, got, want)
		}
	}
}
