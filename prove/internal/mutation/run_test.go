package mutation

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run_test.go tries rules of a tiny module, of which one can be taken out and
// nobody notices.

const (
	tiny = `package tiny

// Half halves what is even.
func Half(n int) int {
	if n%2 != 0 {
		return n
	}
	return n / 2
}
`
	tinyTest = `package tiny

import (
	"os"
	"testing"
)

func TestEven(t *testing.T) {
	if n := Half(4); n != 2 {
		t.Errorf("the half of 4 is %d", n)
	}
}

func TestOdd(t *testing.T) {
	if n := Half(3); n != 3 {
		t.Errorf("3 was halved: %d", n)
	}
}

func TestEvenAsItIs(t *testing.T) { t.Error("red as it is") } // its name begins as that of another

// TestSometimes is red when the rule for what is odd is gone, but for the first time.
func TestSometimes(t *testing.T) {
	if Half(3) == 3 {
		return
	}
	if _, err := os.Stat("once"); err != nil {
		_ = os.WriteFile("once", nil, 0o644)
		return
	}
	t.Error("seen")
}

func TestLater(t *testing.T) {
	if Half(3) != 3 {
		os.Exit(7) // nobody has failed
	}
}
`
)

// module is a repository of one package in its root, and one below.
func module(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module tiny\n\ngo 1.26\n", "inner/tiny.go": tiny, "inner/tiny_test.go": tinyTest,
	} {
		file := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestARun(t *testing.T) {
	t.Parallel()
	odd := func(name string, tests ...string) Mutation {
		return Mutation{Name: name, File: "inner/tiny.go", Old: "n%2 != 0", New: "false", Package: "inner", Tests: tests}
	}
	with := func(m Mutation, old, replaced string) Mutation { m.Old, m.New = old, replaced; return m }
	folder := module(t)
	cases := []struct {
		Mutation
		red []int  // of 3, for each test
		err string // a part of it
	}{
		{odd("caught", "TestOdd"), []int{3}, ""},
		{odd("caught by one of two", "TestOdd", "TestEven"), []int{3, 0}, ""},
		{odd("caught now and then", "TestSometimes"), []int{2}, ""},
		{with(odd("a comment", "TestOdd", "TestEven"), "// Half halves", "// Half does not halve"), []int{0, 0}, ""},
		{with(odd("a panic", "TestEven"), "return n / 2", "panic(n)"), []int{3}, ""},
		{with(odd("gone", "TestOdd"), "n%3 != 0", "false"), nil, "stands 0 times in inner/tiny.go"},
		{with(odd("does not compile", "TestOdd"), "n%2 != 0", "m"), nil, "it does not compile"},
		{odd("red without it", "TestEvenAsItIs"), nil, "TestEvenAsItIs fails without it: red as it is"},
		{odd("no such test", "TestOd"), nil, "there is no test TestOd in inner"},
		{odd("neither red nor green", "TestLater"), nil, "TestLater was neither red nor green"},
	}
	var all []Mutation
	for _, c := range cases {
		all = append(all, c.Mutation)
	}
	ran := 0
	results, err := Runner{Root: folder, Times: 3, Workers: 2, Ran: func(Result) { ran++ }}.Run(t.Context(), all)
	if err != nil || len(results) != len(cases) || ran != len(cases) {
		t.Fatalf("%d results, %d of them told, of %d mutations: %v", len(results), ran, len(cases), err)
	}
	for i, c := range cases {
		r := results[i]
		if r.Name != c.Name || len(r.Shown) != len(c.red) || (r.Err != nil) != (c.err != "") || r.Err != nil && !strings.Contains(r.Err.Error(), c.err) {
			t.Errorf("%s: %s\nwant %d tests, and the error %q", c.Name, r, len(c.red), c.err)
			continue
		}
		caught := len(c.red) > 0
		for j, want := range c.red {
			caught = caught && want == 3
			if s := r.Shown[j]; s.Red != want || s.Of != 3 || s.Test != c.Tests[j] || (s.Said != "") != (want > 0) {
				t.Errorf("%s: %+v, want %d of 3 of %s", c.Name, s, want, c.Tests[j])
			}
		}
		if r.Caught() != caught {
			t.Errorf("%s: caught %t, want %t", c.Name, r.Caught(), caught)
		}
	}
	if text, err := os.ReadFile(filepath.Join(folder, "inner", "tiny.go")); err != nil || string(text) != tiny {
		t.Errorf("the repository itself was changed: %s, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "inner", "once")); err == nil {
		t.Error("a test ran in the repository itself")
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := Mutation{Name: "m", File: "inner/tiny.go", Old: "n%2 != 0", New: "false", Package: "inner", Tests: []string{"TestOdd"}}
	results, err := Runner{Root: module(t), Times: 1, Workers: 1, Ran: func(Result) { t.Error("a result of nothing was told") }}.Run(ctx, []Mutation{m})
	if !errors.Is(err, context.Canceled) || len(results) != 1 || results[0].Caught() {
		t.Errorf("%+v, %v", results, err)
	}
	if _, err := (Runner{Root: filepath.Join(t.TempDir(), "gone")}).Run(t.Context(), nil); err == nil {
		t.Error("a repository that is not there was tried")
	}
}
