package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/cost"
	"github.com/tiermemo/tiermemo/prove/internal/page"
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

func newReport(length time.Duration, nodes int) *report {
	command := "make prove"
	if nodes > 1 {
		command = fmt.Sprintf("make prove NODES=%d", nodes)
	}
	return &report{
		Command: fmt.Sprintf("%s LENGTH=%v", command, length),
		Date:    time.Now().UTC().Format(time.DateOnly),
		Machine: machine(),
		began:   time.Now(),
	}
}

// machine says on what this runs.
func machine() string { return page.Machine([]string{"memcached", "-V"}) }

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
	text := fmt.Sprintf("`%s` on %s: %.1f minutes on %s.\n\n%s", r.Command, r.Date, r.Minutes, r.Machine, scenario.Markdown(r.Scenarios))
	for _, s := range r.Scenarios {
		if s.Soak != nil {
			text += fmt.Sprintf("\nThe soak, %.1f minutes:\n\n%s", s.Seconds/60, s.Soak.Markdown())
		}
	}
	return text
}

func (r *report) write(results, document string) error {
	return errors.Join(r.writeTo(results, document, "prove"), r.writeCosts(document))
}

// writeTo writes results, and the table into document, between the lines of target.
func (r *report) writeTo(results, document, target string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	if err := os.WriteFile(results, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	return page.Write(document, target, r.markdown())
}

func (r *report) writeCosts(document string) error {
	if r.Costs == nil {
		return nil
	}
	return page.Write(document, "costs", r.Costs.Markdown())
}
