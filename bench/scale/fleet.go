package main

// fleet.go quotes what `make sheet` has calculated for a thousand processes and fifty
// servers: the lines in which a setting is changed.

import (
	"fmt"
	"slices"
	"strings"
)

// fleet is the part of docs/performance.md about it.
func fleet(document string) (string, error) {
	head, lines, _, err := tableBy("sheet", document)
	if err != nil {
		return "", err
	}
	columns := []string{"fleet", "commands/s", "of them polls", "CPU of a server", "connections", "commands/s of a process", "CPU of its polls"}
	var b strings.Builder
	fmt.Fprintf(&b, "`make sheet`, of which [scaling.md](scaling.md#a-thousand-processes-fifty-servers) has all lines.\n\n| %s |\n|---|%s\n",
		strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)-1))
	for _, name := range []string{"as above", "nothing to do", "`PollInterval` 250 ms", "`PollInterval` 500 ms", "10 servers", "1,000 keys/s", "10 tags/s", "200 tags/s", "`MaxConns` 8"} {
		i := slices.IndexFunc(lines, func(fields []string) bool { return fieldOf(head, fields, columns[0]) == name })
		if i < 0 {
			return "", fmt.Errorf("scale: the table by make sheet in docs/scaling.md has no line %q", name)
		}
		var row []string
		for _, column := range columns {
			value := fieldOf(head, lines[i], column)
			if value == "" {
				return "", fmt.Errorf("scale: the table by make sheet in docs/scaling.md has no column %q", column)
			}
			row = append(row, value)
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String(), nil
}

// fieldOf is the field of the column called name; "": there is none.
func fieldOf(head, fields []string, name string) string {
	if i := slices.Index(head, name); i >= 0 && i < len(fields) {
		return fields[i]
	}
	return ""
}
