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

	Yard   string // what the limit is on this machine; "": it is the same on all
	ByYard bool   // that is met
	Why    string // it is not met
}

// Notes are said above the tables.
type Notes []string

// Write writes RESULTS.md. because is what is said of the sections in which a peer wins.
func Write(w io.Writer, f File, verdicts []Verdict, notes Notes, because map[string]string) {
	fmt.Fprint(w, "# Results\n\n")
	fmt.Fprintf(w, "Written by %s%s. %s, %d cores, %s, %s; %s.\n\n", commands(f), took(f), f.Machine.CPU, f.Machine.Cores, f.Machine.System, f.Machine.Go, f.Machine.Versions)
	fmt.Fprint(w, "Medians of interleaved rounds. *Against ours* is the median of the ratios within a round: above 1× ours is better by so much. "+
		"Compare the ratios: nanoseconds are this machine's, and move with what else it does. What is *slanted* is no cache, but what the work costs without one.\n")
	for _, n := range notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
	targets(w, verdicts)
	wins(w, f, because)
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

func took(f File) string {
	if f.Took == "" {
		return ""
	}
	return ", which took " + f.Took
}

func targets(w io.Writer, verdicts []Verdict) {
	fmt.Fprint(w, "\n## Targets\n\n")
	states := map[string]int{}
	for _, v := range verdicts {
		states[v.state()]++
	}
	fmt.Fprintf(w, "%d of %d met", states[met], len(verdicts))
	for _, state := range []string{metByYard, notMeasured} {
		if n := states[state]; n > 0 {
			fmt.Fprintf(w, ", %d %s", n, state)
		}
	}
	fmt.Fprint(w, ". Nanoseconds were set on a machine without neighbours. Their yardstick is another contender, mostly what a user writes by hand, measured there and here: "+
		"the limit *by the yardstick* grows with it, and never shrinks: where the yardstick is faster here than there, the target's own limit stays.\n\n| | target | measured | |\n|---|---|---|---|\n")
	for _, v := range verdicts {
		limit := v.Limit
		if v.Yard != "" {
			limit += " (" + v.Yard + ")"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", v.Row, limit, v.Measured, v.state())
	}
	whys(w, verdicts)
}

// What may be said of a target.
const (
	met         = "met"
	metByYard   = "met by the yardstick"
	notMet      = "**not met**"
	notMeasured = "not measured"
)

func (v Verdict) state() string {
	switch {
	case v.Measured == "":
		return notMeasured
	case v.Met:
		return met
	case v.ByYard:
		return metByYard
	}
	return notMet
}

// Missed reports whether v was measured, and its target not met, by the yardstick either.
func (v Verdict) Missed() bool { return v.state() == notMet }

// whys says why targets are not met, each reason once.
func whys(w io.Writer, verdicts []Verdict) {
	rows := map[string][]string{}
	var order []string
	for _, v := range verdicts {
		if !v.Missed() || v.Why == "" {
			continue
		}
		if rows[v.Why] == nil {
			order = append(order, v.Why)
		}
		if !slices.Contains(rows[v.Why], v.Row) {
			rows[v.Why] = append(rows[v.Why], v.Row)
		}
	}
	if len(order) == 0 {
		return
	}
	fmt.Fprint(w, "\n### Why not\n\n")
	for _, why := range order {
		fmt.Fprintf(w, "- *%s*: %s\n", strings.Join(rows[why], "; "), why)
	}
}

// Wins are the sections in which a peer is better than ours, by the first column of the table, and
// what is said of it. Floors are no peers.
func Wins(f File) (sections []string, said map[string][]string) {
	said = map[string][]string{}
	for _, e := range f.Events {
		for _, c := range e.Contenders {
			ours := e.against(c)
			by, is := ahead(ours, &c, e.Columns[0])
			if c.Floor || !is {
				continue
			}
			if said[e.Group] == nil {
				sections = append(sections, e.Group)
			}
			said[e.Group] = append(said[e.Group], fmt.Sprintf("%s: **%s** has %s %s, %s %s (%s)", e.Name, c.Name, figure(c.Rounds[e.Columns[0]]), e.Columns[0],
				ours.Name, figure(ours.Rounds[e.Columns[0]]), by))
		}
	}
	return sections, said
}

// wins says where a peer is better than ours, and of each section why.
func wins(w io.Writer, f File, because map[string]string) {
	fmt.Fprint(w, "\n## Where a peer wins\n\nBy the first column of its table.\n")
	sections, said := Wins(f)
	for _, section := range sections {
		fmt.Fprintf(w, "\n**%s.** %s\n\n", section, because[section])
		for _, line := range said[section] {
			fmt.Fprintf(w, "- %s\n", line)
		}
	}
	if len(sections) == 0 {
		fmt.Fprint(w, "\nNowhere in what was measured.\n")
	}
}
