package arrows

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// prose.go holds the rules on what the documents claim: their links lead
// somewhere, and every guarantee has the test that shows it.

const guarantees = "docs/guarantees.md"

var (
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^)>\s]+)`)
	linkTarget = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s*<?([^>\s]+)`)
	codeBlock  = regexp.MustCompile("(?ms)^ *(```|~~~).*?^ *(```|~~~) *$")
	codeSpan   = regexp.MustCompile("`[^`\n]+`")

	guarantee     = regexp.MustCompile(`\bG(\d{1,2})\b`)
	guaranteeTest = regexp.MustCompile(`\bTestG(\d{2})_\w*`)
)

// Links finds the relative links in Markdown that lead to no file.
func Links(t *Tree) (found []string) {
	for _, f := range t.Text {
		if path.Ext(f.Path) != ".md" || outside(f.Path) {
			continue
		}
		prose := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(f.Text, ""), "")
		for _, link := range append(inlineLink.FindAllStringSubmatch(prose, -1), linkTarget.FindAllStringSubmatch(prose, -1)...) {
			if target, ok := f.target(link[1]); ok && !t.exists[target] {
				found = append(found, fmt.Sprintf("%s: links to %s, which does not exist", f.Path, link[1]))
			}
		}
	}
	return found
}

// target is the path in the repository that a link leads to, if it is relative.
func (f *File) target(link string) (string, bool) {
	u, err := url.Parse(link)
	if err != nil {
		return link, true
	}
	switch {
	case u.IsAbs() || u.Host != "" || u.Path == "":
		return "", false
	case strings.HasPrefix(u.Path, "/"):
		return path.Join(".", u.Path), true // from the root, as the forge reads it
	}
	return path.Join(f.folder(), u.Path), true
}

// Guarantees finds the promises that no test shows, and the tests that show a
// promise nobody has made. G7 is shown by the tests called TestG07_....
func Guarantees(t *Tree) (found []string) {
	i := slices.IndexFunc(t.Text, func(f *File) bool { return f.Path == guarantees })
	if i < 0 {
		return []string{guarantees + ": does not exist"}
	}
	tests := map[string]int{} // name to guarantee
	for _, f := range t.Go {
		for _, fn := range f.funcs() {
			if m := guaranteeTest.FindStringSubmatch(fn.Name.Name); m != nil && f.Test && m[0] == fn.Name.Name {
				tests[fn.Name.Name] = number(m[1])
			}
		}
	}
	promised := map[int]bool{}
	for _, m := range guarantee.FindAllStringSubmatch(t.Text[i].Text, -1) {
		promised[number(m[1])] = true
	}

	for _, m := range guaranteeTest.FindAllStringSubmatch(t.Text[i].Text, -1) {
		if _, ok := tests[m[0]]; !ok {
			found = append(found, fmt.Sprintf("%s: names %s, and there is no such test", guarantees, m[0]))
		}
	}
	shown := slices.Collect(maps.Values(tests))
	for _, n := range slices.Sorted(maps.Keys(promised)) {
		if !slices.Contains(shown, n) {
			found = append(found, fmt.Sprintf("%s: promises G%d, and no test is called TestG%02d_...", guarantees, n, n))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		if !promised[tests[name]] {
			found = append(found, fmt.Sprintf("%s: does not promise what %s shows", guarantees, name))
		}
	}
	return found
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // two digits by the expressions above
	return n
}
