package main

// store.go keeps what was measured, so that it can be drawn again, and one curve be
// measured without the others.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Results are what was measured last, by the name of the curve.
type Results map[string]Result

// Result is one curve.
type Result struct {
	Source  string // how and where they were found
	Figures []Figure
}

// result measures c.
func (s *setting) result(ctx context.Context, c curve) (r Result, err error) {
	figures, err := c.measure(ctx, s)
	if err != nil {
		return r, err
	}
	source := measured
	if c.source != nil {
		source = c.source
	}
	r.Figures = figures
	if r.Source, err = source(s, c.name); err != nil {
		return r, err
	}
	for i := range figures {
		for j := range figures[i].Lines {
			for k := range figures[i].Lines[j].Points {
				figures[i].Lines[j].Points[k].round()
			}
		}
	}
	return r, nil
}

// measured says how and where name was measured just now.
func measured(s *setting, name string) (string, error) {
	command := fmt.Sprintf("cd bench && go run ./scale -only %s -rounds %d -time %v", name, s.rounds, s.each)
	if s.most > 0 {
		command += " -most " + strconv.FormatFloat(s.most, 'f', -1, 64)
	}
	return fmt.Sprintf("`%s` on %s, on %s. Medians of the rounds.", command, time.Now().UTC().Format(time.DateOnly), machine()), nil
}

// round leaves the digits that mean something.
func (p *Point) round() { p.Median, p.Least, p.Most = three(p.Median), three(p.Least), three(p.Most) }

func three(x float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 0
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return x
	}
	return short
}

// load returns what is stored in file, or nothing if there is none.
func load(file string) (Results, error) {
	all := Results{}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("scale: %w", err)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("scale: %s: %w", file, err)
	}
	return all, nil
}

func save(file string, all Results) error {
	data, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("scale: %w", err)
	}
	return nil
}

// machine says on what this runs.
func machine() string {
	parts := []string{fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	if out, err := exec.Command("memcached", "-V").Output(); err == nil {
		parts = append(parts, strings.TrimSpace(string(out)))
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
