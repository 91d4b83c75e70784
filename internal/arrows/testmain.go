package arrows

import (
	"fmt"
	"go/ast"
	"slices"
)

// testmain.go holds the rule that every package's tests end with a look at the
// goroutines: what a test leaves behind, a program leaves behind in each request.

const goleak = "go.uber.org/goleak"

// LeaksAllowed are the packages whose tests need not look.
func LeaksAllowed() []Permit {
	return []Permit{
		{"bench", "TestMain", "its go.mod requires what is measured, and no more; the caches that it makes are tested for leaks where they live"},
	}
}

// LeakChecks finds the folders with tests and without a TestMain that has goleak
// look for goroutines: by VerifyTestMain, or by Find in a TestMain that does more.
func LeakChecks(t *Tree, permits []Permit) (found []string) {
	var folders []string // in the order of the tree, with tests
	checked := map[string]bool{}
	for _, f := range t.Go {
		if !f.Test {
			continue
		}
		for _, fn := range f.funcs() {
			switch {
			case fn.Name.Name == "TestMain":
				checked[f.folder()] = f.looksForLeaks()
			case runByGo(fn) && !slices.Contains(folders, f.folder()):
				folders = append(folders, f.folder())
			}
		}
	}
	for _, folder := range folders {
		allowed := slices.ContainsFunc(permits, func(p Permit) bool { return p.Folder == folder && p.Func == "TestMain" })
		if !checked[folder] && !allowed {
			found = append(found, fmt.Sprintf("%s: its tests do not look for goroutines that they leave behind: add func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }", folder))
		}
	}
	return found
}

// looksForLeaks reports whether the file calls goleak. Where TestMain does more,
// that may be in a function beside it.
func (f *File) looksForLeaks() bool {
	name := f.calls(goleak)
	if name == "" {
		return false
	}
	for _, fn := range f.funcs() {
		for range selections(fn, func(x ast.Expr, called string) bool {
			return isIdent(x, name) && (called == "VerifyTestMain" || called == "Find")
		}) {
			return true
		}
	}
	return false
}
