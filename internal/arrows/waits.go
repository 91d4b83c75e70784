package arrows

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// waits.go holds the rules on tests: none waits for real time, and none is skipped.

// A Permit lets one function do what the rule forbids.
type Permit struct {
	Folder, Func string
	Why          string
}

// Sleeps are the functions of tests that may sleep in real time.
func Sleeps() []Permit { return nil }

// Skips are the functions that may skip a test.
func Skips() []Permit {
	return []Permit{
		{"internal/fortest", "Start", "without memcached, PostgreSQL or Redis `go test` still tests the rest; TIERMEMO_REQUIRE_MEMCACHED, _POSTGRES and _REDIS turn the skip into a failure"},
	}
}

// NoSleep finds time.Sleep in tests, except in a bubble of testing/synctest,
// where it takes no time and is how the clock is moved. A test proves its bubble
// by naming synctest, or a helper that does; a helper, by standing beside tests
// that have bubbles.
func NoSleep(t *Tree, permits []Permit) (found []string) {
	bubbles := t.bubbles()
	for _, f := range t.Go {
		clock := f.calls("time")
		if !f.Test || clock == "" {
			continue
		}
		for _, fn := range f.funcs() {
			inBubble := len(bubbles[f.folder()]) > 0 && !runByGo(fn) || bubbles[f.folder()][fn]
			if permitted(permits, f, fn) || inBubble {
				continue
			}
			for pos := range selections(fn, func(x ast.Expr, name string) bool { return isIdent(x, clock) && name == "Sleep" }) {
				found = append(found, fmt.Sprintf("%s %s sleeps in real time, so it is slow or it is flaky: use testing/synctest, or wait for the event itself", f.at(pos), fn.Name.Name))
			}
		}
	}
	return found
}

// bubbles are the functions of each folder's tests that name synctest, and those
// that name one of them.
func (t *Tree) bubbles() map[string]map[*ast.FuncDecl]bool {
	all := map[string]map[*ast.FuncDecl]bool{}
	openers := map[string][]string{} // by folder: functions that a test can call to get a bubble
	for grown := true; grown; {
		grown = false
		for _, f := range t.Go {
			if !f.Test {
				continue
			}
			folder, synctest := f.folder(), f.calls("testing/synctest")
			for _, fn := range f.funcs() {
				if all[folder][fn] || !names(fn, synctest) && !names(fn, openers[folder]...) {
					continue
				}
				grown = true
				if all[folder] == nil {
					all[folder] = map[*ast.FuncDecl]bool{}
				}
				all[folder][fn] = true
				if !runByGo(fn) {
					openers[folder] = append(openers[folder], fn.Name.Name)
				}
			}
		}
	}
	return all
}

// NoSkip finds the functions, in tests or in the kits for tests, that skip one:
// a test that did not run has shown nothing.
func NoSkip(t *Tree, permits []Permit) (found []string) {
	for _, f := range t.Go {
		tests := f.testing()
		for _, fn := range f.funcs() {
			if permitted(permits, f, fn) {
				continue
			}
			for pos := range selections(fn, func(x ast.Expr, name string) bool {
				return (name == "Skip" || name == "Skipf" || name == "SkipNow") && slices.Contains(tests, lastName(x))
			}) {
				found = append(found, fmt.Sprintf("%s %s skips a test: make it able to run, or remove it", f.at(pos), fn.Name.Name))
			}
		}
	}
	return found
}

func permitted(permits []Permit, f *File, fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(permits, func(p Permit) bool { return p.Folder == f.folder() && p.Func == fn.Name.Name })
}

// runByGo: a function that `go test` calls by itself, outside any bubble.
func runByGo(fn *ast.FuncDecl) bool {
	return fn.Recv == nil && slices.ContainsFunc([]string{"Test", "Benchmark", "Fuzz", "Example"}, func(prefix string) bool {
		return strings.HasPrefix(fn.Name.Name, prefix)
	})
}

// calls returns the name under which the file knows a package, "" if it does not.
func (f *File) calls(importPath string) string {
	for _, i := range f.imports() {
		if i.path == importPath {
			return i.name
		}
	}
	return ""
}

func (f *File) funcs() (list []*ast.FuncDecl) {
	for _, d := range f.Syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			list = append(list, fn)
		}
	}
	return list
}

// testing returns the names that the file gives to a *testing.T and its kin, as
// parameters and as fields. A Skip of anything else is somebody's own.
func (f *File) testing() (found []string) {
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || !f.isTB(field.Type) {
			return true
		}
		for _, name := range field.Names {
			found = append(found, name.Name)
		}
		if len(field.Names) == 0 {
			found = append(found, lastName(field.Type)) // embedded
		}
		return true
	})
	return found
}

// isTB also accepts a TB of our own, by which a kit avoids the import of testing.
func (f *File) isTB(typ ast.Expr) bool {
	if isIdent(typ, "TB") {
		return true
	}
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	sel, ok := typ.(*ast.SelectorExpr)
	return ok && isIdent(sel.X, f.calls("testing")) && slices.Contains([]string{"T", "B", "F", "TB"}, sel.Sel.Name)
}

// selections yields the place of each x.name in fn that match accepts.
func selections(fn *ast.FuncDecl, match func(x ast.Expr, name string) bool) func(yield func(token.Pos) bool) {
	return func(yield func(token.Pos) bool) {
		for n := range ast.Preorder(fn.Body) {
			if sel, ok := n.(*ast.SelectorExpr); ok && match(sel.X, sel.Sel.Name) && !yield(sel.Pos()) {
				return
			}
		}
	}
}

// names reports whether the body of fn says one of the names.
func names(fn *ast.FuncDecl, words ...string) bool {
	for n := range ast.Preorder(fn.Body) {
		if id, ok := n.(*ast.Ident); ok && slices.Contains(words, id.Name) {
			return true
		}
	}
	return false
}

func isIdent(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// lastName of h.t is t.
func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.StarExpr:
		return lastName(x.X)
	}
	return ""
}
