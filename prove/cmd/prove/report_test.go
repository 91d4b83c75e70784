package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/prove/internal/cost"
	"github.com/tiermemo/tiermemo/prove/internal/page"
	"github.com/tiermemo/tiermemo/prove/internal/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func files(t *testing.T, document string) (results, doc string) {
	t.Helper()
	folder := t.TempDir()
	results, doc = filepath.Join(folder, "RESULTS.json"), filepath.Join(folder, "proof.md")
	must(t, os.WriteFile(doc, []byte(document), 0o644))
	return results, doc
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// twoScenarios is a report of two scenarios: the second had a stale read.
func twoScenarios() *report {
	r := newReport(time.Second, 1)
	r.Scenarios = []*scenario.Result{{Name: "good", Checked: 700}, {Name: "bad", Checked: 5, Same: 1, Failures: []string{"1 stale read"}}}
	r.end()
	return r
}

// A second run replaces the table, and nothing else of the document.
func TestTheTableIsWrittenInItsPlace(t *testing.T) {
	t.Parallel()
	results, doc := files(t, "# Proof\n"+page.Begins("prove")+"an old table\n"+page.Ends("prove")+"The end.\n")
	r := twoScenarios()
	for range 2 {
		must(t, r.write(results, doc))
	}
	text, err := os.ReadFile(doc)
	must(t, err)
	got := string(text)
	if !strings.HasPrefix(got, "# Proof\n"+page.Begins("prove")) || !strings.HasSuffix(got, page.Ends("prove")+"The end.\n") ||
		strings.Contains(got, "old table") || strings.Count(got, "| good |") != 1 {
		t.Errorf("the document became\n%s", got)
	}
	data, err := os.ReadFile(results)
	must(t, err)
	var read report
	must(t, json.Unmarshal(data, &read))
	if read.Checked != 705 || read.Stale != 1 || len(read.Scenarios) != 2 || read.Command != "make prove LENGTH=1s" {
		t.Errorf("RESULTS.json has %+v", read)
	}
}

func TestOneBadScenarioIsAFailure(t *testing.T) {
	t.Parallel()
	r := twoScenarios()
	if err := r.verdict(); err == nil || !strings.Contains(err.Error(), "bad: 1 stale read") || strings.Contains(err.Error(), "good") {
		t.Errorf("the verdict is %v", err)
	}
	r.Scenarios = r.Scenarios[:1]
	must(t, r.verdict())
}

func TestScenariosAreChosenByName(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]int{"": len(scenario.All()), "^memcached": 4, "broken": len(scenario.Broken()), "nothing of the kind": 0, "(": 0} {
		chosen, err := choose(expr, 1, time.Minute)
		if len(chosen) != want || (err != nil) != (want == 0) {
			t.Errorf("%q chooses %d, %v, want %d", expr, len(chosen), err, want)
		}
	}
}

// What a minute has measured replaces its own tables, and keeps those of the last
// twenty.
func TestCostsHaveAPlaceOfTheirOwn(t *testing.T) {
	t.Parallel()
	results, doc := files(t, page.Begins("prove")+page.Ends("prove")+"# Costs\n"+page.Begins("costs")+"old\n"+page.Ends("costs"))
	r := twoScenarios()
	r.Costs = &cost.Report{Command: "make costs", Rows: []cost.Row{{Name: "hit", Promised: 1, Wanted: 1, Commands: 2, Trips: 1}}}
	must(t, r.write(results, doc))
	text, err := os.ReadFile(doc)
	must(t, err)
	for part, want := range map[string]int{"| good |": 1, "old": 0, "| hit: **more than promised** | 1 | 1.00 | 2 |": 1} {
		if got := strings.Count(string(text), part); got != want {
			t.Errorf("%q stands %d times in\n%s", part, got, text)
		}
	}
	if err := r.verdict(); err == nil || !strings.Contains(err.Error(), "hit: 1.00 round trips and 2 commands, promised are 1 and 1") {
		t.Errorf("the verdict is %v", err)
	}
}
