package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Every cell has its turn in every round, and what it is worth is its middle one.
func TestRounds(t *testing.T) {
	t.Parallel()
	s := &setting{rounds: 3}
	var order []string
	cellOf := func(name string) *cell {
		return &cell{line: name, x: 1, prepare: func(int) func() error { order = append(order, name); return func() error { return nil } }}
	}
	cells := []*cell{cellOf("a"), cellOf("b")}
	if err := s.play(t.Context(), cells); err != nil { // whatever it takes is long enough
		t.Fatal(err)
	}
	if got, want := strings.Join(order, ""), "aaabbb"+"abbaab"; got != want {
		t.Errorf("the order was %s, want %s", got, want)
	}
	var f Figure
	f.add("a", false, 1, 5, 1, 3)
	f.add("a", false, 0.5, 2)
	if p := f.Lines[0].Points; len(p) != 2 || p[0] != (Point{0.5, 2, 2, 2}) || p[1] != (Point{1, 3, 1, 5}) {
		t.Errorf("the points are %v", p)
	}
}

// A line that says hit and was loaded is not drawn.
func TestReadsThatWereAnsweredOtherwiseAreAnError(t *testing.T) {
	t.Parallel()
	c, err := process(10)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	f := memo.NewFunc(c, "user", loadUser)
	s, id := &setting{rounds: 1, each: time.Microsecond}, 0
	missed := &cell{line: "hit", x: 1, cache: c, answered: byL2, prepare: again(func(int) error { id++; _, err := f.Do(c.With(t.Context()), id); return err })}
	if err := s.play(t.Context(), []*cell{missed}); err == nil || !strings.Contains(err.Error(), "0 were answered") {
		t.Errorf("the measurement ended with %v", err)
	}
	wrong := errors.New("wrong")
	if err := s.play(t.Context(), []*cell{{line: "l", prepare: again(func(int) error { return wrong })}}); !errors.Is(err, wrong) {
		t.Errorf("the measurement ended with %v", err)
	}
	if err := s.play(t.Context(), []*cell{{line: "l", step: 2, prepare: beside(2, func(_, _ int) error { return wrong })}}); !errors.Is(err, wrong) {
		t.Errorf("the measurement ended with %v", err)
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.123: "0.12", 1.26: "1.3", 12.34: "12.3", 123.4: "123", 1234: "1,234", 1234567: "1,234,567"} {
		if got := figures(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
	for v, want := range map[float64]string{0.1: "0.1", 30: "30", 1000: "1k", 300_000: "300k", 1e7: "10M"} {
		if got := short(v); got != want {
			t.Errorf("%v is %q at an axis, want %q", v, got, want)
		}
	}
	if got := three(123456); got != 123000 {
		t.Errorf("three digits of 123456 are %v", got)
	}
	var labels []string
	for _, tick := range decades(8, 1200) {
		if tick.Label != "" {
			labels = append(labels, tick.Label)
		}
	}
	if want := []string{"10", "20", "50", "100", "200", "500", "1k"}; !slices.Equal(labels, want) {
		t.Errorf("the axis says %q, want %q", labels, want)
	}
}

func TestADocumentWithoutAPlaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.md")
	for _, text := range []string{"", begins("x"), ends("x") + begins("x"), begins("y") + ends("y")} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := write(file, "x", "text"); err == nil || read(t, file) != text {
			t.Errorf("%q became %q, %v", text, read(t, file), err)
		}
	}
	if err := os.WriteFile(file, []byte("a\n"+begins("x")+"old\n"+ends("x")+"b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(file, "x", "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, file), "a\n"+begins("x")+"\nnew\n\n"+ends("x")+"b\n"; got != want {
		t.Errorf("it became %q, want %q", got, want)
	}
}

// What docs/scaling.md says otherwise than it did is not drawn as something else.
func TestTheTablesOfTheOtherPage(t *testing.T) {
	t.Parallel()
	document := read(t, "../../docs/scaling.md")
	rows, err := scalingRows(document)
	if err != nil {
		t.Fatal(err)
	}
	doing := map[string]int{}
	for _, r := range rows {
		doing[r.doing]++
		if r.commands <= 0 || r.cpu <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if len(doing) < 4 || doing["nothing"] < 5 {
		t.Errorf("there are %v", doing)
	}
	if _, err := fleet(document); err != nil {
		t.Error(err)
	}
	for _, name := range []string{columnProcesses, columnCommands, columnCPU, columnServers} {
		if _, err := scalingRows(strings.ReplaceAll(document, "| "+name+" |", "| something else |")); err == nil {
			t.Errorf("a table without %q was read", name)
		}
	}
	for _, part := range []string{"| 10 servers |", "commands/s of a process", "written by make sheet", "of them polls"} {
		if _, err := fleet(strings.ReplaceAll(document, part, "| something else |")); err == nil {
			t.Errorf("a sheet without %q was read", part)
		}
	}
}

// A line upwards says where something ends, if that is a part of the plot.
func TestALimitIsDrawn(t *testing.T) {
	t.Parallel()
	f := Figure{Name: "f", Title: "t", X: "x", Y: "y", Lines: []Line{{Name: "l", Points: []Point{{X: 1, Median: 5}, {X: 100, Median: 7}}}}}
	for at, drawn := range map[float64]bool{10: true, 1000: false} {
		f.Limit = &Limit{At: at, Name: "the end"}
		svg, err := Draw(f)
		if err != nil {
			t.Fatal(err)
		}
		look(t, f, svg)
		if strings.Contains(string(svg), "the end") != drawn {
			t.Errorf("a limit at %v of 1 to 100: drawn %v", at, !drawn)
		}
	}
}
