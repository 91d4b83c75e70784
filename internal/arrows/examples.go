package arrows

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// examples.go holds the rule that every verb of the public packages is shown at
// work, by an Example that `go test` runs.

// A Shown is a verb without a runnable Example of its own, and the function that
// shows it instead.
type Shown struct {
	Folder, Name string // "memo/tier/tiertest", "TestShared"; a method is "Cache_Close"
	By           string // folder and function: "examples TestMyTierConforms"
	Why          string
}

// ShownElsewhere are the verbs that an Example cannot run.
func ShownElsewhere() []Shown {
	const needsT = "the suite makes subtests of a *testing.T, and an Example has none"
	const forEngine = "what it takes is internal: it is for the engine, which is another package"
	return []Shown{
		{"memo/tier/tiertest", "TestShared", "examples TestMyTierConforms", needsT},
		{"memo/tier/tiertest", "TestLocal", "examples TestMyLocalConforms", needsT},
		{"memo/lru", "Cache_GetWords", "memo/lru TestKeysAreFoundByTheirWords", forEngine},
		{"memo/lru", "Cache_Numbers", "memo/lru TestNumbersAreFound", forEngine},
		{"memo/lru", "Numbers_Get", "memo/lru TestNumbersAreFound", forEngine},
		{"memo/lru", "Numbers_Find", "memo/lru TestNumbersAreFound", forEngine},
		{"memo/lru", "Numbers_Note", "memo/lru TestWhatHasLeftHasItsNumber", forEngine},
		{"memo/lru", "HasNumber", "memo/lru TestWhatHasLeftHasItsNumber", forEngine},
		{"memo/lru", "Numbers_Forget", "memo/lru TestWhatHasLeftIsHeldByNoSlot", forEngine},
	}
}

var output = regexp.MustCompile(`(?i)^\s*(unordered )?output:`)

// Examples finds the exported functions and methods of the public packages that
// no Example with an Output shows. Error, Unwrap and String speak for themselves,
// and what implements an interface of contracts is shown by who calls it.
func Examples(t *Tree, contracts []string, elsewhere []Shown) (found []string) {
	shown, funcs := t.examples()
	interfaces := t.interfaces(contracts)
	methods := t.methods()
	var done []string
	for _, f := range t.Go {
		if f.Test || f.Syntax.Name.Name == "main" || !isPublic(f.folder()) {
			continue
		}
		for _, fn := range f.funcs() {
			name, typ := fn.Name.Name, receiver(fn)
			if !ast.IsExported(name) || typ != "" && !ast.IsExported(typ) || slices.Contains([]string{"Error", "Unwrap", "String"}, name) {
				continue
			}
			if slices.ContainsFunc(interfaces, func(i []string) bool {
				return slices.Contains(i, name) && hasAll(methods[f.folder()+" "+typ], i)
			}) {
				continue
			}
			verb := strings.TrimPrefix(typ+"_"+name, "_")
			if i := slices.IndexFunc(elsewhere, func(s Shown) bool { return s.Folder == f.folder() && s.Name == verb }); i >= 0 {
				done = append(done, f.folder()+" "+verb)
				if !funcs[elsewhere[i].By] {
					found = append(found, fmt.Sprintf("%s %s is said to be shown by %s, which does not exist", f.at(fn.Pos()), verb, elsewhere[i].By))
				}
				continue
			}
			if !shown[f.folder()+" "+verb] {
				found = append(found, fmt.Sprintf("%s no Example with an Output shows %s: write Example%s", f.at(fn.Pos()), verb, verb))
			}
		}
	}
	for _, s := range elsewhere {
		if !slices.Contains(done, s.Folder+" "+s.Name) {
			found = append(found, fmt.Sprintf("%s: has no %s that would have to be shown elsewhere", s.Folder, s.Name))
		}
	}
	return found
}

// examples returns what the runnable Examples show, by folder and verb, and all
// functions, by folder and name.
func (t *Tree) examples() (shown, funcs map[string]bool) {
	shown, funcs = map[string]bool{}, map[string]bool{}
	for _, f := range t.Go {
		for _, fn := range f.funcs() {
			if fn.Recv != nil {
				continue
			}
			funcs[f.folder()+" "+fn.Name.Name] = true
			verb, ok := strings.CutPrefix(fn.Name.Name, "Example")
			if !ok || !f.Test || !f.hasOutput(fn) {
				continue
			}
			if i := strings.LastIndexByte(verb, '_'); i >= 0 && !ast.IsExported(verb[i+1:]) {
				verb = verb[:i] // another one of the same, as in ExampleDo_recursive
			}
			shown[f.folder()+" "+verb] = true
		}
	}
	return shown, funcs
}

// hasOutput: without it `go test` compiles an Example and does not run it.
func (f *File) hasOutput(fn *ast.FuncDecl) bool {
	last := ""
	for _, group := range f.Syntax.Comments {
		if fn.Body.Pos() < group.Pos() && group.End() < fn.Body.End() {
			last = group.Text()
		}
	}
	return output.MatchString(last)
}

// interfaces returns the method names of each interface that the folders declare.
func (t *Tree) interfaces(folders []string) (list [][]string) {
	for _, f := range t.Go {
		if f.Test || !slices.Contains(folders, f.folder()) {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			i, ok := n.(*ast.InterfaceType)
			if !ok {
				continue
			}
			var methods []string
			for _, m := range i.Methods.List {
				for _, name := range m.Names {
					methods = append(methods, name.Name)
				}
			}
			if len(methods) > 0 {
				list = append(list, methods)
			}
		}
	}
	return list
}

// methods returns the names of the methods of each type, by folder and type.
func (t *Tree) methods() map[string][]string {
	all := map[string][]string{}
	for _, f := range t.Go {
		for _, fn := range f.funcs() {
			if typ := receiver(fn); typ != "" && !f.Test {
				all[f.folder()+" "+typ] = append(all[f.folder()+" "+typ], fn.Name.Name)
			}
		}
	}
	return all
}

// receiver returns the name of the type that fn is a method of, or "".
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	return lastName(typ)
}

func hasAll(list, want []string) bool {
	return !slices.ContainsFunc(want, func(name string) bool { return !slices.Contains(list, name) })
}
