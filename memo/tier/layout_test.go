package tier_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// layout_test.go is how an Entry and its More lie in memory where a word has 32 bits.

// TestAtomicFieldsAreAlignedOn32Bits: an atomic operation on 64 bits panics there where its field
// is not at a multiple of 8, and only what was allocated by itself begins at one. The engine
// allocates an Entry and its More at once, in this order.
func TestAtomicFieldsAreAlignedOn32Bits(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	names, _ := filepath.Glob("*.go")
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, arch := range []string{"386", "arm"} {
		sizes := types.SizesFor("gc", arch)
		conf := types.Config{Importer: importer.ForCompiler(fset, "gc", nil), Sizes: sizes}
		pkg, err := conf.Check("tier", fset, files, nil)
		if err != nil {
			t.Fatal(err)
		}
		entry, more := structOf(pkg, "Entry"), structOf(pkg, "More")
		both := types.NewStruct([]*types.Var{
			types.NewField(token.NoPos, pkg, "entry", entry, false),
			types.NewField(token.NoPos, pkg, "more", more, false),
		}, nil)
		behind := offsetOf(t, sizes, both, "more")
		for name, at := range map[string]int64{
			"Entry.Local":   offsetOf(t, sizes, entry, "Local"),
			"Entry.Checked": offsetOf(t, sizes, entry, "Checked"),
			"More.Retry":    behind + offsetOf(t, sizes, more, "Retry"),
		} {
			if at%8 != 0 {
				t.Errorf("%s: %s lies at byte %d", arch, name, at)
			}
		}
	}
}

func structOf(pkg *types.Package, name string) *types.Struct {
	return pkg.Scope().Lookup(name).Type().Underlying().(*types.Struct)
}

func offsetOf(t *testing.T, sizes types.Sizes, s *types.Struct, name string) int64 {
	t.Helper()
	var fields []*types.Var
	for f := range s.Fields() {
		fields = append(fields, f)
	}
	for i, f := range fields {
		if f.Name() == name {
			return sizes.Offsetsof(fields)[i]
		}
	}
	t.Fatalf("there is no field %s", name)
	return 0
}
