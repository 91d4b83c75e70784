package scaling

// sheet.go is a prediction, for people: the figures of one fleet with what to look at,
// and of a large one with each setting changed that matters.

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Large is a thousand processes on fifty servers: ten reads a second in each that L2
// does not answer, and a hundred keys, a tag and a tenth of a tree that the fleet
// invalidates in a second.
func Large() Fleet {
	f := Default()
	f.Processes, f.Servers = 1000, 50
	f.Reads, f.Loads = 10, 0.2
	f.Keys, f.Tags, f.Trees, f.Readers = 100, 1, 0.1, 20
	return f
}

// Problem says what is wrong with f; nil if nothing is.
func (f Fleet) Problem() error {
	switch {
	case f.Processes < 1 || f.Servers < 1 || f.MaxConns < 1:
		return errors.New("scaling: there is at least one process, one server and one connection")
	case f.PollInterval < time.Millisecond:
		return fmt.Errorf("scaling: a poll interval of %v: give a millisecond at least", f.PollInterval)
	case f.Loads < 0 || f.Loads > 1:
		return fmt.Errorf("scaling: a share of loads of %v: give one from 0 to 1", f.Loads)
	case min(f.Reads, f.Keys, f.Tags, f.Trees, f.Readers) < 0 || min(f.Sizes.Key, f.Sizes.Value) < 0:
		return errors.New("scaling: a rate or a size is negative")
	}
	return nil
}

// Sheet returns the figures of f.
func Sheet(f Fleet) string {
	var b strings.Builder
	l := Predict(f)
	fmt.Fprintf(&b, "%d processes, %d servers, a poll each %v\n\n", f.Processes, f.Servers, f.PollInterval)
	for _, line := range []struct {
		name string
		text string
	}{
		{"each server, a second", ""},
		{"  commands", fmt.Sprintf("%.0f, of them %.0f polls", l.Server.Commands, l.Polls.Commands)},
		{"  keys asked for", fmt.Sprintf("%.0f", l.Server.Gets)},
		{"  MB in, out", fmt.Sprintf("%.2f, %.2f; of them polls %.2f, %.2f", l.Server.In/1e6, l.Server.Out/1e6, l.Polls.In/1e6, l.Polls.Out/1e6)},
		{"  processors", fmt.Sprintf("%.2f", l.CPU.Seconds())},
		{"  connections", fmt.Sprintf("%d at rest, %d at most", l.Least, l.Most)},
		{"each process, a second", ""},
		{"  commands", fmt.Sprintf("%.0f", l.Process.Commands)},
		{"  MB out, in", fmt.Sprintf("%.2f, %.2f", l.Process.In/1e6, l.Process.Out/1e6)},
		{"  processors, for polls", fmt.Sprintf("%.3f", l.ProcessCPU.Seconds())},
		{"  connections", fmt.Sprintf("%d at rest, %d at most", f.Servers, f.Servers*f.MaxConns)},
		{"each poll", ""},
		{"  invalidations heard", fmt.Sprintf("%.2f", l.Records)},
		{"  numbers asked for", fmt.Sprintf("%.1f", l.Numbers)},
		{"  further commands for them", fmt.Sprintf("%.3f", l.Further)},
	} {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-28s%s", line.name, line.text), " ") + "\n")
	}
	for _, a := range l.advice(f) {
		b.WriteString("\n" + a + "\n")
	}
	return b.String()
}

// What is too much of it.
const (
	defaultConns = 1024 // memcached's -c
	half         = time.Second / 2
)

// advice says which limits f meets, and what moves them.
func (l Load) advice(f Fleet) (all []string) {
	if 2*l.Least > defaultConns {
		all = append(all, fmt.Sprintf("Each process keeps a connection to each server, and in a rolling release there are twice as many processes: memcached's -c must be above %d; 1024 is its default.", 2*l.Least))
	}
	if l.Most > 65536 {
		all = append(all, fmt.Sprintf("If all processes are busy at once a server gets %d connections. MaxConns of 4 to 8 is enough where there are many servers; -c must be above twice that times the processes.", l.Most))
	}
	if l.Further > 0.5 {
		all = append(all, fmt.Sprintf("A poll hears of %.0f invalidations, and one command asks for 256 at most. Poll more often, or invalidate less: a tag for many keys; more servers where it is keys.", l.Records))
	}
	if l.CPU > half {
		all = append(all, fmt.Sprintf("A server needs %.1f processors, as measured in the quiet; it has 4 threads unless -t gives it more.", l.CPU.Seconds()))
	}
	if l.ProcessCPU > time.Second/20 {
		all = append(all, fmt.Sprintf("Polls take %.0f %% of a processor of each process: raise PollInterval, and StaleBound to twice of it.", percent(l.ProcessCPU)))
	}
	return all
}

// Comparison returns f beside itself with one thing changed at a time.
func Comparison(f Fleet) string {
	var b strings.Builder
	b.WriteString("| fleet | commands/s | of them polls | keys/s asked for | MB/s in | MB/s out | CPU of a server | connections | commands/s of a process | CPU of its polls |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range []struct {
		name   string
		change func(f *Fleet)
	}{
		{"as above", func(*Fleet) {}},
		{"nothing to do", func(f *Fleet) { f.Reads, f.Keys, f.Tags, f.Trees = 0, 0, 0, 0 }},
		{"`PollInterval` 250 ms", func(f *Fleet) { f.PollInterval = 250 * time.Millisecond }},
		{"`PollInterval` 500 ms", func(f *Fleet) { f.PollInterval = 500 * time.Millisecond }},
		{"`PollInterval` 50 ms", func(f *Fleet) { f.PollInterval = 50 * time.Millisecond }},
		{"10 servers", func(f *Fleet) { f.Servers = 10 }},
		{"100 servers", func(f *Fleet) { f.Servers = 100 }},
		{"2,000 processes", func(f *Fleet) { f.Processes = 2000 }},
		{"100 reads/s in each process", func(f *Fleet) { f.Reads = 100 }},
		{"1,000 keys/s", func(f *Fleet) { f.Keys = 1000 }},
		{"10,000 keys/s", func(f *Fleet) { f.Keys = 10_000 }},
		{"every process reads what is invalidated", func(f *Fleet) { f.Readers = float64(f.Processes) }},
		{"10 tags/s", func(f *Fleet) { f.Tags = 10 }},
		{"50 tags/s", func(f *Fleet) { f.Tags = 50 }},
		{"200 tags/s", func(f *Fleet) { f.Tags = 200 }},
		{"`MaxConns` 8", func(f *Fleet) { f.MaxConns = 8 }},
	} {
		g := f
		c.change(&g)
		l := Predict(g)
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f | %.2f | %.2f | %.0f %% | %d to %d | %.0f | %.1f %% |\n", c.name, l.Server.Commands, l.Polls.Commands, l.Server.Gets,
			l.Server.In/1e6, l.Server.Out/1e6, percent(l.CPU), l.Least, l.Most, l.Process.Commands, percent(l.ProcessCPU))
	}
	return b.String()
}
