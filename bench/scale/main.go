// Command scale measures how the cost of a call grows: with goroutines, entries, tags,
// invalidations, processes, bytes and keys. It writes results.json beside itself, and from
// that the plots and tables of docs/performance.md.
//
// It stands beside the comparison with other caches, which is of one size each; here one
// size runs over decades, and what is compared is the shape of the line.
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
)

// curve is one dependence: what grows, and how what follows from that is measured.
type curve struct {
	name    string
	measure func(ctx context.Context, s *setting) ([]Figure, error)
	source  func(s *setting, name string) (string, error) // where the figures are from; nil: measured here
}

func curves() []curve {
	return []curve{
		{"goroutines", goroutines, nil},
		{"entries", entries, nil},
		{"tags", tags, nil},
		{"invalidated", invalidated, nil},
		{"processes", processes, scalingSource},
		{"size", sizes, nil},
		{"batch", batches, nil},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // the second interrupt does not wait for ten million entries
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	rounds := flags.Int("rounds", 8, "rounds; each point of each line is measured once in each")
	each := flags.Duration("time", 25*time.Millisecond, "how long one point takes in one round")
	only := flags.String("only", "", "measure this one alone: "+names())
	most := flags.Float64("most", 0, "leave out what is larger; 0: nothing")
	draw := flags.Bool("draw", false, "measure nothing; draw what is stored")
	root := flags.String("root", "..", "folder of the repository")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted := slices.DeleteFunc(curves(), func(c curve) bool { return *only != "" && c.name != *only })
	switch {
	case len(wanted) == 0:
		return fmt.Errorf("scale: there is no %q: there are %s", *only, names())
	case *rounds < 1 || *each <= 0 || flags.NArg() > 0:
		return errors.New("scale: -help lists the flags; one round is the least")
	}
	s := &setting{rounds: *rounds, each: *each, most: *most, watched: 10_000, root: *root}
	store := filepath.Join(*root, "bench", "scale", "results.json")
	all, err := load(store)
	if err != nil {
		return err
	}
	for _, c := range wanted {
		if *draw {
			continue
		}
		began := time.Now()
		if all[c.name], err = s.result(ctx, c); err != nil {
			return fmt.Errorf("scale: %s: %w", c.name, err)
		}
		if err := save(store, all); err != nil { // each by itself: who interrupts the rest keeps it
			return err
		}
		fmt.Fprintf(os.Stderr, "%-12s %v\n", c.name, time.Since(began).Round(time.Second))
	}
	return publish(*root, wanted, all)
}

// publish draws the figures of wanted, writes their tables, and quotes what a fleet costs.
func publish(root string, wanted []curve, all Results) error {
	page := filepath.Join(root, "docs", "performance.md")
	for _, c := range wanted {
		r, ok := all[c.name]
		if !ok {
			return fmt.Errorf("scale: %s was never measured: leave -draw out", c.name)
		}
		for _, f := range r.Figures {
			svg, err := Draw(f)
			if err != nil {
				return fmt.Errorf("scale: draw %s: %w", f.Name, err)
			}
			if err := os.WriteFile(filepath.Join(root, "docs", "plots", f.Name+".svg"), svg, 0o644); err != nil {
				return fmt.Errorf("scale: %w", err)
			}
		}
		if err := write(page, c.name, r.text()); err != nil {
			return err
		}
	}
	document, err := scalingPage(root)
	if err != nil {
		return err
	}
	sheet, err := fleet(document)
	if err != nil {
		return err
	}
	return write(page, "fleet", sheet)
}

func names() string {
	var all []string
	for _, c := range curves() {
		all = append(all, c.name)
	}
	return strings.Join(all, ", ")
}
