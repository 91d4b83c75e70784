package mutation

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	_ "github.com/tiermemo/tiermemo/memo" // go test remembers no result of the table below across a change of what the table is about
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const root = "../../.."

// The code goes on, and a table that nobody runs each day goes stale. This reads
// it; make mutate runs it.
func TestEachMutationFitsTheCode(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	tests := map[string]map[string]bool{} // by package
	imports := exported(t)
	for _, m := range All() {
		if m.Name == "" || names[m.Name] || len(m.Tests) == 0 {
			t.Errorf("%q: a mutation has a name that no other one has, and tests", m.Name)
		}
		names[m.Name] = true
		if !strings.HasSuffix(m.Rule, ".") || strings.Count(m.Rule, ". ") > 0 {
			t.Errorf("%s: the rule is one sentence, and not %q", m.Name, m.Rule)
		}
		text, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if text, err = m.apply(text); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		} else if err := check(imports, m.File, text); err != nil {
			t.Errorf("%s: what is left of the code does not compile: %v", m.Name, err)
		}
		if tests[m.Package] == nil {
			tests[m.Package] = testsOf(t, m.Package)
		}
		for _, name := range m.Tests {
			if !tests[m.Package][name] {
				t.Errorf("%s: there is no test %s in %s", m.Name, name, m.Package)
			}
		}
	}
}

// exported returns the types of all packages that the mutated ones import, as the go
// command has built them.
func exported(t *testing.T) types.Importer {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, m := range All() {
		args = append(args, "./"+path.Dir(m.File))
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	list, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(list)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[name] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(name string) (io.ReadCloser, error) { return os.Open(files[name]) })
}

// check is what the compiler would say of the package of file, with text in its place.
func check(imports types.Importer, file string, text []byte) error {
	folder := filepath.Join(root, filepath.Dir(file))
	pkg, err := build.ImportDir(folder, 0)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		var source any // nil: what the file says
		if name == filepath.Base(file) {
			source = text
		}
		syntax, err := parser.ParseFile(set, filepath.Join(folder, name), source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, syntax)
	}
	config := types.Config{Importer: imports}
	_, err = config.Check(pkg.Name, set, files, nil)
	return err
}

// testsOf are the names of the tests in a folder of the repository.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}

func TestATextThatIsNotThereOnceIsAnError(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]Mutation{
		"gone":           {Old: "d", New: "x"},
		"there twice":    {Old: "a", New: "x"},
		"nothing":        {Old: "", New: "x"},
		"not a mutation": {Old: "b", New: "b"},
	} {
		if got, err := m.apply([]byte("abca")); err == nil {
			t.Errorf("%s: became %q", name, got)
		}
	}
	if got, err := (Mutation{Old: "bc", New: ""}).apply([]byte("abca")); string(got) != "aa" || err != nil {
		t.Errorf("became %q, %v", got, err)
	}
}

func TestAReport(t *testing.T) {
	t.Parallel()
	m := Mutation{Name: "nothing is looked at", Rule: "One looks.", File: "a/b.go", Package: "a"}
	caught := Result{Mutation: m, Shown: []Shown{{"TestA", 3, 3, "it was 1 | 2"}, {"TestB", 3, 3, ""}}}
	survived := Result{Mutation: m, Shown: []Shown{{"TestA", 3, 3, ""}, {"TestB", 2, 3, ""}}}
	failed := Result{Mutation: m, Err: fmt.Errorf("its Old is gone")}
	if err := Verdict([]Result{caught}); err != nil || !caught.Caught() {
		t.Errorf("%v of what was caught", err)
	}
	for _, r := range []Result{survived, failed, {Mutation: m}} {
		if err := Verdict([]Result{caught, r}); err == nil || r.Caught() {
			t.Errorf("%+v counts as caught", r)
		}
		if !strings.Contains(r.String(), "NOT CAUGHT: nothing is looked at (a/b.go)") {
			t.Errorf("it reads %s", r)
		}
	}
	if text := caught.String(); !strings.Contains(text, "3/3 TestA\n") || !strings.Contains(text, "it was 1 | 2") {
		t.Errorf("it reads %s", text)
	}
	const want = "| rule | taken out | of | red |\n|---|---|---|---|\n" +
		"| One looks. | nothing is looked at | `a/b.go` | 3/3 `TestA`, 2/3 `TestB` |\n" +
		"| One looks. | nothing is looked at | `a/b.go` | not run: its Old is gone |\n"
	if got := Markdown([]Result{survived, failed}); got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}
