package arrows_test

import (
	"os"
	"testing"

	"github.com/tiermemo/tiermemo/internal/arrows"
)

// house_test.go holds this repository to the rules.

func repository(t *testing.T) *arrows.Tree {
	t.Helper()
	tree, err := arrows.Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestHouse(t *testing.T) {
	t.Parallel()
	tree := repository(t)
	for name, found := range map[string][]string{
		"imports":       arrows.Imports(tree, arrows.Table()),
		"testing":       arrows.Testing(tree, arrows.Table()),
		"package docs":  arrows.PackageDocs(tree),
		"no replace":    arrows.NoReplace(tree),
		"finished":      arrows.Finished(tree),
		"short files":   arrows.ShortFiles(tree),
		"machine paths": arrows.NoMachinePaths(tree),
		"no sleep":      arrows.NoSleep(tree, arrows.Sleeps()),
		"no skip":       arrows.NoSkip(tree, arrows.Skips()),
		"leak checks":   arrows.LeakChecks(tree, arrows.LeaksAllowed()),
		"links":         arrows.Links(tree),
		"snippets":      arrows.Snippets(tree),
		"commands":      arrows.Commands(tree, "go", "memcached"),
		"examples":      arrows.Examples(tree, []string{"memo/tier", "memo/codec"}, arrows.ShownElsewhere()),
		"rows":          arrows.Rows(tree, arrows.Table()),
		"guarantees":    arrows.Guarantees(tree),
		"regressions":   arrows.Regressions(tree),
		"features":      arrows.Features(tree),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range found {
				t.Error(f)
			}
		})
	}
}
