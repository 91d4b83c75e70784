// Package page puts what a command has found into the midst of a document for
// people. It stands between the commands of this module and docs/proof.md, and
// touches nothing but the lines between the two that name its command.
package page

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Begins is the line before what `make target` found.
func Begins(target string) string { return "<!-- written by make " + target + " -->\n" }

// Ends is the line after it.
func Ends(target string) string { return "<!-- end of what make " + target + " writes -->\n" }

// Write replaces what stands between the lines of target in document by text. A
// document without them is left alone, and is an error.
func Write(document, target, text string) error {
	data, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	begins, ends := Begins(target), Ends(target)
	head, rest, ok := strings.Cut(string(data), begins)
	_, foot, found := strings.Cut(rest, ends)
	if !ok || !found {
		return fmt.Errorf("prove: %s has no place for the table: it goes between %q and %q", document, begins, ends)
	}
	if err := os.WriteFile(document, []byte(head+begins+"\n"+text+"\n"+ends+foot), 0o644); err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	return nil
}

// Machine says on what this runs, with what the given commands print about their
// versions; one that fails is left out.
func Machine(versions ...[]string) string {
	parts := []string{fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	for _, command := range versions {
		if v := said(command[0], command[1:]...); v != "" {
			parts = append(parts, v)
		}
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

// said is what a command prints, or nothing if it fails.
func said(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
