package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/cost"
)

// costs.go is the part of a run that takes a minute and not twenty, and can be
// run alone.

const (
	rounds = 50              // of each operation
	calm   = 4 * time.Second // for each phase of an outage
)

func measure(ctx context.Context, command string) (*cost.Report, error) {
	r, err := cost.Measure(ctx, rounds, calm)
	if err != nil {
		return nil, err
	}
	r.Command, r.Date, r.Machine = command, time.Now().UTC().Format(time.DateOnly), machine()
	return r, nil
}

// replaceCosts measures them, and leaves everything else that a run has written.
func replaceCosts(ctx context.Context, results, document string) error {
	var r report
	data, err := os.ReadFile(results)
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("prove: %s: %w", results, err)
	}
	if r.Costs, err = measure(ctx, "make costs"); err != nil {
		return err
	}
	fmt.Println(r.Costs.Markdown())
	if data, err = json.MarshalIndent(&r, "", "\t"); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	if err := os.WriteFile(results, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	return errors.Join(r.writeCosts(document), r.Costs.Verdict())
}
