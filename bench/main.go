// Command bench compares tiermemo with other caches, and with what one writes by hand, on
// the same work, and writes RESULTS.md with RESULTS.json beside it.
//
//	go run .                             all of it
//	go run . -run '^Request' -merge      these events anew, the others as they were
//	go run . -render                     RESULTS.md anew from RESULTS.json
//
// The contenders of one event run in turn (A B A B …), round after round, and what is
// compared is the median of the ratios within a round: the machine's mood is the same for
// both sides of each. GOMAXPROCS is left alone, in the serial events too, so that the
// garbage is collected beside the work, as it is in a server.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/bench/events"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/redisserver"
	"github.com/tiermemo/tiermemo/bench/report"
	"github.com/tiermemo/tiermemo/bench/targets"
	"github.com/tiermemo/tiermemo/internal/mcserver"
)

func main() {
	events.ServeIfAsked() // as a child of itself
	answerIfAsked()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type choice struct {
	rounds        int
	each          time.Duration
	pattern       *regexp.Regexp
	merge, render bool
	json, out     string
}

func run() error {
	var c choice
	flag.IntVar(&c.rounds, "rounds", 8, "rounds, each contender once in each")
	flag.DurationVar(&c.each, "time", 50*time.Millisecond, "how long one round of one contender takes")
	only := flag.String("run", "", "only events whose \"group: name\" matches this `regexp`")
	flag.BoolVar(&c.merge, "merge", false, "keep what -json has of the other events")
	flag.BoolVar(&c.render, "render", false, "measure nothing: write the table of what -json has")
	flag.StringVar(&c.json, "json", "RESULTS.json", "the figures")
	flag.StringVar(&c.out, "o", "RESULTS.md", "the table")
	flag.Parse()
	var err error
	if c.pattern, err = regexp.Compile(*only); err != nil {
		return err
	}
	var f report.File
	if c.merge || c.render {
		if f, err = report.Load(c.json); err != nil {
			return err
		}
	}
	var failed error
	if !c.render {
		failed = c.measure(&f)
	}
	if f.Events == nil {
		return errors.Join(failed, errors.New("nothing was measured"))
	}
	f.Sort(events.All())
	var text bytes.Buffer
	report.Write(&text, f, targets.Judge(f, targets.All()), events.Notes(), targets.Behind)
	return errors.Join(failed, f.Save(c.json), os.WriteFile(c.out, text.Bytes(), 0o644))
}

// measure runs the events that were asked for. What failed is said at the end, and the
// others are kept.
func (c choice) measure(f *report.File) error {
	f.Machine = report.ThisMachine()
	env := lab.Env{Time: c.each}
	memcached, err := mcserver.Start("-m", "1024")
	if err != nil {
		return err
	}
	defer memcached.Close()
	redis, err := redisserver.Start()
	if err != nil {
		return err
	}
	defer redis.Close()
	env.Memcached, env.Redis = memcached.Addr(), redis.Addr()

	begin := time.Now()
	command := "cd bench && GOWORK=off go run ."
	for _, arg := range os.Args[1:] {
		if strings.ContainsAny(arg, "|^$*()[] ") {
			arg = "'" + arg + "'"
		}
		command += " " + arg
	}
	var failed error
	for _, e := range events.All() {
		if !c.pattern.MatchString(e.Group + ": " + e.Name) {
			continue
		}
		start := time.Now()
		ms, err := measureAlone(e, env, c.rounds)
		fmt.Fprintf(os.Stderr, "%6.1fs %s: %s\n", time.Since(start).Seconds(), e.Group, e.Name)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		f.Put(report.Event{Group: e.Group, Name: e.Name, Columns: slices.Clone(e.Units()), When: report.Today(), Command: command, Contenders: ms})
	}
	f.Took = ""
	if !c.merge && c.pattern.String() == "" {
		f.Took = time.Since(begin).Round(time.Second).String()
	}
	return failed
}
