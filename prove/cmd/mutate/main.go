// Command mutate takes the rules of the protocol out of a copy of this repository,
// one at a time, and looks whether the tests that are there for each go red, every
// time that they are run. It prints what they said, and writes the table of
// docs/proof.md. The rules and the work are in internal/mutation.
//
// It fails if a rule could be taken out without a test seeing it, and if a rule
// could not be tried: its text is not in the code any more, or what is left of the
// code does not compile.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/mutation"
	"github.com/tiermemo/tiermemo/prove/internal/page"
)

func main() {
	times := flag.Int("n", 10, "how often each test is run")
	workers := flag.Int("workers", min(2, runtime.NumCPU()), "how many rules are tried at a time")
	only := flag.String("run", "", "only what matches this expression, by its name or its file; writes no file")
	list := flag.Bool("list", false, "print what there is")
	root := flag.String("root", "..", "folder of the repository, where docs/proof.md is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	chosen, err := choose(*only)
	if err != nil || *list {
		for _, m := range chosen {
			fmt.Printf("%s (%s)\n", m.Name, m.File)
		}
		exit(err)
	}
	begin := time.Now()
	runner := mutation.Runner{Root: *root, Times: *times, Workers: *workers, Ran: func(r mutation.Result) { fmt.Print(r) }}
	results, err := runner.Run(ctx, chosen)
	if err != nil {
		exit(err)
	}
	took := time.Since(begin).Round(time.Second)
	caught := 0
	for _, r := range results {
		if r.Caught() {
			caught++
		}
	}
	fmt.Printf("\n%d of %d mutations caught: every test of theirs was red in %d of %d runs; in %v\n", caught, len(results), *times, *times, took)
	if *only == "" {
		text := fmt.Sprintf("`make mutate RUNS=%d` on %s: %d of %d caught, in %v on %s.\n\n%s",
			*times, time.Now().UTC().Format(time.DateOnly), caught, len(results), took, page.Machine(), mutation.Markdown(results))
		if err := page.Write(filepath.Join(*root, "docs", "proof.md"), "mutate", text); err != nil {
			exit(err)
		}
	}
	exit(mutation.Verdict(results))
}

// choose returns the mutations that match expr.
func choose(expr string) ([]mutation.Mutation, error) {
	match, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(mutation.All(), func(m mutation.Mutation) bool {
		return !match.MatchString(m.Name) && !match.MatchString(m.File)
	})
	if len(chosen) == 0 {
		return nil, fmt.Errorf("mutate: nothing matches %q; -list names what there is", expr)
	}
	return chosen, nil
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
	os.Exit(0)
}
