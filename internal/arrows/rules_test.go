package arrows_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/tiermemo/tiermemo/internal/arrows"
)

// rules_test.go breaks every rule in a small tree, and sees that it is found
// there and that the nearest lawful thing is not.

// files is a repository by path; a go.mod and the table below are added.
type files map[string]string

func table() []arrows.Row {
	return []arrows.Row{
		{Folder: "leaf", Why: "LEAF"},
		{Folder: "kit", Tests: true, Why: "KIT"},
		{Folder: "top", Ours: []string{"leaf"}, Theirs: []string{"example.org/lru/v2"}, Why: "TOP"},
		{Folder: "show", Ours: []string{"public"}, Why: "SHOW"},
		{Folder: "internal/secret", Why: "SECRET"},
		{Folder: "bench/...", Ours: []string{"top"}, Why: "BENCH"},
	}
}

func imports(t *arrows.Tree) []string  { return arrows.Imports(t, table()) }
func linked(t *arrows.Tree) []string   { return arrows.Testing(t, table()) }
func rows(t *arrows.Tree) []string     { return arrows.Rows(t, table()[:1]) }
func sleepers(t *arrows.Tree) []string { return arrows.NoSleep(t, permits()) }
func skippers(t *arrows.Tree) []string { return arrows.NoSkip(t, permits()) }
func leaky(t *arrows.Tree) []string {
	return arrows.LeakChecks(t, []arrows.Permit{{Folder: "kit", Func: "TestMain"}})
}

func permits() []arrows.Permit { return []arrows.Permit{{Folder: "kit", Func: "Permitted"}} }

const (
	nested  = "module example.org/m/bench\nrequire (\n\texample.org/peer v1.0.0\n)\n"
	sleep   = "\t\"time\"\n)\nfunc TestX(t *testing.T) { time.Sleep(1) }\n"
	header  = "package leaf\nimport (\n\t\"testing\"\n"
	test    = "package leaf\nimport \"testing\"\n"
	promise = "docs/guarantees.md"
	later   = "TO" + "DO"
	work    = "/wo" + "rk/x"
	leaves  = "its tests do not look for goroutines that they leave behind: add func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule  func(*arrows.Tree) []string
		files files
		want  []string // nil: nothing to find
	}{
		"an arrow of the table": {imports, files{"top/a.go": "package top\nimport (\n\t\"fmt\"\n\t\"example.org/m/leaf\"\n\t\"example.org/lru/v2/simple\"\n)\n"}, nil},
		"an arrow upwards": {imports, files{"leaf/a.go": "package leaf\nimport _ \"example.org/m/top\"\n"},
			[]string{"leaf/a.go:2: imports top, but of ours it may import only nothing: LEAF"}},
		"a module of others": {imports, files{"leaf/a.go": "package leaf\n\nimport \"example.org/lru/v2\"\n"},
			[]string{"leaf/a.go:3: imports example.org/lru/v2, but of others it may import only nothing: LEAF"}},
		"a module with a name that begins alike": {imports, files{"top/a.go": "package top\nimport \"example.org/lru/v22\"\n"},
			[]string{"top/a.go:2: imports example.org/lru/v22, but of others it may import only example.org/lru/v2: TOP"}},
		"a package without a row": {imports, files{"new/a.go": "package fresh\n", "new/b.go": "package fresh\n"},
			[]string{"new: this package is not in the table of internal/arrows: add a row that says what it may import, with the reason"}},
		"a package below one with a row": {imports, files{"leaf/new/a.go": "package fresh\n"},
			[]string{"leaf/new: this package is not in the table of internal/arrows: add a row that says what it may import, with the reason"}},
		"a test imports what it likes of ours": {imports, files{"leaf/a_test.go": "package leaf_test\nimport (\n\t_ \"example.org/m/top\"\n\t_ \"example.org/leak\"\n)\n"}, nil},
		"a test imports what go.mod does not require": {imports, files{"leaf/a_test.go": "package leaf_test\nimport _ \"example.org/assert\"\n"},
			[]string{"leaf/a_test.go:2: imports example.org/assert, which the go.mod of its module does not require"}},
		"public is what a user sees": {imports, files{"show/a.go": "package show\nimport (\n\t\"example.org/m/top\"\n\t\"example.org/m/kit\"\n)\n"}, nil},
		"public is not internal, nor bench": {imports, files{"show/a.go": "package show\nimport (\n\t\"example.org/m/internal/secret\"\n\t\"example.org/m/bench\"\n)\n"},
			[]string{
				"show/a.go:3: imports internal/secret, but of ours it may import only public: SHOW",
				"show/a.go:4: imports bench, but of ours it may import only public: SHOW",
			}},
		"a nested module uses itself and what it requires": {imports, files{"bench/go.mod": nested,
			"bench/peers/a.go": "package peers\nimport (\n\t\"example.org/m/bench\"\n\t\"example.org/m/top\"\n\t\"example.org/peer/x\"\n)\n"}, nil},
		"a nested module obeys the table": {imports, files{"bench/go.mod": nested,
			"bench/peers/a.go": "package peers\nimport (\n\t\"example.org/m/leaf\"\n\t\"example.org/lru/v2\"\n)\n"},
			[]string{
				"bench/peers/a.go:3: imports leaf, but of ours it may import only top: BENCH",
				"bench/peers/a.go:4: imports example.org/lru/v2, which the go.mod of its module does not require",
			}},
		"testdata is nobody's package": {imports, files{"leaf/testdata/a.go": "package broken\nimport \"example.org/any\"\n", "_old/a.go": "package old\n"}, nil},

		"testing in a program": {linked, files{"top/a.go": "package top\nimport (\n\t\"testing\"\n\t\"testing/fstest\"\n)\n"},
			[]string{
				"top/a.go:3: imports testing outside a test: every program that uses the package would link it",
				"top/a.go:4: imports testing/fstest outside a test: every program that uses the package would link it",
			}},
		"testing in tests and kits": {linked, files{"kit/a.go": "package kit\nimport \"testing\"\n", "top/a_test.go": "package top\nimport \"testing\"\n"}, nil},

		"a row without a package": {rows, files{"leaf/readme.txt": "soon"}, []string{"leaf: the table of internal/arrows has a row for it, and it holds no Go file"}},
		"a row with a package":    {rows, files{"leaf/a.go": "package leaf\n"}, nil},

		"no package comment": {arrows.PackageDocs, files{"leaf/a.go": "package leaf\n"}, []string{"leaf: 0 package comments, want exactly one"}},
		"two package comments": {arrows.PackageDocs, files{"leaf/a.go": "// Package leaf.\npackage leaf\n", "leaf/b.go": "// Package leaf!\npackage leaf\n"},
			[]string{"leaf: 2 package comments, want exactly one"}},
		"one package comment": {arrows.PackageDocs, files{"leaf/a.go": "// Package leaf.\npackage leaf\n", "leaf/b.go": "// b.go\n\npackage leaf\n", "leaf/b_test.go": "// T\npackage leaf\n"}, nil},

		"a replace in the root": {arrows.NoReplace, files{"go.mod": "module example.org/m\n\nreplace example.org/x => ../x\n"},
			[]string{"go.mod: has a replace, which whoever requires this module does not see"}},
		"a replace below": {arrows.NoReplace, files{"bench/go.mod": "module example.org/m/bench\nreplace example.org/m => ../\n"}, nil},

		"a promise":      {arrows.Finished, files{"leaf/a.go": "package leaf\n\n// " + later + "(me): more\n"}, []string{"leaf/a.go:3: says " + later + ": do it, or open an issue"}},
		"no promise":     {arrows.Finished, files{"leaf/a.go": "package leaf\n\n// XXXL, and a todo list\n"}, nil},
		"a long file":    {arrows.ShortFiles, files{"leaf/a.go": "package leaf\n" + blank(300)}, []string{"leaf/a.go: 301 lines, more than 300: it holds two ideas"}},
		"a full file":    {arrows.ShortFiles, files{"leaf/a.go": "package leaf\n" + blank(299)}, nil},
		"a long test":    {arrows.ShortFiles, files{"leaf/a_test.go": "package leaf\n" + blank(300)}, nil},
		"a machine path": {arrows.NoMachinePaths, files{"a.yml": "a:\n  run: cd " + work + "\n"}, []string{`a.yml:2: says "/wo` + `rk/", a path of one machine`}},
		"a path to the neighbours": {arrows.NoMachinePaths, files{".ci/run": "cat .." + "/shared/x\n"},
			[]string{`.ci/run:1: says "..` + `/shared", a path of one machine`}},
		"a path of the web":    {arrows.NoMachinePaths, files{"a.md": "https://example.org" + work + "\nnet" + work}, nil},
		"a path in a binary":   {arrows.NoMachinePaths, files{"a.bin": "\x00 " + work}, nil},
		"a path git ignores":   {arrows.NoMachinePaths, files{".gitignore": "# mine\n*.out\n/tmp/\n", "x/a.out": work, "tmp/b": work}, nil},
		"a path git looks at":  {arrows.NoMachinePaths, files{".gitignore": "/tmp/\n", "x/tmp/b": work}, []string{`x/tmp/b:1: says "/wo` + `rk/", a path of one machine`}},
		"a path in git itself": {arrows.NoMachinePaths, files{".git/config": work}, nil},

		"a sleep":          {sleepers, files{"leaf/a_test.go": header + sleep}, []string{"leaf/a_test.go:6: TestX sleeps in real time, so it is slow or it is flaky: use testing/synctest, or wait for the event itself"}},
		"a sleep by alias": {sleepers, files{"leaf/a_test.go": "package leaf\nimport z \"time\"\nfunc pause() { z.Sleep(1) }\n"}, []string{"leaf/a_test.go:3: pause sleeps in real time, so it is slow or it is flaky: use testing/synctest, or wait for the event itself"}},
		"a sleep beside a bubble": {sleepers, files{"leaf/a_test.go": header + "\t\"testing/synctest\"\n" + sleep + "func TestY(t *testing.T) { synctest.Test(t, nil) }\n"},
			[]string{"leaf/a_test.go:7: TestX sleeps in real time, so it is slow or it is flaky: use testing/synctest, or wait for the event itself"}},
		"a sleep in a bubble": {sleepers, files{"leaf/a_test.go": header + "\t\"time\"\n\t\"testing/synctest\"\n)\nfunc TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }\nfunc pause() { time.Sleep(1) }\n"}, nil},
		"a sleep in a bubble of a helper": {sleepers, files{
			"leaf/a_test.go": header + "\t\"time\"\n)\nfunc TestX(t *testing.T) { bubble(t, func() { time.Sleep(1) }) }\n",
			"leaf/b_test.go": header + "\t\"testing/synctest\"\n)\nfunc bubble(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }\n"}, nil},
		"a sleep that is permitted": {sleepers, files{"kit/a_test.go": "package kit\nimport \"time\"\nfunc Permitted() { time.Sleep(1) }\n"}, nil},

		"a skip":                   {skippers, files{"leaf/a_test.go": test + "func TestX(t *testing.T) { t.Skip() }\n"}, []string{"leaf/a_test.go:3: TestX skips a test: make it able to run, or remove it"}},
		"a skip by a field":        {skippers, files{"leaf/a_test.go": test + "type h struct { tb testing.TB }\nfunc (h h) need() { h.tb.Skipf(\"\") }\n"}, []string{"leaf/a_test.go:4: need skips a test: make it able to run, or remove it"}},
		"a skip in a kit":          {skippers, files{"kit/a.go": "package kit\ntype TB interface{ SkipNow() }\nfunc Other(tb TB) { tb.SkipNow() }\n"}, []string{"kit/a.go:3: Other skips a test: make it able to run, or remove it"}},
		"a skip that is permitted": {skippers, files{"kit/a.go": "package kit\ntype TB interface{ SkipNow() }\nfunc Permitted(tb TB) { tb.SkipNow() }\n"}, nil},
		"somebody's own Skip":      {skippers, files{"leaf/a_test.go": test + "func TestX(t *testing.T) { middleware.Skip(t) }\n"}, nil},

		"tests that do not look for leaks": {leaky, files{"leaf/a_test.go": test + "func TestX(t *testing.T) {}\n", "top/b_test.go": "package top\nfunc FuzzY() {}\n", "top/c_test.go": "package top\nfunc ExampleZ() {}\n"},
			[]string{"leaf: " + leaves, "top: " + leaves}},
		"a TestMain that does not look": {leaky, files{"leaf/a_test.go": test + "func TestX(t *testing.T) {}\nfunc TestMain(m *testing.M) { m.Run() }\n"}, []string{"leaf: " + leaves}},
		"a TestMain of the folder above": {leaky, files{"leaf/a_test.go": "package leaf\nimport \"go.uber.org/goleak\"\nfunc TestMain() { goleak.VerifyTestMain(nil) }\n",
			"leaf/below/a_test.go": "package below\nfunc TestX() {}\n"}, []string{"leaf/below: " + leaves}},
		"goleak in a file without TestMain": {leaky, files{"leaf/a_test.go": "package leaf\nimport \"go.uber.org/goleak\"\nfunc TestX() { goleak.VerifyNone(nil) }\n",
			"leaf/b_test.go": "package leaf\nfunc TestMain() {}\n"}, []string{"leaf: " + leaves}},
		"a TestMain that looks": {leaky, files{"leaf/a_test.go": "package leaf_test\nimport leak \"go.uber.org/goleak\"\nfunc TestMain() { leak.VerifyTestMain(nil) }\n",
			"leaf/b_test.go": "package leaf\nfunc TestX() {}\n"}, nil},
		"a TestMain that does more": {leaky, files{"leaf/a_test.go": "package leaf\nimport \"go.uber.org/goleak\"\nfunc TestX() {}\nfunc TestMain() { look() }\nfunc look() { goleak.Find() }\n"}, nil},
		"test files without a test": {leaky, files{"leaf/a_test.go": "package leaf\nfunc helper() {}\n"}, nil},
		"leaks that are allowed":    {leaky, files{"kit/a_test.go": "package kit\nfunc TestX() {}\n"}, nil},

		"links that lead somewhere": {arrows.Links, files{
			"README.md":     "# Here\n[a](docs/a.md#at-the-top-of-memodo) [b](https://example.org/b#b) [c](#here) ![d](docs/d.png \"title\") [e](docs/) `[x](y)`\n\n```go\nm[k](x)\n```\n[ref]: LICENSE\n",
			"docs/a.md":     "## At the top, of `memo.Do`\n[up](../README.md#here) [root](/LICENSE) [line](../a.go#L1)\n# Twice\n# Twice\n[2](#twice-1)",
			"a.go":          "package a\n",
			"docs/d.png":    "\x00",
			"LICENSE":       "",
			"testdata/x.md": "[x](nowhere)",
		}, nil},
		"a link to nothing":      {arrows.Links, files{"docs/a.md": "[a](a.md) [b](b.md#top)"}, []string{"docs/a.md: links to b.md#top, which does not exist"}},
		"a reference to nothing": {arrows.Links, files{"README.md": "see [a]\n\n[a]: docs/a.md\n"}, []string{"README.md: links to docs/a.md, which does not exist"}},
		"a link to no heading": {arrows.Links, files{"docs/a.md": "# A\n[a](b.md#a) [b](#b)\n```sh\n# b\n```\n", "docs/b.md": "# B\n"},
			[]string{"docs/a.md: links to b.md#a, and there is no such heading", "docs/a.md: links to #b, and there is no such heading"}},
		"a link after some code": {arrows.Links, files{"README.md": "```\nx\n```\n[a](gone.md)\n```\ny\n```\n"}, []string{"README.md: links to gone.md, which does not exist"}},

		"promises with tests": {arrows.Guarantees, files{promise: "G1 and G12: TestG01_Once, TestG12_Types", "leaf/a_test.go": "package leaf\nfunc TestG01_Once() {}\nfunc TestG12_Types() {}\n"}, nil},
		"no promises at all":  {arrows.Guarantees, files{}, []string{"docs/guarantees.md: does not exist"}},
		"a promise without a test": {arrows.Guarantees, files{promise: "G1, G2", "leaf/a_test.go": "package leaf\nfunc TestG02_X() {}\n"},
			[]string{"docs/guarantees.md: promises G1, and no test is called TestG01_..."}},
		"a test that is gone": {arrows.Guarantees, files{promise: "G2: TestG02_Gone", "leaf/a_test.go": "package leaf\nfunc TestG02_X() {}\n"},
			[]string{"docs/guarantees.md: names TestG02_Gone, and there is no such test"}},
		"a test where go test does not look": {arrows.Guarantees, files{promise: "G1: TestG01_X", "leaf/a.go": "package leaf\nfunc TestG01_X() {}\n"},
			[]string{"docs/guarantees.md: names TestG01_X, and there is no such test", "docs/guarantees.md: promises G1, and no test is called TestG01_..."}},
		"a test without a promise": {arrows.Guarantees, files{promise: "none", "leaf/a_test.go": "package leaf\nfunc TestG03_X() {}\n"},
			[]string{"docs/guarantees.md: does not promise what TestG03_X shows"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.rule(c.files.tree(t)); !slices.Equal(got, c.want) {
				t.Errorf("found %q,\n want %q", got, c.want)
			}
		})
	}
}

func TestAFileThatDoesNotParseIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := arrows.Read(fstest.MapFS{"a.go": {Data: []byte("package")}}); err == nil {
		t.Error("Read had no objection")
	}
}

func (f files) tree(t *testing.T) *arrows.Tree {
	t.Helper()
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module example.org/m\n\nrequire example.org/leak v1.0.0\n")}}
	for p, text := range f {
		fsys[p] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := arrows.Read(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func blank(lines int) string { return string(slices.Repeat([]byte{'\n'}, lines)) }
