package arrows

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// regressions.go holds the rule on the bugs that other caches had: each has a test
// of ours, or says why it needs none, and says it as long as that is true.

const (
	regressions     = "docs/regressions.md"
	mostRegressions = 54
	cannotArise     = "Cannot arise: "
)

var (
	regression     = regexp.MustCompile(`^[-*] \*\*R(\d{1,2})\*\*`)
	regressionTest = regexp.MustCompile("`((?:Test|Fuzz)\\w*)`")
	absent         = regexp.MustCompile("`absent: memo\\.(\\w+)`")
)

// A bug is one item of the list.
type bug struct {
	number int
	text   string
}

// Regressions finds the cases that the document has lost or has twice, the tests
// that it names and that `go test` does not run, and the cases with neither a test
// nor a reason. A reason is a sentence that begins with "Cannot arise: ", or the
// name of what package memo would need to have the bug at all, as in
// `absent: memo.Tags`: when it is there, it needs a test.
func Regressions(t *Tree) (found []string) {
	i := slices.IndexFunc(t.Text, func(f *File) bool { return f.Path == regressions })
	if i < 0 {
		return []string{regressions + ": does not exist"}
	}
	bugs := t.Text[i].bugs()
	for n := 1; n <= mostRegressions; n++ {
		times := 0
		for _, b := range bugs {
			if b.number == n {
				times++
			}
		}
		if times != 1 {
			found = append(found, fmt.Sprintf("%s: has R%d %d times, want once", regressions, n, times))
		}
	}
	tests, exported := t.tests(), t.exported("memo")
	for _, b := range bugs {
		if b.number < 1 || b.number > mostRegressions {
			found = append(found, fmt.Sprintf("%s: has R%d, and the last one is R%d", regressions, b.number, mostRegressions))
		}
		named := regressionTest.FindAllStringSubmatch(b.text, -1)
		for _, test := range named {
			if !tests[test[1]] {
				found = append(found, fmt.Sprintf("%s: R%d names %s, and there is no such test", regressions, b.number, test[1]))
			}
		}
		missing := absent.FindAllStringSubmatch(b.text, -1)
		for _, name := range missing {
			if exported[name[1]] {
				found = append(found, fmt.Sprintf("%s: R%d: memo.%s exists now: name the test", regressions, b.number, name[1]))
			}
		}
		if len(named) == 0 && len(missing) == 0 && !strings.Contains(b.text, cannotArise) {
			found = append(found, fmt.Sprintf("%s: R%d has no test, and no reason to have none", regressions, b.number))
		}
	}
	return found
}

// bugs are the items of the list; one goes on to the next line that is blank, a
// heading, or an item.
func (f *File) bugs() (list []bug) {
	open := false
	for _, line := range f.lines() {
		if m := regression.FindStringSubmatch(line); m != nil {
			list = append(list, bug{number(m[1]), line})
			open = true
			continue
		}
		if text := strings.TrimSpace(line); text == "" || strings.HasPrefix(text, "#") || strings.HasPrefix(text, "- ") {
			open = false
		}
		if open {
			list[len(list)-1].text += line
		}
	}
	return list
}

// tests are the names that `go test` runs.
func (t *Tree) tests() map[string]bool {
	all := map[string]bool{}
	for _, f := range t.Go {
		if !f.Test {
			continue
		}
		for _, fn := range f.funcs() {
			if runByGo(fn) {
				all[fn.Name.Name] = true
			}
		}
	}
	return all
}

// exported are the names that the package of a folder shows to others.
func (t *Tree) exported(folder string) map[string]bool {
	all := map[string]bool{}
	add := func(names ...*ast.Ident) {
		for _, name := range names {
			all[name.Name] = name.IsExported()
		}
	}
	for _, f := range t.Go {
		if f.Test || f.folder() != folder {
			continue
		}
		for _, d := range f.Syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *ast.GenDecl:
				if d.Tok == token.IMPORT {
					continue
				}
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						add(spec.Name)
					case *ast.ValueSpec:
						add(spec.Names...)
					}
				}
			}
		}
	}
	return all
}
