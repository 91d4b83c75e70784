// Command scaling says what a fleet costs its memcached servers: it prints the sheet
// of a fleet, or, with -measure, grows one of real processes on real servers and reads
// their counters. It stands above package scaling, and is itself the process of which
// it starts many.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/page"
	"github.com/tiermemo/tiermemo/prove/internal/scaling"
)

func main() {
	if env := os.Getenv(scaling.Env); env != "" {
		exit(scaling.Work(env))
	}
	f := scaling.Large()
	flag.IntVar(&f.Processes, "processes", f.Processes, "how many there are")
	flag.IntVar(&f.Servers, "servers", f.Servers, "how many there are")
	flag.DurationVar(&f.PollInterval, "poll", f.PollInterval, "memo.Config.PollInterval")
	flag.IntVar(&f.MaxConns, "conns", f.MaxConns, "memcached.Config.MaxConns")
	flag.Float64Var(&f.Reads, "reads", f.Reads, "reads of each process, a second, that L1 and L2 do not answer")
	flag.Float64Var(&f.Loads, "loads", f.Loads, "how many of them are loaded, from 0 to 1")
	flag.Float64Var(&f.Keys, "keys", f.Keys, "keys that the fleet invalidates in a second")
	flag.Float64Var(&f.Tags, "tags", f.Tags, "tags, the same")
	flag.Float64Var(&f.Trees, "trees", f.Trees, "trees, the same")
	flag.Float64Var(&f.Readers, "readers", f.Readers, "processes that read an invalidated key again")
	flag.IntVar(&f.Sizes.Value, "value", f.Sizes.Value, "bytes of a value")
	flag.IntVar(&f.Sizes.Key, "key", f.Sizes.Key, "bytes of a key")
	run := flag.Bool("measure", false, "measure, and write docs/scaling.md")
	write := flag.Bool("write", false, "write the sheets into docs/scaling.md")
	window := flag.Duration("window", 3*time.Second, "for how long each thing is measured")
	root := flag.String("root", "..", "folder of the repository")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	document := filepath.Join(*root, "docs", "scaling.md")
	switch {
	case flag.NArg() > 0:
		exit(fmt.Errorf("scaling: %q is no flag; -help lists them", flag.Arg(0)))
	case *run:
		exit(measure(ctx, document, *window))
	case *write:
		exit(page.Write(document, "sheet", sheets()))
	}
	if err := f.Problem(); err != nil {
		exit(err)
	}
	fmt.Print(scaling.Sheet(f))
	exit(nil)
}

// few processes poll so seldom that one poll more or less is a part of what is counted.
const few = 8

// measure replaces what was measured in document. What the prediction has missed by
// more than a tenth is an error, but for few processes.
func measure(ctx context.Context, document string, window time.Duration) error {
	plan := scaling.Plan{
		Servers: 1, Poll: 100 * time.Millisecond, Processes: []int{1, 2, 4, 8, 16, 32, 64},
		Settle: 3 * time.Second, Warm: time.Second, Window: window,
	}
	rows, err := scaling.Measure(ctx, plan)
	if err != nil {
		return err
	}
	several := plan // 5 s: all know that all know who is in use
	several.Servers, several.Processes, several.Settle = 3, []int{8, 32}, 5*time.Second
	spread, err := scaling.Measure(ctx, several)
	if err != nil {
		return err
	}
	plan.Rest, plan.Poll, plan.Processes = true, 20*time.Millisecond, []int{16} // what a poll takes of a process
	often, err := scaling.Measure(ctx, plan)
	if err != nil {
		return err
	}
	many, err := scaling.Crowd(ctx, 1000, 8, window) // the least and the most numbers that a poll asks for
	if err != nil {
		return err
	}
	wide, err := scaling.Crowd(ctx, 100, 256, window)
	if err != nil {
		return err
	}
	rows = append(slices.Concat(rows, spread, often), many, wide)
	text := fmt.Sprintf("`make scaling` on %s, on %s.\n\n%s\n%s", time.Now().UTC().Format(time.DateOnly),
		page.Machine([]string{"memcached", "-V"}), scaling.Table(rows), scaling.Costs(rows))
	fmt.Println(text)
	err = page.Write(document, "scaling", text)
	for _, r := range rows {
		if r.Off() > 0.1 && r.Processes >= few {
			err = errors.Join(err, fmt.Errorf("scaling: %d processes, %d servers, %s: predicted %+v, counted %+v", r.Processes, r.Servers, r.Doing, r.Want, r.Got))
		}
	}
	return err
}

// sheets is the part of the document that is calculated.
func sheets() string {
	return "`make sheet`.\n\n" + scaling.Comparison(scaling.Large())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
	os.Exit(0)
}
