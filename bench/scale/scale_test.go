package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tiny has two sizes of each curve.
func tiny(curve string) *setting {
	s := &setting{rounds: 1, each: time.Millisecond, watched: 300, root: "../.."}
	s.most = map[string]float64{"goroutines": 2, "entries": 1e4, "tags": 1, "invalidated": 10, "processes": 2, "size": 100, "batch": 3}[curve]
	return s
}

// What the lines are is for those who read them; here each of them has both its points,
// each read was answered by the tier that the line is about, and a plot comes of it.
func TestEveryCurve(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t)
	for _, c := range curves() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := tiny(c.name).result(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if r.Source == "" || len(r.Figures) == 0 {
				t.Fatalf("%d figures by %q", len(r.Figures), r.Source)
			}
			for _, f := range r.Figures {
				if len(f.Lines) == 0 {
					t.Errorf("%s has no line", f.Name)
				}
				for _, l := range f.Lines {
					if len(l.Points) != 2 || l.Points[0].X >= l.Points[1].X {
						t.Errorf("%s, %s: the points are %v", f.Name, l.Name, l.Points)
					}
					for _, p := range l.Points {
						heap := strings.HasSuffix(f.Name, "-memory") // which the tests beside this one have, too
						if p.Median < p.Least || p.Most < p.Median || p.Least <= 0 && !heap {
							t.Errorf("%s, %s: %v", f.Name, l.Name, p)
						}
					}
				}
				svg, err := Draw(f)
				if err != nil {
					t.Fatal(err)
				}
				look(t, f, svg)
			}
		})
	}
}

// look reads svg as a viewer would: a text for each thing that there is to read, and for
// each line its points in its colour.
func look(t *testing.T, f Figure, svg []byte) {
	t.Helper()
	texts, colours := map[string]int{}, map[string]int{}
	decoder, inText := xml.NewDecoder(bytes.NewReader(svg)), false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
			for _, a := range token.Attr {
				for _, part := range strings.Split(a.Value, ";") {
					if name, value, _ := strings.Cut(part, ":"); name == "stroke" || name == "fill" {
						colours[value]++
					}
				}
			}
		case xml.CharData:
			if inText {
				texts[string(token)]++
			}
		case xml.EndElement:
			inText = false
		}
	}
	wanted := []string{f.Title, f.X, f.Y}
	bases, lines := 0, map[string]int{}
	for _, l := range f.Lines {
		wanted = append(wanted, l.Name)
		if l.Base {
			bases += len(l.Points)
		} else {
			c := palette()[(len(lines))%len(palette())]
			lines[rgb(c.R, c.G, c.B)] += len(l.Points)
		}
	}
	for _, text := range wanted {
		if texts[text] == 0 {
			t.Errorf("%s: nobody can read %q", f.Name, text)
		}
	}
	for colour, points := range lines {
		if colours[colour] < points+2 { // and in the legend, and what joins them
			t.Errorf("%s: %d things are %s, and there are %d points", f.Name, colours[colour], colour, points)
		}
	}
	if grey := colours[rgb(90, 90, 90)]; bases > 0 && grey < bases+2 {
		t.Errorf("%s: %d grey things for %d points", f.Name, grey, bases)
	}
	if len(svg) > 30_000 || bytes.Contains(svg, []byte("font-face")) {
		t.Errorf("%s: %d bytes", f.Name, len(svg))
	}
}

// A copy of the repository, as far as this command needs one.
func copied(t *testing.T) (root, page string) {
	t.Helper()
	root = t.TempDir()
	for _, folder := range []string{"docs/plots", "bench/scale"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"docs/scaling.md", "docs/performance.md", "bench/scale/results.json"} {
		data, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root, filepath.Join(root, "docs", "performance.md")
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The page and the plots are those of what was measured last, and quote today's sheet.
func TestThePageIsUpToDate(t *testing.T) {
	t.Parallel()
	root, page := copied(t)
	if err := run(t.Context(), []string{"-draw", "-root", root}); err != nil {
		t.Fatal(err)
	}
	if read(t, page) != read(t, "../../docs/performance.md") {
		t.Error("docs/performance.md is older than bench/scale/results.json, or than docs/scaling.md: cd bench && go run ./scale -draw")
	}
	drawn, err := filepath.Glob(filepath.Join(root, "docs/plots/*.svg"))
	if err != nil || len(drawn) == 0 {
		t.Fatal(drawn, err)
	}
	for _, file := range drawn {
		if read(t, file) != read(t, filepath.Join("../../docs/plots", filepath.Base(file))) {
			t.Errorf("docs/plots/%s is older than bench/scale/results.json: cd bench && go run ./scale -draw", filepath.Base(file))
		}
	}
	kept, err := filepath.Glob("../../docs/plots/*.svg")
	if err != nil || len(kept) != len(drawn) {
		t.Errorf("docs/plots has %d files, and there are %d plots; %v", len(kept), len(drawn), err)
	}
}

// One curve is measured again, and the others stay what they were.
func TestOneCurveAlone(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t)
	root, page := copied(t)
	was, err := load(filepath.Join(root, "bench/scale/results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-only", "tags", "-rounds", "1", "-time", "1ms", "-most", "1", "-root", root}); err != nil {
		t.Fatal(err)
	}
	is, err := load(filepath.Join(root, "bench/scale/results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := is["tags"].Source; !strings.Contains(got, "go run ./scale -only tags -rounds 1 -time 1ms -most 1`") || !strings.Contains(read(t, page), got) {
		t.Errorf("the command is %q", got)
	}
	if len(is) != len(was) || is["batch"].Source != was["batch"].Source || len(is["tags"].Figures[0].sizes()) != 2 {
		t.Errorf("of %d curves %d are left, and there are %v tags", len(was), len(is), is["tags"].Figures[0].sizes())
	}
}

func TestFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-only", "nothing"}, {"-rounds", "0"}, {"-time", "0s"}, {"tags"}, {"-root", t.TempDir(), "-draw"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%q was carried out", args)
		}
	}
}

func rgb(r, g, b uint8) string { return fmt.Sprintf("#%02X%02X%02X", r, g, b) }
