package report_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func measured(name string, ns ...float64) lab.Measured {
	return lab.Measured{Name: name, Rounds: map[string][]float64{lab.Time: ns}}
}

func file() report.File {
	floor := measured("bare", 1, 1, 1)
	floor.Floor = true
	return report.File{Events: []report.Event{
		{Group: "G", Name: "slow", Columns: []string{lab.Time}, Command: "go run .", When: "2026-11-22",
			Contenders: []lab.Measured{measured("tiermemo Func", 10, 40, 20), measured("otter", 30, 60, 40), floor}},
		{Group: "G", Name: "lost", Columns: []string{lab.Time}, Contenders: []lab.Measured{measured("tiermemo Func", 10), measured("otter", 5)}},
	}}
}

// The ratio of the medians would be 40/20; that of the rounds is 3, 1.5 and 2.
func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	t.Parallel()
	f := file()
	ours, theirs := f.Find("slow", "tiermemo Func"), f.Find("slow", "otter")
	if r, ok := report.Ratio(ours, theirs, lab.Time); !ok || r != 2 {
		t.Errorf("ratio %v, %v", r, ok)
	}
	uneven := measured("uneven", 10, 10, 100)
	if r, _ := report.Ratio(ours, &uneven, lab.Time); r != 1 {
		t.Errorf("ratio %v, want 1: of 1, 0.25 and 5", r)
	}
	if _, ok := report.Ratio(ours, f.Find("slow", "nobody"), lab.Time); ok {
		t.Error("a ratio with nobody")
	}
}

func TestMoreHitsAreBetter(t *testing.T) {
	t.Parallel()
	ours, theirs := lab.Measured{Rounds: map[string][]float64{lab.Hits: {80}}}, lab.Measured{Rounds: map[string][]float64{lab.Hits: {40}}}
	if r, ok := report.Ratio(&ours, &theirs, lab.Hits); !ok || r != 2 {
		t.Errorf("ratio %v, %v", r, ok)
	}
}

func TestPeerWithHitsWhereOursHasNoneWins(t *testing.T) {
	t.Parallel()
	f := file()
	f.Events = []report.Event{{Group: "G", Name: "loop", Columns: []string{lab.Hits}, Contenders: []lab.Measured{
		{Name: "tiermemo Func", Rounds: map[string][]float64{lab.Hits: {0, 0}}},
		{Name: "otter", Rounds: map[string][]float64{lab.Hits: {20, 21}}},
		{Name: "theine", Rounds: map[string][]float64{lab.Hits: {0, 0}}},
	}}}
	sections, said := report.Wins(f)
	if len(sections) != 1 || len(said["G"]) != 1 || !strings.HasPrefix(said["G"][0], "loop: **otter** has 20.5") {
		t.Errorf("%q", said)
	}
}

func TestPeerThatWinsIsNamedAndAFloorIsNot(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	report.Write(&text, file(), []report.Verdict{{Row: "1", Limit: "≤ 5 ns/op", Measured: "20 ns/op"}, {Row: "2"},
		{Row: "3", Limit: "≤ 5 ns/op", Yard: "21 by the yardstick", ByYard: true, Measured: "20 ns/op"}, {Row: "4", Measured: "6", Why: "the light is slow"}}, nil, map[string]string{"G": "otter knows better"})
	for _, want := range []string{
		"**G.** otter knows better\n\n- lost: **otter** has 5 ns/op, tiermemo Func 10 (0.50×)", "0 of 4 met, 1 met by the yardstick, 1 not measured", "| 3 | ≤ 5 ns/op (21 by the yardstick) | 20 ns/op | met by the yardstick |", "- *4*: the light is slow", "| 1 | ≤ 5 ns/op | 20 ns/op | **not met** |",
		"| slow | tiermemo Func | 20 (10 to 40) |", "| otter | 40 (30 to 60) | 2.00× |", "| *bare* | 1 (1 to 1) | 0.05× |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "**bare**") {
		t.Error("the floor is said to win")
	}
}

func TestWholeRunSaysWhatItTook(t *testing.T) {
	t.Parallel()
	f := file()
	for _, took := range []string{"", "28m3s"} {
		var text strings.Builder
		f.Took = took
		report.Write(&text, f, nil, nil, nil)
		if got := strings.Contains(text.String(), ", which took 28m3s. "); got != (took != "") {
			t.Errorf("took %q, and the head says so: %v", took, got)
		}
	}
}

func TestFileIsReadAsItWasSavedAndMerged(t *testing.T) {
	t.Parallel()
	f, path := file(), filepath.Join(t.TempDir(), "r.json")
	f.Took = "28m3s"
	if err := f.Save(path); err != nil {
		t.Fatal(err)
	}
	read, err := report.Load(path)
	if err != nil || !reflect.DeepEqual(read, f) {
		t.Fatalf("%v\n%+v\n%+v", err, read, f)
	}
	read.Put(report.Event{Group: "G", Name: "lost", Command: "again"})
	read.Put(report.Event{Group: "G", Name: "gone"})
	read.Sort([]lab.Event{{Group: "G", Name: "lost"}, {Group: "G", Name: "slow"}})
	if len(read.Events) != 2 || read.Events[0].Command != "again" || read.Events[1].Name != "slow" {
		t.Errorf("%+v", read.Events)
	}
	if none, err := report.Load(path + "x"); err != nil || none.Events != nil {
		t.Errorf("no file: %+v, %v", none, err)
	}
}
