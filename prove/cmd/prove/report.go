package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/cost"
	"github.com/tiermemo/tiermemo/prove/internal/scenario"
)

// report.go is what a run leaves behind: a file for machines, and tables in the
// midst of a document for people.

// report is RESULTS.json.
type report struct {
	Command   string             `json:"command"`
	Date      string             `json:"date"`
	Minutes   float64            `json:"minutes"`
	Machine   string             `json:"machine"`
	Checked   int                `json:"checked_reads"`
	Stale     int                `json:"same_process_stale"`
	Beyond    int                `json:"beyond_bound"`
	Scenarios []*scenario.Result `json:"scenarios"`
	Costs     *cost.Report       `json:"costs,omitempty"`

	began time.Time
}

func newReport(length time.Duration) *report {
	return &report{
		Command: fmt.Sprintf("make prove LENGTH=%v", length),
		Date:    time.Now().UTC().Format(time.DateOnly),
		Machine: machine(),
		began:   time.Now(),
	}
}

// end adds up.
func (r *report) end() {
	r.Minutes = time.Since(r.began).Round(6 * time.Second).Minutes()
	r.Checked = scenario.Checked(r.Scenarios)
	for _, s := range r.Scenarios {
		r.Stale += s.Same
		r.Beyond += s.Beyond
	}
}

// verdict is an error if a scenario showed what must not be.
func (r *report) verdict() error {
	var failed []error
	for _, s := range r.Scenarios {
		if !s.OK() {
			failed = append(failed, fmt.Errorf("prove: %s: %s", s.Name, strings.Join(s.Failures, ", ")))
		}
	}
	if r.Costs != nil {
		failed = append(failed, r.Costs.Verdict())
	}
	return errors.Join(failed...)
}

func (r *report) markdown() string {
	return fmt.Sprintf("`%s` on %s: %.1f minutes on %s.\n\n%s", r.Command, r.Date, r.Minutes, r.Machine, scenario.Markdown(r.Scenarios))
}

func (r *report) write(results, document string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	if err := os.WriteFile(results, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	return errors.Join(put(document, theTable, r.markdown()), r.writeCosts(document))
}

func (r *report) writeCosts(document string) error {
	if r.Costs == nil {
		return nil
	}
	return put(document, theCosts, r.Costs.Markdown())
}

// A place is what stands between two lines of the document.
type place struct{ begins, ends string }

var (
	theTable = place{"<!-- written by make prove -->\n", "<!-- end of what make prove writes -->\n"}
	theCosts = place{"<!-- costs, written by make prove and make costs -->\n", "<!-- end of the costs -->\n"}
)

func put(document string, at place, table string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	head, rest, ok := strings.Cut(string(text), at.begins)
	_, foot, found := strings.Cut(rest, at.ends)
	if !ok || !found {
		return fmt.Errorf("prove: %s has no place for a table: it goes between %q and %q", document, at.begins, at.ends)
	}
	if err := os.WriteFile(document, []byte(head+at.begins+"\n"+table+"\n"+at.ends+foot), 0o644); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	return nil
}

// machine says on what this runs.
func machine() string {
	parts := []string{fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	if v := said("memcached", "-V"); v != "" {
		parts = append(parts, v)
	}
	return strings.Join(parts, ", ")
}

// processor is its name, where the kernel tells.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "processors"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processors"
}

// said is what a command prints, or nothing if it fails.
func said(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
