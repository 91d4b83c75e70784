package targets_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/bench/events"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/report"
	"github.com/tiermemo/tiermemo/bench/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A target of a cell that nobody measures would never be missed.
func TestEveryTargetHasItsCells(t *testing.T) {
	t.Parallel()
	cells := map[string]bool{}
	for _, e := range events.All() {
		for _, c := range e.Contenders {
			for _, unit := range e.Units() {
				cells[e.Name+"|"+c.Name+"|"+unit] = true
			}
		}
	}
	for _, g := range targets.All() {
		need := []string{g.Event + "|" + g.Who + "|" + g.Unit}
		if g.Over != "" {
			need = append(need, g.Event+"|"+g.Over+"|"+g.Unit)
		}
		if g.Plus != "" {
			need = append(need, g.Plus+"|"+g.Who+"|"+g.Unit)
		}
		for _, cell := range need {
			if !cells[cell] {
				t.Errorf("%s: no event has the cell %q", g.Row, cell)
			}
		}
	}
}

// A reason of no target would be a claim about nothing.
func TestEveryReasonIsOfATarget(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, g := range targets.All() {
		used[g.Why] = true
	}
	for _, why := range targets.Reasons() {
		if !used[why] {
			t.Errorf("no target has the reason %q", why)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	f := report.File{Events: []report.Event{
		{Name: "e", Contenders: []lab.Measured{
			{Name: "tiermemo", Rounds: map[string][]float64{lab.Time: {10}, lab.Allocs: {1.02}, lab.Hits: {70}}},
			{Name: "better", Rounds: map[string][]float64{lab.Hits: {72}}},
			{Name: "peer", Rounds: map[string][]float64{lab.Time: {30}, lab.Hits: {65}}}}},
		{Name: "e2", Contenders: []lab.Measured{{Name: "tiermemo", Rounds: map[string][]float64{lab.Time: {17}}}}},
	}}
	of := targets.Target{Event: "e", Who: "tiermemo", Unit: lab.Time}
	with := func(change func(*targets.Target)) targets.Target {
		g := of
		change(&g)
		return g
	}
	for name, c := range map[string]struct {
		g    targets.Target
		met  bool
		text string
	}{
		"below":       {with(func(g *targets.Target) { g.AtMost = 10 }), true, "10 ns/op"},
		"above":       {with(func(g *targets.Target) { g.AtMost = 9 }), false, "10 ns/op"},
		"a count":     {with(func(g *targets.Target) { g.Unit, g.AtMost = lab.Allocs, 1 }), true, "1 allocs/op"},
		"enough":      {with(func(g *targets.Target) { g.Unit, g.AtLeast = lab.Hits, 70 }), true, "70 hit %"},
		"won":         {with(func(g *targets.Target) { g.Over, g.Gain = "peer", 3 }), true, "3.00×"},
		"not by much": {with(func(g *targets.Target) { g.Over, g.Gain = "peer", 3.1 }), false, "3.00×"},
		"cheap":       {with(func(g *targets.Target) { g.Over, g.Cost = "peer", 0.34 }), true, "0.33×"},
		"dear":        {with(func(g *targets.Target) { g.Over, g.Cost = "peer", 0.3 }), false, "0.33×"},
		"ahead":       {with(func(g *targets.Target) { g.Unit, g.Over, g.Ahead = lab.Hits, "peer", 3 }), true, "+5.0 points"},
		"behind":      {with(func(g *targets.Target) { g.Unit, g.Over, g.Behind = lab.Hits, "better", 1.7 }), false, "-2.0 points"},
		"not far off": {with(func(g *targets.Target) { g.Unit, g.Over, g.Behind = lab.Hits, "better", 2 }), true, "-2.0 points"},
		"more":        {with(func(g *targets.Target) { g.Plus, g.Within = "e2", 6 }), false, "7 ns/op more"},
		"unmeasured":  {with(func(g *targets.Target) { g.Event = "other" }), false, ""},
	} {
		if v := targets.Judge(f, []targets.Target{c.g})[0]; v.Met != c.met || v.Measured != c.text {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestYardstick(t *testing.T) {
	t.Parallel()
	f := report.File{Events: []report.Event{{Name: "e", Contenders: []lab.Measured{
		{Name: "tiermemo", Rounds: map[string][]float64{lab.Time: {10}}},
		{Name: "hand", Rounds: map[string][]float64{lab.Time: {30}}}}}}}
	g := targets.Target{Event: "e", Who: "tiermemo", Unit: lab.Time, AtMost: 5, Yard: "hand", There: 15}
	for limit, met := range map[float64]bool{5: true, 4: false} {
		g.AtMost = limit
		v := targets.Judge(f, []targets.Target{g})[0]
		if v.Met || v.ByYard != met || v.Missed() == met {
			t.Errorf("10 ns where the yardstick takes 2 times as long, and %v were to be met: %+v", limit, v)
		}
	}
	g.AtMost, g.There = 12, 60
	if v := targets.Judge(f, []targets.Target{g})[0]; !v.Met || v.Yard != "" {
		t.Errorf("a yardstick that takes half as long tightens nothing: %+v", v)
	}
	g.Yard = "another"
	if v := targets.Judge(f, []targets.Target{g})[0]; v.ByYard || v.Yard != "" {
		t.Errorf("a yardstick that was not measured: %+v", v)
	}
}

// What RESULTS.md says to be missed is explained there: by a profile, or by what the machine takes.
func TestWhatIsMissedHasItsReason(t *testing.T) {
	t.Parallel()
	f, err := report.Load("../RESULTS.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range targets.Judge(f, targets.All()) {
		if !v.Met && !v.ByYard && v.Why == "" {
			t.Errorf("%s: %s, measured %q, and no reason in why.go", v.Row, v.Limit, v.Measured)
		}
	}
}

func TestWhereAPeerWinsIsSaidWhy(t *testing.T) {
	t.Parallel()
	f, err := report.Load("../RESULTS.json")
	if err != nil {
		t.Fatal(err)
	}
	behind, _ := report.Wins(f)
	for _, section := range behind {
		if targets.Behind[section] == "" {
			t.Errorf("a peer wins in %q, and no reason in why.go", section)
		}
	}
}
