package main

// page.go is what was measured, for people: in docs/performance.md, between the two lines
// that name the curve.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

func begins(curve string) string { return "<!-- written by make curves: " + curve + " -->\n" }
func ends(curve string) string {
	return "<!-- end of what make curves writes: " + curve + " -->\n"
}

// write replaces what stands between the lines of curve in document by text. A document
// without them is left alone, and is an error.
func write(document, curve, text string) error {
	data, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	head, rest, ok := strings.Cut(string(data), begins(curve))
	_, foot, found := strings.Cut(rest, ends(curve))
	if !ok || !found {
		return fmt.Errorf("scale: %s has no place for the table: it goes between %q and %q", document, begins(curve), ends(curve))
	}
	if err := os.WriteFile(document, []byte(head+begins(curve)+"\n"+text+"\n"+ends(curve)+foot), 0o644); err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	return nil
}

// text is the plots and the tables of r.
func (r Result) text() string {
	var b strings.Builder
	for _, f := range r.Figures {
		fmt.Fprintf(&b, "![%s](plots/%s.svg)\n\n", f.Title, f.Name)
	}
	b.WriteString(r.Source + "\n")
	for i := range r.Figures {
		r.Figures[i].table(&b)
	}
	return b.String()
}

// table has a row for each size, and a column for each line.
func (f *Figure) table(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s, in %s:\n\n| %s |", f.Title, f.Y, f.X)
	for _, l := range f.Lines {
		fmt.Fprintf(b, " %s |", l.Name)
	}
	b.WriteString("\n|--:|" + strings.Repeat("--:|", len(f.Lines)) + "\n")
	for _, x := range f.sizes() {
		fmt.Fprintf(b, "| %s |", count(x))
		for _, l := range f.Lines {
			if p, ok := l.at(x); ok {
				fmt.Fprintf(b, " %s |", figures(p.Median))
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}
}

// figures is v with the digits that a reader can use.
func figures(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return count(v)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// count is v without a fraction, in groups of three digits.
func count(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
