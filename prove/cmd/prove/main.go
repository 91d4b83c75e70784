// Command prove puts a fleet of real processes on a real memcached through every
// scenario, measures what operations and outages cost, prints what that showed, and
// writes RESULTS.json and the tables of docs/proof.md. It stands above everything else in this module, and is itself
// the worker of which it starts many.
//
// It fails if a bound was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
	"github.com/tiermemo/tiermemo/prove/internal/scenario"
)

func main() {
	if env := os.Getenv(fleet.Env); env != "" {
		exit(fleet.Work(env))
	}
	length := flag.Duration("length", 50*time.Second, "for how long each scenario writes")
	only := flag.String("run", "", "only scenarios whose name matches this expression; writes no files")
	costs := flag.Bool("costs", false, "measure only what operations and outages cost, and replace that in the files")
	list := flag.Bool("list", false, "print the names of the scenarios")
	root := flag.String("root", "..", "folder of the repository, where prove/RESULTS.json and docs/proof.md are written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	chosen, err := choose(*only)
	if err != nil || *list {
		for _, s := range chosen {
			fmt.Println(s.Name)
		}
		exit(err)
	}
	results, document := filepath.Join(*root, "prove", "RESULTS.json"), filepath.Join(*root, "docs", "proof.md")
	if *costs {
		exit(replaceCosts(ctx, results, document))
	}
	report := newReport(*length)
	for i, s := range chosen {
		fmt.Fprintf(os.Stderr, "%d/%d %s\n", i+1, len(chosen), s.Name)
		result, err := play(ctx, s, *length)
		if ctx.Err() != nil {
			exit(ctx.Err())
		}
		if err != nil { // no reason not to run the others
			fmt.Fprintln(os.Stderr, err)
			result = failed(s, err)
		}
		for _, line := range append(result.Failures, result.Examples...) {
			fmt.Fprintln(os.Stderr, "    "+line)
		}
		report.Scenarios = append(report.Scenarios, result)
	}
	if *only == "" {
		fmt.Fprintln(os.Stderr, "costs")
		if report.Costs, err = measure(ctx, report.Command); err != nil {
			exit(err)
		}
	}
	report.end()
	fmt.Println(report.markdown())
	if *only == "" {
		fmt.Println(report.Costs.Markdown())
		exit(errors.Join(report.write(results, document), report.verdict()))
	}
	exit(report.verdict())
}

// choose returns the scenarios that match expr: the broken ones only if it names
// them.
func choose(expr string) ([]scenario.Scenario, error) {
	if expr == "" {
		return scenario.All(), nil
	}
	match, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	var chosen []scenario.Scenario
	for _, s := range append(scenario.All(), scenario.Broken()...) {
		if match.MatchString(s.Name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("prove: no scenario matches %q; -list names them", expr)
	}
	return chosen, nil
}

// play runs s on a memcached of its own.
func play(ctx context.Context, s scenario.Scenario, length time.Duration) (r *scenario.Result, err error) {
	server, err := mcserver.Start(s.Memcached...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return scenario.Run(ctx, s, server, length)
}

// failed is the result of a scenario that came to no end.
func failed(s scenario.Scenario, err error) *scenario.Result {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &scenario.Result{Name: s.Name, Processes: s.Processes, Failures: []string{first}}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
	os.Exit(0)
}
