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
	nodes := flag.Int("nodes", 1, "how many memcached servers there are in the list of the processes")
	soak := flag.Bool("soak", false, "play only the soak, for -length, and replace that in the files")
	soaking := flag.Duration("soaking", 10*time.Minute, "for how long the soak is played among all scenarios of several -nodes")
	root := flag.String("root", "..", "folder of the repository, where prove/RESULTS.json and docs/proof.md are written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	chosen, err := choose(*only, *nodes, *soaking)
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
	report := newReport(*length, *nodes)
	if *soak {
		report.Command = fmt.Sprintf("make soak LENGTH=%v", *length)
		chosen = []scenario.Scenario{scenario.Soak(max(*nodes, 3), *length)}
	}
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
	if *only == "" && *nodes == 1 && !*soak {
		fmt.Fprintln(os.Stderr, "costs")
		if report.Costs, err = measure(ctx, report.Command); err != nil {
			exit(err)
		}
	}
	report.end()
	fmt.Println(report.markdown())
	switch {
	case *soak:
		exit(errors.Join(report.writeTo(resultsOf(*root, "soak"), document, "soak"), report.verdict()))
	case *only != "":
		exit(report.verdict())
	case *nodes > 1:
		exit(errors.Join(report.writeTo(resultsOf(*root, "nodes"), document, "prove NODES=3"), report.verdict()))
	}
	fmt.Println(report.Costs.Markdown())
	exit(errors.Join(report.write(results, document), report.verdict()))
}

// choose returns the scenarios for so many servers that match expr: the broken ones
// only if it names them, and so those of one server that are in no table.
func choose(expr string, nodes int, soaking time.Duration) ([]scenario.Scenario, error) {
	list := scenario.On(nodes)
	for i := range list {
		if list[i].Length > 0 {
			list[i].Length = soaking
		}
	}
	if expr == "" {
		return list, nil
	}
	list = append(list, scenario.Broken()...)
	if nodes == 1 {
		list = append(list, scenario.Clocks(1), scenario.Soak(1, soaking))
	}
	match, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	var chosen []scenario.Scenario
	for _, s := range list {
		if match.MatchString(s.Name) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("prove: no scenario matches %q; -list names them", expr)
	}
	return chosen, nil
}

// resultsOf is the file of a run that is not the one on one server.
func resultsOf(root, run string) string {
	return filepath.Join(root, "prove", "RESULTS-"+run+".json")
}

// play runs s on memcached servers of its own.
func play(ctx context.Context, s scenario.Scenario, length time.Duration) (r *scenario.Result, err error) {
	var servers []*mcserver.Server
	defer func() {
		for _, server := range servers {
			err = errors.Join(err, server.Close())
		}
	}()
	for range s.Needs() {
		server, err := mcserver.Start(s.Memcached...)
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return scenario.Run(ctx, s, servers, length)
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
