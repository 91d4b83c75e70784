package scenario

import (
	"strings"
	"testing"
)

// fine is a result in which nothing was wrong.
func fine() Result {
	return Result{Name: "x", Checked: 1000, Writes: 100, Deferred: 3, LateMax: 2999, LateBound: 3000, Bound: 1000, LagMax: 1000}
}

func TestAResultIsJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Result)
		want   string // a part of the failure; empty: none
	}{
		"all is well":                    {func(*Result) {}, ""},
		"a stale read":                   {func(s *Result) { s.Same = 1 }, "1 stale"},
		"a lag beyond the bound":         {func(s *Result) { s.Beyond = 2 }, "2 lags beyond the bound of 1000 ms"},
		"a request that changed":         {func(s *Result) { s.Torn = 1 }, "memory changed"},
		"a read of the future":           {func(s *Result) { s.Impossible = 1 }, "not committed"},
		"an error":                       {func(s *Result) { s.Errors = 1 }, "error"},
		"a deferred one that comes late": {func(s *Result) { s.LateMax = 3001 }, "3001 ms"},
		"a value that is too old":        {func(s *Result) { s.Ages = []Age{{Skew: 2000, Max: 5251, Most: 5250}} }, "5251 ms old where the clock is off by 2000 ms"},
		"nearly no reads":                {func(s *Result) { s.Checked = 299 }, "too few"},
		"nearly no writes":               {func(s *Result) { s.Writes = 9 }, "too few"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fine()
			c.change(&s)
			s.judge()
			got := strings.Join(s.Failures, ", ")
			if s.OK() != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("failures %q, want %q", got, c.want)
			}
			if failed := strings.Contains(Markdown([]*Result{&s}), "FAILED"); failed == s.OK() {
				t.Errorf("the table says failed: %t", failed)
			}
		})
	}
}

// Every scenario has a name of its own, writers among its processes, and keys
// that can be shared out.
func TestTheListMakesSense(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range append(All(), Broken()...) {
		s = s.complete()
		if seen[s.Name] || s.Writers > s.Processes || s.Writers > s.Traffic.Rows || len(s.Traffic.Operations) == 0 {
			t.Errorf("%q: a name that is there already, or too many writers, or no operation", s.Name)
		}
		seen[s.Name] = true
	}
}
