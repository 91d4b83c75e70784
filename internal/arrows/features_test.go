package arrows_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/arrows"
)

// features_test.go breaks the rule on the features in copies of the document that hold
// all rows.

// allRows is a document without a fault: what the rule misses in an empty one.
func allRows(t *testing.T) (lines []string) {
	t.Helper()
	missing := regexp.MustCompile(`^docs/features.md: has row (.*) 0 times, want once$`)
	for _, f := range arrows.Features(files{"docs/features.md": "# F\n"}.tree(t)) {
		m := missing.FindStringSubmatch(f)
		if m == nil {
			t.Fatalf("an empty document: %s", f)
		}
		lines = append(lines, "| "+m[1]+" | a \\| b | `b` | does not apply: WHY |")
	}
	return lines
}

func TestFeatureRules(t *testing.T) {
	t.Parallel()
	all := allRows(t)
	const are = "package features_test\nimport \"testing\"\nfunc TestC04_A(t *testing.T) {}\nfunc TestOther(t *testing.T) {}\nfunc TestTen03_A(t *testing.T) {}\n"
	row := func(id, last string) string { return fmt.Sprintf("| %s | a | b | %s |", id, last) }
	for name, c := range map[string]struct {
		id   string
		line string // in its place; "" takes it out
		more string // a line at the end
		want []string
	}{
		"all rows":                     {id: "C-1", line: row("C-01", "does not apply: WHY")},
		"a row with its test":          {id: "C-4", line: row("C-04", "`TestC04_A`")},
		"a row with several":           {id: "C-4", line: row("C-04", "`TestOther`, `TestC04_A`")},
		"a row that comes next":        {id: "C-38", line: row("C-38", "next: signals; today `TestOther`")},
		"a behaviour":                  {id: "T-3", line: row("T-03", "`TestTen03_A`")},
		"a ported test":                {id: "cacheme test_tags", line: row("cacheme test_tags", "`TestOther`")},
		"a row that is missing":        {id: "K-36", want: []string{"docs/features.md: has row K-36 0 times, want once"}},
		"a ported test that is lost":   {id: "cacheme-go TestGetM", want: []string{"docs/features.md: has row cacheme-go TestGetM 0 times, want once"}},
		"a row twice":                  {more: row("X-08", "does not apply: WHY"), want: []string{"docs/features.md: has row X-8 2 times, want once"}},
		"a row of nothing":             {more: row("X-09", "does not apply: WHY"), want: []string{"docs/features.md:N: has a row X-09, and there is no such thing"}},
		"a line that is no row":        {more: "| C-04 | `TestC04_A`", want: []string{"docs/features.md:N: begins as a row and is none: | row | what the package does | here | test |"}},
		"a test that is gone":          {id: "C-5", line: row("C-05", "`TestC05_A`"), want: []string{"docs/features.md:N: row C-5 names TestC05_A, and there is no such test"}},
		"a test of another row alone":  {id: "C-5", line: row("C-05", "`TestOther`"), want: []string{"docs/features.md:N: row C-5 names no test that is called TestC05_..."}},
		"neither a test nor a reason":  {id: "C-5", line: row("C-05", "later"), want: []string{"docs/features.md:N: row C-5 has no test, and no reason to have none"}},
		"an excuse without a reason":   {id: "C-5", line: row("C-05", "does not apply: "), want: []string{"docs/features.md:N: row C-5 has no test, and no reason to have none"}},
		"a row that has to be there":   {id: "C-5", line: row("C-05", "next: WHY"), want: []string{"docs/features.md:N: row C-5 comes next, and it was agreed that it is there now"}},
		"a ported test without a test": {id: "cacheme test_tags", line: row("cacheme test_tags", ""), want: []string{"docs/features.md:N: row cacheme test_tags has no test, and no reason to have none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := slices.Clone(all)
			n := len(lines) + 1
			for i, line := range lines {
				if !strings.HasPrefix(line, "| "+c.id+" |") {
					continue
				}
				lines[i], n = c.line, i+1
			}
			want := slices.Clone(c.want)
			for i := range want {
				want[i] = strings.Replace(want[i], ":N:", fmt.Sprintf(":%d:", n), 1)
			}
			for id, test := range map[string]string{"C-4": "TestC04_A", "T-3": "TestTen03_A"} {
				if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| "+id+" |") }); i >= 0 {
					lines[i] = row(id, "`"+test+"`")
				}
			}
			tree := files{"docs/features.md": strings.Join(append(lines, c.more), "\n") + "\n", "internal/features/c_test.go": are}.tree(t)
			if got := arrows.Features(tree); !slices.Equal(got, want) {
				t.Errorf("found %q,\n want %q", got, want)
			}
		})
	}
	t.Run("a test that its row does not name", func(t *testing.T) {
		t.Parallel()
		tree := files{"docs/features.md": strings.Join(all, "\n") + "\n", "internal/features/c_test.go": are}.tree(t)
		want := []string{"docs/features.md: row C-4 does not name TestC04_A", "docs/features.md: row T-3 does not name TestTen03_A"}
		if got := arrows.Features(tree); !slices.Equal(got, want) {
			t.Errorf("found %q,\n want %q", got, want)
		}
	})
}
