package arrows

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// snippets.go holds the rules on the code in documents: what a reader copies from
// there has been compiled, and what they type exists.

// A block is what stands between two fences of a document.
type block struct {
	language string
	line     int // of its first line, from 1
	lines    []string
}

var (
	fence      = regexp.MustCompile("^ *(```|~~~) *([A-Za-z0-9]*) *$")
	makeTarget = regexp.MustCompile(`(?m)^([A-Za-z][\w-]*):`)
	assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)
)

// Snippets finds the Go code of documents that is not a part, line by line, of a
// Go file of this repository. How far the whole is indented does not matter. A
// comment and a string are no code: nobody has compiled what they say.
func Snippets(t *Tree) (found []string) {
	for _, f := range t.documents() {
		for _, b := range f.blocks() {
			if b.language == "go" && !slices.ContainsFunc(t.Go, b.standsIn) {
				found = append(found, fmt.Sprintf("%s:%d: shows Go that no file of the repository has, so nobody has compiled it", f.Path, b.line))
			}
		}
	}
	return found
}

// Commands finds the lines of documents that are to be typed and would fail at
// once: targets that no Makefile has, folders that are not there, and commands
// that this rule does not know.
func Commands(t *Tree, known ...string) (found []string) {
	for _, f := range t.documents() {
		for _, b := range f.blocks() {
			if b.language != "sh" {
				continue
			}
			for n, line := range b.lines {
				for _, problem := range t.commands(line, known) {
					found = append(found, fmt.Sprintf("%s:%d: says %q, and %s", f.Path, b.line+n, strings.TrimSpace(line), problem))
				}
			}
		}
	}
	return found
}

// commands says what is wrong with a line. It knows as much of a shell as a
// document needs: assignments, comments, and commands joined by &&.
func (t *Tree) commands(line string, known []string) (problems []string) {
	line, _, _ = strings.Cut(" "+line, " #")
	folder := "."
	for command := range strings.SplitSeq(line, "&&") {
		words := strings.Fields(command)
		for len(words) > 0 && assignment.MatchString(words[0]) {
			words = words[1:]
		}
		if len(words) == 0 {
			continue
		}
		name, args := words[0], words[1:]
		switch {
		case name == "cd" && len(args) == 1:
			folder = path.Join(folder, args[0])
			args = []string{"./"}
		case name == "make":
			problems = append(problems, t.targets(folder, args)...)
		case !slices.Contains(known, name) && !t.exists[path.Join(folder, name)]:
			problems = append(problems, fmt.Sprintf("there is no command %s", name))
		}
		for _, arg := range args {
			place := path.Join(folder, strings.TrimSuffix(arg, "..."))
			if strings.HasPrefix(arg, "./") && !t.exists[place] {
				problems = append(problems, fmt.Sprintf("there is no %s", place))
			}
		}
	}
	return problems
}

// targets says which of make's args the Makefile in folder does not have.
func (t *Tree) targets(folder string, args []string) (problems []string) {
	for i, arg := range args {
		if arg == "-C" && i+1 < len(args) {
			return t.targets(path.Join(folder, args[i+1]), args[i+2:])
		}
	}
	makefile := path.Join(folder, "Makefile")
	var has []string
	for _, f := range t.Text {
		if f.Path != makefile {
			continue
		}
		for _, m := range makeTarget.FindAllStringSubmatch(f.Text, -1) {
			has = append(has, m[1])
		}
	}
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") && !assignment.MatchString(arg) && !slices.Contains(has, arg) {
			problems = append(problems, fmt.Sprintf("%s has no target %s", makefile, arg))
		}
	}
	return problems
}

// documents are the Markdown files that somebody reads.
func (t *Tree) documents() (list []*File) {
	for _, f := range t.Text {
		if path.Ext(f.Path) == ".md" && !outside(f.Path) {
			list = append(list, f)
		}
	}
	return list
}

// blocks are the fenced blocks of a document. Code that is only indented is an
// illustration.
func (f *File) blocks() (list []block) {
	var open *block
	mark := ""
	for n, line := range f.lines() {
		line = strings.TrimSuffix(line, "\n")
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			open, mark = &block{language: m[2], line: n + 1}, m[1]
		case m != nil && m[1] == mark && m[2] == "":
			list = append(list, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil {
		list = append(list, *open) // to the end of the document, as forges show it
	}
	return list
}

// standsIn reports whether f has the lines of b one after the other, as code.
func (b block) standsIn(f *File) bool {
	want := dedent(b.lines)
	if len(want) == 0 || strings.Contains(f.Text, "\n//go:build ignore\n") {
		return false
	}
	have := strings.Split(f.Text, "\n")
	for i := range len(have) - len(want) + 1 {
		if matches(have[i:i+len(want)], want) && !f.quotes(i+1, i+len(want)) {
			return true
		}
	}
	return false
}

// matches reports whether have is want, all of it as far indented.
func matches(have, want []string) bool {
	indent, ok := strings.CutSuffix(have[0], want[0])
	if !ok || strings.Trim(indent, "\t") != "" {
		return false
	}
	for i, line := range want {
		if line != "" {
			line = indent + line
		}
		if have[i] != line {
			return false
		}
	}
	return true
}

// dedent takes off the blank lines around lines, and what all are indented by.
func dedent(lines []string) []string {
	isCode := func(line string) bool { return strings.TrimSpace(line) != "" }
	first := slices.IndexFunc(lines, isCode)
	if first < 0 {
		return nil
	}
	last := len(lines)
	for !isCode(lines[last-1]) {
		last--
	}
	lines = slices.Clone(lines[first:last])
	indent := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " \t"))]
	for i, line := range lines {
		lines[i] = strings.TrimRight(strings.TrimPrefix(line, indent), " \t")
	}
	return lines
}

// quotes reports whether lines first to last are inside of one comment or string.
func (f *File) quotes(first, last int) bool {
	covers := func(from, to token.Pos) bool {
		return f.fset.Position(from).Line < first && last < f.fset.Position(to).Line
	}
	for _, group := range f.Syntax.Comments {
		if covers(group.Pos(), group.End()) {
			return true
		}
	}
	for n := range ast.Preorder(f.Syntax) {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && covers(lit.Pos(), lit.End()) {
			return true
		}
	}
	return false
}
