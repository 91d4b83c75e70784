package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tiermemo/tiermemo/bench/lab"
)

// table.go writes the sections: one line for each contender, or, for a group of many
// events with the same contenders, one line for each event.

// manyEvents is from how many events on a group is a matrix.
const manyEvents = 20

func sections(w io.Writer, f File) {
	var groups []string
	for _, e := range f.Events {
		if !slices.Contains(groups, e.Group) {
			groups = append(groups, e.Group)
		}
	}
	for _, g := range groups {
		var some []Event
		for _, e := range f.Events {
			if e.Group == g {
				some = append(some, e)
			}
		}
		fmt.Fprintf(w, "\n## %s\n\n", g)
		some = matrices(w, some)
		tables(w, some)
	}
}

// tables writes a table for each run of events with the same columns.
func tables(w io.Writer, some []Event) {
	for len(some) > 0 {
		n := 1
		for n < len(some) && slices.Equal(some[n].Columns, some[0].Columns) {
			n++
		}
		columns := some[0].Columns
		fmt.Fprintf(w, "| event | who | %s (least to most) |", columns[0])
		for _, unit := range columns[1:] {
			fmt.Fprintf(w, " %s |", unit)
		}
		fmt.Fprintf(w, " against ours |\n|%s\n", strings.Repeat("---|", len(columns)+3))
		for _, e := range some[:n] {
			lines(w, e)
		}
		fmt.Fprintln(w)
		some = some[n:]
	}
}

func lines(w io.Writer, e Event) {
	name := e.Name
	for _, c := range e.Contenders {
		lead := c.Rounds[e.Columns[0]]
		fmt.Fprintf(w, "| %s | %s | %s |", name, who(c), spread(lead))
		name = ""
		for _, unit := range e.Columns[1:] {
			fmt.Fprintf(w, " %s |", figure(c.Rounds[unit]))
		}
		fmt.Fprintf(w, " %s |\n", times(e, c))
	}
}

func who(c lab.Measured) string {
	if c.Floor {
		return "*" + c.Name + "*"
	}
	return c.Name
}

// times is how often ours goes into c.
func times(e Event, c lab.Measured) string {
	ours := e.against(c)
	ratio, ok := Ratio(ours, &c, e.Columns[0])
	if !ok {
		return ""
	}
	text := fmt.Sprintf("%.2f×", ratio)
	if ours.Name != e.Contenders[0].Name {
		text += " (" + ours.Name + ")"
	}
	return text
}

func spread(xs []float64) string {
	if len(xs) == 0 {
		return ""
	}
	if len(xs) == 1 {
		return number(xs[0])
	}
	return fmt.Sprintf("%s (%s to %s)", number(Median(xs)), number(slices.Min(xs)), number(slices.Max(xs)))
}

func figure(xs []float64) string {
	if len(xs) == 0 {
		return ""
	}
	return number(Median(xs))
}

func number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x < 0.095 && x > -0.095:
		return strconv.FormatFloat(x, 'g', 2, 64)
	case x >= 1000 || x <= -1000:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	text := strconv.FormatFloat(x, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0")
}

// matrices writes the events of a large group in one line each, where their contenders
// are the same, and returns the others.
func matrices(w io.Writer, some []Event) (others []Event) {
	if len(some) < manyEvents {
		return some
	}
	groups := map[string][]Event{}
	var order []string
	for _, e := range some {
		who := names(e)
		if groups[who] == nil {
			order = append(order, who)
		}
		groups[who] = append(groups[who], e)
	}
	for _, who := range order {
		if len(groups[who]) < manyEvents/4 {
			others = append(others, groups[who]...)
			continue
		}
		matrixHead(w, groups[who][0])
		for _, e := range groups[who] {
			fmt.Fprintf(w, "| %s |", e.Name)
			for _, c := range e.Contenders {
				fmt.Fprintf(w, " %s", figure(c.Rounds[e.Columns[0]]))
				if t, _, _ := strings.Cut(times(e, c), " "); t != "" {
					fmt.Fprintf(w, " (%s)", t)
				}
				fmt.Fprint(w, " |")
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w)
	}
	return others
}

func matrixHead(w io.Writer, e Event) {
	fmt.Fprintf(w, "Medians in %s; in brackets how often ours goes into it.\n\n| event |", e.Columns[0])
	for _, c := range e.Contenders {
		fmt.Fprintf(w, " %s", who(c))
		if c.Against != "" {
			fmt.Fprintf(w, " (against %s)", c.Against)
		}
		fmt.Fprint(w, " |")
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat("---|", len(e.Contenders)+1))
}

func names(e Event) string {
	var all []string
	for _, c := range e.Contenders {
		all = append(all, c.Name)
	}
	return strings.Join(all, "|")
}
