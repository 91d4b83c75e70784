package arrows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/arrows"
)

// regressions_test.go breaks the rule on the bugs that other caches had, as
// rules_test.go does the others.

// listed is a repository whose document has every case; texts has what some say.
func listed(texts map[int]string) files {
	var b strings.Builder
	b.WriteString("# Regressions\n\nR1 to R54, and `TestGone`, which nobody claims.\n\n")
	for n := 1; n <= 54; n++ {
		text, ok := texts[n]
		if !ok {
			text = "It was wrong. `TestFine`"
		}
		if text != "" {
			fmt.Fprintf(&b, "- **R%d** %s\n", n, text)
		}
	}
	return files{
		"docs/regressions.md": b.String(),
		"leaf/a_test.go":      "package leaf\nfunc TestFine() {}\nfunc FuzzFine() {}\nfunc (x) TestMethod() {}\n",
		"leaf/a.go":           "package leaf\nfunc TestOfAProgram() {}\nfunc Stale() {}\n",
		"memo/a.go":           "package memo\nimport Jitter \"fmt\"\nfunc Tags() {}\nfunc (x) Refresh() {}\nfunc batch() {}\ntype Tx struct{}\nconst (\n\tA, B = 1, 2\n)\nvar C int\n",
		"memo/a_test.go":      "package memo\nfunc StaleIfError() {}\n",
	}
}

func TestRegressionsRule(t *testing.T) {
	t.Parallel()
	const doc = "docs/regressions.md: "
	for name, c := range map[string]struct {
		files files
		want  []string // nil: nothing to find
	}{
		"a test for each":          {listed(nil), nil},
		"a fuzz test":              {listed(map[int]string{7: "`FuzzFine`"}), nil},
		"a reason":                 {listed(map[int]string{7: "Whose. Cannot arise: there are no locks."}), nil},
		"an absence":               {listed(map[int]string{7: "There is no refresh yet. `absent: memo.Stale`"}), nil},
		"on the next line":         {listed(map[int]string{7: "Long.\n  `TestFine`"}), nil},
		"a method is no function":  {listed(map[int]string{7: "`absent: memo.Refresh`, `absent: memo.Jitter`"}), nil},
		"a test's own is no API":   {listed(map[int]string{7: "`absent: memo.StaleIfError`"}), nil},
		"the document is gone":     {files{}, []string{doc + "does not exist"}},
		"a case is gone":           {listed(map[int]string{7: ""}), []string{doc + "has R7 0 times, want once"}},
		"a case is there twice":    {listed(map[int]string{7: "`TestFine`\n- **R8** `TestFine`"}), []string{doc + "has R8 2 times, want once"}},
		"a case that nobody knows": {listed(map[int]string{54: "`TestFine`\n- **R55** `TestFine`"}), []string{doc + "has R55, and the last one is R54"}},
		"no test and no reason":    {listed(map[int]string{7: "It was wrong."}), []string{doc + "R7 has no test, and no reason to have none"}},
		"the test of the next item": {listed(map[int]string{7: "It was wrong.\n- See `TestFine`"}),
			[]string{doc + "R7 has no test, and no reason to have none"}},
		"the test of the next section": {listed(map[int]string{7: "It was wrong.\n## Next\n`TestFine`\n"}),
			[]string{doc + "R7 has no test, and no reason to have none"}},
		"a test that is gone":            {listed(map[int]string{7: "`TestFine`, `TestGone`"}), []string{doc + "R7 names TestGone, and there is no such test"}},
		"a test where go does not look":  {listed(map[int]string{7: "`TestOfAProgram`"}), []string{doc + "R7 names TestOfAProgram, and there is no such test"}},
		"a method that looks like one":   {listed(map[int]string{7: "`TestMethod`"}), []string{doc + "R7 names TestMethod, and there is no such test"}},
		"what was absent is a function":  {listed(map[int]string{20: "`absent: memo.Tags`"}), []string{doc + "R20: memo.Tags exists now: name the test"}},
		"what was absent is a type":      {listed(map[int]string{27: "`absent: memo.Tx`"}), []string{doc + "R27: memo.Tx exists now: name the test"}},
		"what was absent is a constant":  {listed(map[int]string{27: "`absent: memo.B`"}), []string{doc + "R27: memo.B exists now: name the test"}},
		"what was absent, with its test": {listed(map[int]string{20: "`absent: memo.Tags` `TestFine`"}), []string{doc + "R20: memo.Tags exists now: name the test"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := arrows.Regressions(c.files.tree(t)); !slices.Equal(got, c.want) {
				t.Errorf("found %q,\n want %q", got, c.want)
			}
		})
	}
}
