package arrows

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Tree is the repository as the rules see it: every file that git would not
// ignore, read once. tree.go is the only file that reads.
type Tree struct {
	Text []*File // text files, Go included, by path
	Go   []*File // those of Text that belong to a package

	exists  map[string]bool // files and folders, whatever they hold
	modules []module        // the root's last
	fset    *token.FileSet
}

// A File is a text file; Syntax is nil unless it is a Go file of a package.
type File struct {
	Path   string
	Text   string
	Syntax *ast.File
	Test   bool // *_test.go

	fset *token.FileSet
}

// A module is a folder with a go.mod.
type module struct {
	folder   string // "." for the root
	name     string
	requires []string
}

var (
	moduleLine  = regexp.MustCompile(`(?m)^module\s+(\S+)`)
	requireLine = regexp.MustCompile(`(?m)^\s*(?:require\s+)?([\w-]+\.\S+)\s+v\d`)
)

// Read reads a repository. It fails on a Go file that does not parse: no rule
// has an opinion on half a package.
func Read(fsys fs.FS) (*Tree, error) {
	t := &Tree{exists: map[string]bool{}, fset: token.NewFileSet()}
	ignored := ignoredBy(fsys)
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // somebody's temporary file came and went
		case err != nil:
			return err
		case d.Name() == ".git" || p != "." && ignored(p):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		t.exists[p] = true
		if !d.Type().IsRegular() {
			return nil
		}
		return t.add(fsys, p)
	})
	slices.SortFunc(t.modules, func(a, b module) int { return len(b.folder) - len(a.folder) })
	return t, err
}

func (t *Tree) add(fsys fs.FS, p string) error {
	text, err := fs.ReadFile(fsys, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
		return nil
	}
	f := &File{Path: p, Text: string(text), fset: t.fset}
	t.Text = append(t.Text, f)
	if outside(p) {
		return nil
	}
	switch {
	case path.Base(p) == "go.mod":
		t.modules = append(t.modules, newModule(path.Dir(p), f.Text))
	case path.Ext(p) == ".go":
		f.Test = strings.HasSuffix(p, "_test.go")
		f.Syntax, err = parser.ParseFile(t.fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
		t.Go = append(t.Go, f)
	}
	return err
}

// outside reports whether the go command overlooks p.
func outside(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool {
		return part == "testdata" || strings.HasPrefix(part, "_") || strings.HasPrefix(part, ".") && part != "."
	})
}

// ignoredBy understands as much of .gitignore as ours needs: a name, or a path
// from the root, with * in it.
func ignoredBy(fsys fs.FS) func(p string) bool {
	text, _ := fs.ReadFile(fsys, ".gitignore")
	var patterns []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			patterns = append(patterns, strings.TrimSuffix(line, "/"))
		}
	}
	return func(p string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			name := path.Base(p)
			if strings.Contains(pattern, "/") {
				pattern, name = strings.TrimPrefix(pattern, "/"), p
			}
			ok, _ := path.Match(pattern, name)
			return ok
		})
	}
}

func newModule(folder, text string) module {
	m := module{folder: folder}
	if name := moduleLine.FindStringSubmatch(text); name != nil {
		m.name = name[1]
	}
	for _, line := range requireLine.FindAllStringSubmatch(text, -1) {
		m.requires = append(m.requires, line[1])
	}
	return m
}

// module returns the module that a file belongs to: the nearest go.mod's.
func (t *Tree) module(p string) module {
	for _, m := range t.modules {
		if m.folder == "." || within(p, []string{m.folder}) {
			return m
		}
	}
	return module{folder: "."}
}

func (m module) nested() bool { return m.folder != "." }

// holds reports whether a folder is in this very module; the root's own packages
// are judged by the table.
func (m module) holds(folder string) bool { return m.nested() && within(folder, []string{m.folder}) }

// ours returns the folder of an import path that lies in this repository.
func (t *Tree) ours(importPath string) (folder string, ok bool) {
	root := t.module(".").name
	if root == "" || !within(importPath, []string{root}) {
		return "", false
	}
	return path.Join(".", strings.TrimPrefix(importPath, root)), true
}

// An imported is one line of an import declaration.
type imported struct {
	path string
	name string // how the file calls it, as far as the path tells
	pos  token.Pos
}

func (f *File) imports() (list []imported) {
	for _, spec := range f.Syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		i := imported{path: p, name: path.Base(p), pos: spec.Pos()}
		if spec.Name != nil {
			i.name = spec.Name.Name
		}
		list = append(list, i)
	}
	return list
}

// at is how a finding begins: file, line, a colon and a space.
func (f *File) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d:", f.Path, f.fset.Position(pos).Line)
}
