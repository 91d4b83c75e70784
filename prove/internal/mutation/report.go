package mutation

import (
	"errors"
	"fmt"
	"strings"
)

// report.go is what a run says: to who waits for it, and to who reads the document.

// String is the result in some lines.
func (r Result) String() string {
	var b strings.Builder
	verdict := "caught"
	if !r.Caught() {
		verdict = "NOT CAUGHT"
	}
	fmt.Fprintf(&b, "%s: %s (%s)\n", verdict, r.Name, r.File)
	if r.Err != nil {
		fmt.Fprintf(&b, "    %v\n", r.Err)
	}
	for _, s := range r.Shown {
		fmt.Fprintf(&b, "    %d/%d %s\n", s.Red, s.Of, s.Test)
		if s.Said != "" {
			fmt.Fprintf(&b, "          %s\n", s.Said)
		}
	}
	return b.String()
}

// Verdict is an error if a rule could be taken out, or if one could not even be
// tried.
func Verdict(results []Result) error {
	var errs []error
	for _, r := range results {
		switch {
		case r.Err != nil:
			errs = append(errs, fmt.Errorf("mutate: %s: %w", r.Name, r.Err))
		case !r.Caught():
			errs = append(errs, fmt.Errorf("mutate: %s: nobody noticed, in some run", r.Name))
		}
	}
	return errors.Join(errs...)
}

// Markdown is the results as a table.
func Markdown(results []Result) string {
	var b strings.Builder
	b.WriteString("| rule | taken out | of | red |\n|---|---|---|---|\n")
	for _, r := range results {
		var shown []string
		for _, s := range r.Shown {
			shown = append(shown, fmt.Sprintf("%d/%d `%s`", s.Red, s.Of, s.Test))
		}
		if r.Err != nil {
			shown = []string{"not run: " + r.Err.Error()}
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s |\n", cell(r.Rule), cell(r.Name), r.File, cell(strings.Join(shown, ", ")))
	}
	return b.String()
}

func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }
