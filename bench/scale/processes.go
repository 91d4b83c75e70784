package main

// processes.go: one process, and sixty-four. They are real ones, and `make scaling` has
// measured them: this reads its table, and measures nothing again.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// scalingPage is docs/scaling.md.
func scalingPage(root string) (string, error) {
	document, err := os.ReadFile(filepath.Join(root, "docs", "scaling.md"))
	if err != nil {
		return "", fmt.Errorf("scale: %w", err)
	}
	return string(document), nil
}

func processes(_ context.Context, s *setting) ([]Figure, error) {
	document, err := scalingPage(s.root)
	if err != nil {
		return nil, err
	}
	rows, err := scalingRows(document)
	if err != nil {
		return nil, err
	}
	commands := Figure{Name: "processes", Title: "Commands that one memcached gets, by the processes of a fleet", X: "processes", Y: "commands per second"}
	cpu := Figure{Name: "processes-cpu", Title: "Processor time of that memcached", X: "processes", Y: "% of one processor"}
	for _, r := range rows {
		if s.most > 0 && r.processes > s.most {
			continue
		}
		commands.add(r.doing, false, r.processes, r.commands)
		cpu.add(r.doing, false, r.processes, r.cpu)
	}
	return []Figure{commands, cpu}, nil
}

// scalingRow is a line of the table in docs/scaling.md, about one server.
type scalingRow struct {
	processes     float64
	doing         string
	commands, cpu float64
}

// Columns of that table.
const (
	columnProcesses = "processes"
	columnServers   = "servers"
	columnPoll      = "poll each"
	columnDoing     = "the fleet does"
	columnCommands  = "commands/s counted, predicted"
	columnCPU       = "CPU of a server"
)

// scalingRows reads the lines about real processes on one server that poll as they do
// unless told otherwise.
func scalingRows(document string) (rows []scalingRow, err error) {
	head, lines, _, err := tableBy("scaling", document)
	if err != nil {
		return nil, err
	}
	for _, fields := range lines {
		row, err := scalingRowOf(head, fields)
		if err != nil {
			return nil, err
		}
		if row != nil {
			rows = append(rows, *row)
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("docs/scaling.md: the table by make scaling has no line about one server")
	}
	return rows, nil
}

// scalingSource is what `make scaling` says of its run.
func scalingSource(s *setting, _ string) (string, error) {
	document, err := scalingPage(s.root)
	if err != nil {
		return "", err
	}
	_, _, source, err := tableBy("scaling", document)
	return source + " Means of some seconds each; [scaling.md](scaling.md#measured) has more columns.", err
}

// tableBy is the table that `make target` has written into document, and the first line
// that it wrote above it.
func tableBy(target, document string) (head []string, lines [][]string, source string, err error) {
	_, rest, ok := strings.Cut(document, "<!-- written by make "+target+" -->")
	text, _, ended := strings.Cut(rest, "<!-- end of what make "+target+" writes -->")
	if !ok || !ended {
		return nil, nil, "", fmt.Errorf("scale: docs/scaling.md has no table by make %s", target)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if source == "" {
			source = line
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
			continue
		}
		fields := strings.Split(strings.Trim(line, "|"), "|")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if head == nil {
			head = fields
			continue
		}
		lines = append(lines, fields)
	}
	return head, lines, source, nil
}

// scalingRowOf is nil for a line that is about something else.
func scalingRowOf(head, fields []string) (*scalingRow, error) {
	field := func(name string) string { return fieldOf(head, fields, name) }
	doing := field(columnDoing)
	if field(columnServers) != "1" || field(columnPoll) != "100 ms" || strings.Contains(doing, "without processes") {
		return nil, nil
	}
	counted, _, _ := strings.Cut(field(columnCommands), ",")
	row := scalingRow{doing: doing}
	var errs [3]error
	row.processes, errs[0] = strconv.ParseFloat(field(columnProcesses), 64)
	row.commands, errs[1] = strconv.ParseFloat(counted, 64)
	row.cpu, errs[2] = strconv.ParseFloat(strings.TrimSuffix(field(columnCPU), " %"), 64)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("docs/scaling.md: the table by make scaling is not as it was: %w", err)
	}
	return &row, nil
}
