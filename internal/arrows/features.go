package arrows

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// features.go holds the rule on what users of four other packages find here: each
// thing that those can do has a test of ours, or says why it needs none.

const (
	features     = "docs/features.md"
	featureTests = "internal/features" // the folder of the tests that are named after a row
	doesNot      = "does not apply: "
	comesNext    = "next: "
)

var (
	featureRow  = regexp.MustCompile(`^\| *([MCUKXDT]-\d{1,2}|(?:` + strings.Join(portedFrom(), "|") + `) \w+) *\|(.*)\|([^|]*)\|\s*$`)
	looksLike   = regexp.MustCompile(`^\| *[A-Z]-\d`)
	featureTest = regexp.MustCompile(`^Test([MCUKXD]|Ten)(\d\d)_`)
)

// rowLetters are the tables of the document, and how many rows each has: the features
// of django-memoize, cacheme, django-cache-utils and django-keyedcache, what only shows
// with memcached, what the four disagree on, and what is easily forgotten.
var rowLetters = []struct {
	letter string
	rows   int
}{{"M", 34}, {"C", 56}, {"U", 33}, {"K", 36}, {"X", 8}, {"D", 10}, {"T", 10}}

// waiting are the rows that may say that they come next: pages for an operator, and
// changes that a database layer tells of by itself.
var waiting = []string{
	"C-33", "C-38", "C-39", "C-40", "C-41", "C-42", "C-43", "C-44", "C-45", "C-46",
	"K-24", "K-25", "K-26", "K-27", "K-28", "K-29", "K-30", "K-31",
	"T-7", "T-10",
	"django-cacheme test_admin", "django-cacheme test_m2m_cache_left", "django-cacheme test_m2m_cache_right", "django-cacheme test_m2m_invalid_node",
	"django-cacheme test_cache_m2m", "django-keyedcache test_basic_views",
}

// A feature is one row: what stands in its last column, and the line it is in.
type feature struct {
	line int
	last string
}

// Features finds the rows that the document has lost or has twice, the tests that it
// names and that `go test` does not run, and the rows with neither a test of their own
// nor a reason. The test of row C-04 is called TestC04_..., that of a ported test as it
// likes. A reason begins with "does not apply: ", or with "next: " where that is agreed.
func Features(t *Tree) (found []string) {
	i := slices.IndexFunc(t.Text, func(f *File) bool { return f.Path == features })
	if i < 0 {
		return []string{features + ": does not exist"}
	}
	rows, wanted := map[string][]feature{}, featureIDs()
	for n, line := range t.Text[i].lines() {
		m := featureRow.FindStringSubmatch(line)
		switch {
		case m == nil && looksLike.MatchString(line):
			found = append(found, fmt.Sprintf("%s:%d: begins as a row and is none: | row | what the package does | here | test |", features, n))
		case m == nil:
		case !slices.Contains(wanted, canonical(m[1])):
			found = append(found, fmt.Sprintf("%s:%d: has a row %s, and there is no such thing", features, n, m[1]))
		default:
			rows[canonical(m[1])] = append(rows[canonical(m[1])], feature{n, strings.TrimSpace(m[3])})
		}
	}
	tests := t.tests()
	for _, id := range wanted {
		if len(rows[id]) != 1 {
			found = append(found, fmt.Sprintf("%s: has row %s %d times, want once", features, id, len(rows[id])))
		}
		for _, row := range rows[id] {
			for _, problem := range row.problems(id, tests) {
				found = append(found, fmt.Sprintf("%s:%d: row %s %s", features, row.line, id, problem))
			}
		}
	}
	return append(found, t.unlisted(rows)...)
}

// problems says what is wrong with the last column of row id.
func (r feature) problems(id string, tests map[string]bool) (problems []string) {
	named := regressionTest.FindAllStringSubmatch(r.last, -1)
	for _, test := range named {
		if !tests[test[1]] {
			problems = append(problems, fmt.Sprintf("names %s, and there is no such test", test[1]))
		}
	}
	later := strings.HasPrefix(r.last, comesNext)
	switch prefix := testPrefix(id); {
	case later && !slices.Contains(waiting, id):
		problems = append(problems, "comes next, and it was agreed that it is there now")
	case later, strings.HasPrefix(r.last, doesNot):
	case len(named) == 0:
		problems = append(problems, "has no test, and no reason to have none")
	case !slices.ContainsFunc(named, func(test []string) bool { return strings.HasPrefix(test[1], prefix) }):
		problems = append(problems, fmt.Sprintf("names no test that is called %s...", prefix))
	}
	return problems
}

// unlisted finds the tests that are named after a row which does not name them.
func (t *Tree) unlisted(rows map[string][]feature) (found []string) {
	for _, f := range t.Go {
		if !f.Test || path.Dir(f.Path) != featureTests {
			continue
		}
		for _, fn := range f.funcs() {
			m := featureTest.FindStringSubmatch(fn.Name.Name)
			if m == nil || !runByGo(fn) {
				continue
			}
			id := canonical(m[1][:1] + "-" + m[2])
			if !slices.ContainsFunc(rows[id], func(r feature) bool { return strings.Contains(r.last, "`"+fn.Name.Name+"`") }) {
				found = append(found, fmt.Sprintf("%s: row %s does not name %s", features, id, fn.Name.Name))
			}
		}
	}
	return found
}

// canonical is the one way to write an id: C-1 and C-01 are C-1. The id of a ported test
// is as it stands.
func canonical(id string) string {
	if letter, digits, ok := strings.Cut(id, "-"); ok && len(letter) == 1 {
		return fmt.Sprintf("%s-%d", letter, number(digits))
	}
	return id
}

// testPrefix is how the name of a row's own test begins; "" for a ported test.
func testPrefix(id string) string {
	letter, digits, ok := strings.Cut(id, "-")
	switch {
	case !ok || len(letter) != 1:
		return ""
	case letter == "T":
		letter = "Ten"
	}
	return fmt.Sprintf("Test%s%02d_", letter, number(digits))
}

// featureIDs are all rows, in the order of the document.
func featureIDs() (ids []string) {
	for _, table := range rowLetters {
		for n := 1; n <= table.rows; n++ {
			ids = append(ids, fmt.Sprintf("%s-%d", table.letter, n))
		}
	}
	for _, suite := range ported {
		for name := range strings.FieldsSeq(suite.tests) {
			ids = append(ids, suite.of+" "+name)
		}
	}
	return ids
}
