package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Verdict is what has become of one target.
type Verdict struct {
	Row      string // what the target is about
	Limit    string // what was aimed at
	Measured string // "" if the event was not measured
	Met      bool
}

// Notes are said above the tables.
type Notes []string

// Write writes RESULTS.md.
func Write(w io.Writer, f File, verdicts []Verdict, notes Notes) {
	fmt.Fprint(w, "# Results\n\n")
	fmt.Fprintf(w, "Written by %s. %s, %d cores, %s, %s; %s.\n\n", commands(f), f.Machine.CPU, f.Machine.Cores, f.Machine.System, f.Machine.Go, f.Machine.Versions)
	fmt.Fprint(w, "Medians of interleaved rounds. *Against ours* is the median of the ratios within a round: above 1× ours is better by so much. "+
		"Compare the ratios: nanoseconds are this machine's, and move with what else it does. What is *slanted* is no cache, but what the work costs without one.\n")
	for _, n := range notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
	targets(w, verdicts)
	wins(w, f)
	sections(w, f)
}

// commands says how, and when, the events were measured.
func commands(f File) string {
	var all []string
	for _, e := range f.Events {
		if how := fmt.Sprintf("`%s` on %s", e.Command, e.When); !slices.Contains(all, how) {
			all = append(all, how)
		}
	}
	return strings.Join(all, ", and ")
}

func targets(w io.Writer, verdicts []Verdict) {
	fmt.Fprint(w, "\n## Targets\n\n")
	met, measured := 0, 0
	for _, v := range verdicts {
		if v.Measured != "" {
			measured++
		}
		if v.Met {
			met++
		}
	}
	fmt.Fprintf(w, "%d of %d met", met, len(verdicts))
	if measured < len(verdicts) {
		fmt.Fprintf(w, ", %d not measured", len(verdicts)-measured)
	}
	fmt.Fprint(w, ".\n\n| | target | measured | |\n|---|---|---|---|\n")
	for _, v := range verdicts {
		state := "**not met**"
		switch {
		case v.Measured == "":
			state = "not measured"
		case v.Met:
			state = "met"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", v.Row, v.Limit, v.Measured, state)
	}
}

// wins says where a peer is better than ours. Floors are no peers.
func wins(w io.Writer, f File) {
	fmt.Fprint(w, "\n## Where a peer wins\n\n")
	found := false
	for _, e := range f.Events {
		for _, c := range e.Contenders {
			ours := e.against(c)
			ratio, ok := Ratio(ours, &c, e.Columns[0])
			if c.Floor || !ok || ratio >= 1 {
				continue
			}
			found = true
			fmt.Fprintf(w, "- %s: **%s** has %s %s, %s %s (%.2f×)\n", e.Name, c.Name, figure(c.Rounds[e.Columns[0]]), e.Columns[0],
				ours.Name, figure(ours.Rounds[e.Columns[0]]), ratio)
		}
	}
	if !found {
		fmt.Fprintln(w, "Nowhere in what was measured.")
	}
}
