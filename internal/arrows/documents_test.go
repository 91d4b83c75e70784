package arrows_test

import (
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/arrows"
)

// documents_test.go breaks the rules on what documents show, as rules_test.go does
// the others.

func commands(t *arrows.Tree) []string { return arrows.Commands(t, "go") }

func examples(t *arrows.Tree) []string {
	return arrows.Examples(t, []string{"memo/tier"}, []arrows.Shown{{"kit", "Exercise", "show TestExercise", "WHY"}})
}

func sh(line string) files {
	return files{
		"docs/a.md":  "# A\n\n```sh\n" + line + "\n```\n",
		"Makefile":   ".PHONY: test\ntest: tools ## all\n\tgo test\nbench:\n",
		"x/Makefile": "deep:\n", "x/a.go": "package x\n", "scripts/need": "#!/bin/sh\n",
	}
}

// shown are the packages that the rule of the Examples reads.
func shown(more files) files {
	all := files{
		"kit/kit.go":        "package kit\nfunc Exercise() {}\n",
		"show/kit_test.go":  "package show\nfunc TestExercise() {}\n",
		"memo/tier/tier.go": "package tier\ntype Local interface { Get(); Set() }\n",
	}
	for p, text := range more {
		all[p] = text
	}
	return all
}

const (
	code = "package leaf\n\nfunc a() {\n\tif true {\n\t\tb()\n\n\t\tc()\n\t}\n}\n"
	lost = ": shows Go that no file of the repository has, so nobody has compiled it"
	out  = "\t// Output: 1\n}\n"
)

func snippet(body string) string { return "# A\n\n```go\n" + body + "```\n" }

func TestDocumentRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule  func(*arrows.Tree) []string
		files files
		want  []string
	}{
		"a whole function":                    {arrows.Snippets, files{"docs/a.md": snippet("func a() {\n\tif true {\n\t\tb()\n\n\t\tc()\n\t}\n}\n"), "leaf/a_test.go": code}, nil},
		"lines of a function":                 {arrows.Snippets, files{"README.md": snippet("b()\n\nc()\n"), "leaf/a.go": code}, nil},
		"a block in a list":                   {arrows.Snippets, files{"docs/a.md": "- a\n\n  ```go\n  if true {\n  \tb()\n  ```\n", "leaf/a.go": code}, nil},
		"a nested module":                     {arrows.Snippets, files{"docs/a.md": snippet("b()\n"), "bench/go.mod": nested, "bench/a.go": code}, nil},
		"other languages":                     {arrows.Snippets, files{"docs/a.md": "```text\nd()\n```\n```\nd()\n```\n\n    d()\n"}, nil},
		"an empty block":                      {arrows.Snippets, files{"docs/a.md": snippet("\n"), "leaf/a.go": code}, []string{"docs/a.md:4" + lost}},
		"a block that nothing has":            {arrows.Snippets, files{"docs/a.md": "# A\n\n" + snippet("d()\n"), "leaf/a.go": code}, []string{"docs/a.md:6" + lost}},
		"a block without an end":              {arrows.Snippets, files{"docs/a.md": "```go\nd()\n", "leaf/a.go": code}, []string{"docs/a.md:2" + lost}},
		"a line that was left out":            {arrows.Snippets, files{"docs/a.md": snippet("b()\nc()\n"), "leaf/a.go": code}, []string{"docs/a.md:4" + lost}},
		"a line that differs":                 {arrows.Snippets, files{"docs/a.md": snippet("b()\n\nC()\n"), "leaf/a.go": code}, []string{"docs/a.md:4" + lost}},
		"a line that is indented further":     {arrows.Snippets, files{"docs/a.md": snippet("b()\n\n\tc()\n"), "leaf/a.go": code}, []string{"docs/a.md:4" + lost}},
		"the end of a line":                   {arrows.Snippets, files{"docs/a.md": snippet("true {\n"), "leaf/a.go": code}, []string{"docs/a.md:4" + lost}},
		"a block in a comment":                {arrows.Snippets, files{"docs/a.md": snippet("d()\n"), "leaf/a.go": "package leaf\n/*\nd()\n*/\n"}, []string{"docs/a.md:4" + lost}},
		"a block in a string":                 {arrows.Snippets, files{"docs/a.md": snippet("d()\n"), "leaf/a.go": "package leaf\nconst s = `\nd()\n`\n"}, []string{"docs/a.md:4" + lost}},
		"a block with a string":               {arrows.Snippets, files{"docs/a.md": snippet("const s = `\nd()\n`\n"), "leaf/a.go": "package leaf\nconst s = `\nd()\n`\n"}, nil},
		"a block with the begin of a string":  {arrows.Snippets, files{"docs/a.md": snippet("const s = `\nd()\n"), "leaf/a.go": "package leaf\nconst s = `\nd()\n`\n"}, nil},
		"a block below a comment":             {arrows.Snippets, files{"docs/a.md": snippet("b()\n"), "leaf/a.go": "package leaf\n\n// c\nfunc a() {\n\tb()\n}\n"}, nil},
		"a block in a file that go overlooks": {arrows.Snippets, files{"docs/a.md": snippet("b()\n"), "leaf/testdata/a.go": code, "leaf/b.go": "\n//go:build ignore\n\n" + code}, []string{"docs/a.md:4" + lost}},

		"commands that exist": {commands, sh("make test # all\ngo run ./x -a\nA=1 go test ./... && cd x && make deep\nmake -C x deep FUZZTIME=9x\n./scripts/need a\nscripts/need a\n"), nil},
		"no such target":      {commands, sh("make tset"), []string{`docs/a.md:4: says "make tset", and Makefile has no target tset`}},
		"no such target there": {commands, sh("cd x && make test"),
			[]string{`docs/a.md:4: says "cd x && make test", and x/Makefile has no target test`}},
		"no such target below":      {commands, sh("make -C x test"), []string{`docs/a.md:4: says "make -C x test", and x/Makefile has no target test`}},
		"no such folder":            {commands, sh("\ngo test -race ./y/..."), []string{`docs/a.md:5: says "go test -race ./y/...", and there is no y`}},
		"no such folder to go to":   {commands, sh("cd y && go test"), []string{`docs/a.md:4: says "cd y && go test", and there is no y`}},
		"no such command":           {commands, sh("gmake test"), []string{`docs/a.md:4: says "gmake test", and there is no command gmake`}},
		"no such command after one": {commands, sh("go vet ./x && X=1 wrk ."), []string{`docs/a.md:4: says "go vet ./x && X=1 wrk .", and there is no command wrk`}},
		"what is not to be typed":   {commands, files{"docs/a.md": "```text\nmake tset\n```\n"}, nil},

		"verbs with examples": {examples, shown(files{
			"leaf/a.go":      "package leaf\ntype T struct{}\ntype l struct{}\nfunc Do() {}\nfunc (T) Do() {}\nfunc (*T) Error() {}\nfunc (l) Do() {}\nfunc do() {}\n",
			"leaf/a_test.go": "package leaf_test\nfunc ExampleDo_twice() {\n" + out + "func ExampleT_Do() {\n" + out + "func Do() {}\n",
		}), nil},
		"verbs of an interface": {examples, shown(files{"leaf/a.go": "package leaf\ntype T[V any] struct{}\nfunc (*T[V]) Get() {}\nfunc (*T[V]) Set() {}\n"}), nil},
		"half an interface":     {examples, shown(files{"leaf/a.go": "package leaf\ntype T struct{}\nfunc (*T) Get() {}\n"}), []string{"leaf/a.go:3: no Example with an Output shows T_Get: write ExampleT_Get"}},
		"no examples": {examples, shown(files{"leaf/a.go": "package leaf\ntype T struct{}\nfunc Do() {}\nfunc (T) Do() {}\n"}),
			[]string{"leaf/a.go:3: no Example with an Output shows Do: write ExampleDo", "leaf/a.go:4: no Example with an Output shows T_Do: write ExampleT_Do"}},
		"examples that do not run": {examples, shown(files{"leaf/a.go": "package leaf\nfunc Do() {}\n",
			"leaf/a_test.go": "package leaf_test\nfunc ExampleDo() {\n\t// Output: 1\n\t// then more\n\n\t// the end\n}\n"}),
			[]string{"leaf/a.go:2: no Example with an Output shows Do: write ExampleDo"}},
		"examples where go test does not look": {examples, shown(files{"leaf/a.go": "package leaf\nfunc Do() {}\nfunc ExampleDo() {\n" + out}),
			[]string{"leaf/a.go:2: no Example with an Output shows Do: write ExampleDo", "leaf/a.go:3: no Example with an Output shows ExampleDo: write ExampleExampleDo"}},
		"nobody's verbs": {examples, shown(files{"internal/x/a.go": "package x\nfunc Do() {}\n", "bench/a.go": "package bench\nfunc Do() {}\n", "cmd/a.go": "package main\nfunc Do() {}\n"}), nil},
		"verbs shown by nobody": {examples, shown(files{"show/kit_test.go": "package show\n"}),
			[]string{"kit/kit.go:2: Exercise is said to be shown by show TestExercise, which does not exist"}},
		"verbs that are gone": {examples, shown(files{"kit/kit.go": "package kit\n"}), []string{"kit: has no Exercise that would have to be shown elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.rule(c.files.tree(t)); !slices.Equal(got, c.want) {
				t.Errorf("found %q,\n want %q", got, c.want)
			}
		})
	}
}
