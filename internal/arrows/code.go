package arrows

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// code.go holds the rules on the files themselves, whatever they do.

// longest is how many lines a file of the product may have: one that needs more
// holds two ideas.
const longest = 300

var (
	replaceLine = regexp.MustCompile(`(?m)^\s*replace\b`)

	// The brackets keep these expressions from finding themselves.
	unfinished = regexp.MustCompile(`\b(TOD[O]|FIXM[E])|\bXX[X]\b`)
	machine    = regexp.MustCompile(`(^|[^\w.-])/(work|root|home)/|[.]{2}/shared\b`)
)

// PackageDocs finds the packages that have no package comment, or more than one:
// godoc would join them in the order of the files' names.
func PackageDocs(t *Tree) (found []string) {
	docs := map[string]int{}
	for _, f := range t.Go {
		if f.Test {
			continue
		}
		docs[f.folder()] += 0
		if f.Syntax.Doc.Text() != "" {
			docs[f.folder()]++
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(docs)) {
		if n := docs[folder]; n != 1 {
			found = append(found, fmt.Sprintf("%s: %d package comments, want exactly one", folder, n))
		}
	}
	return found
}

// NoReplace finds a replace in the root's go.mod: users of the module would not
// see it, and would build something else than we test.
func NoReplace(t *Tree) (found []string) {
	for _, f := range t.Text {
		if f.Path == "go.mod" && replaceLine.MatchString(f.Text) {
			found = append(found, "go.mod: has a replace, which whoever requires this module does not see")
		}
	}
	return found
}

// Finished finds the notes that promise code for later.
func Finished(t *Tree) (found []string) {
	for _, f := range t.Go {
		for n, line := range f.lines() {
			if note := unfinished.FindString(line); note != "" {
				found = append(found, fmt.Sprintf("%s:%d: says %s: do it, or open an issue", f.Path, n, note))
			}
		}
	}
	return found
}

// ShortFiles finds the files that hold two ideas.
func ShortFiles(t *Tree) (found []string) {
	for _, f := range t.Go {
		if n := strings.Count(f.Text, "\n"); !f.Test && n > longest {
			found = append(found, fmt.Sprintf("%s: %d lines, more than %d: it holds two ideas", f.Path, n, longest))
		}
	}
	return found
}

// NoMachinePaths finds the paths that exist on one machine only.
func NoMachinePaths(t *Tree) (found []string) {
	for _, f := range t.Text {
		for n, line := range f.lines() {
			if p := machine.FindString(line); p != "" {
				found = append(found, fmt.Sprintf("%s:%d: says %q, a path of one machine", f.Path, n, strings.TrimSpace(p)))
			}
		}
	}
	return found
}

// lines counts from 1, as editors do.
func (f *File) lines() func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(f.Text) {
			if n++; !yield(n, line) {
				return
			}
		}
	}
}
