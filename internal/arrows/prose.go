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
	"unicode"
)

// prose.go holds the rules on what the documents claim: their links lead
// somewhere, to the heading if they name one, and every guarantee has the test
// that shows it.

const guarantees = "docs/guarantees.md"

var (
	inlineLink = regexp.MustCompile(`\]\(\s*<?([^)>\s]+)`)
	linkTarget = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s*<?([^>\s]+)`)
	codeBlock  = regexp.MustCompile("(?ms)^ *(```|~~~).*?^ *(```|~~~) *$")
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	codeSpan   = regexp.MustCompile("`[^`\n]+`")

	guarantee     = regexp.MustCompile(`\bG(\d{1,2})\b`)
	guaranteeTest = regexp.MustCompile(`\bTestG(\d{2})_\w*`)
)

// Links finds the relative links in Markdown that lead to no file, or to no
// heading of it.
func Links(t *Tree) (found []string) {
	anchors := map[string][]string{} // by document
	for _, f := range t.documents() {
		anchors[f.Path] = f.anchors()
	}
	for _, f := range t.documents() {
		prose := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(f.Text, ""), "")
		for _, link := range append(inlineLink.FindAllStringSubmatch(prose, -1), linkTarget.FindAllStringSubmatch(prose, -1)...) {
			target, anchor, ok := f.target(link[1])
			switch {
			case !ok:
			case !t.exists[target]:
				found = append(found, fmt.Sprintf("%s: links to %s, which does not exist", f.Path, link[1]))
			case anchor != "" && anchors[target] != nil && !slices.Contains(anchors[target], anchor):
				found = append(found, fmt.Sprintf("%s: links to %s, and there is no such heading", f.Path, link[1]))
			}
		}
	}
	return found
}

// target is the path in the repository, and the heading there, that a link leads
// to, if it is relative.
func (f *File) target(link string) (file, anchor string, ok bool) {
	u, err := url.Parse(link)
	if err != nil {
		return link, "", true
	}
	switch {
	case u.IsAbs() || u.Host != "":
		return "", "", false
	case u.Path == "":
		return f.Path, u.Fragment, true
	case strings.HasPrefix(u.Path, "/"):
		return path.Join(".", u.Path), u.Fragment, true // from the root, as the forge reads it
	}
	return path.Join(f.folder(), u.Path), u.Fragment, true
}

// anchors are the names that a forge gives to the headings of a document: lower
// case, a hyphen for each space, no punctuation, and a number for the second of
// one name.
func (f *File) anchors() []string {
	all := []string{""} // the document itself
	times := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(f.Text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(m[1]))
		if n := times[name]; n > 0 {
			all = append(all, fmt.Sprintf("%s-%d", name, n))
		} else {
			all = append(all, name)
		}
		times[name]++
	}
	return all
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
