// Package examples_test holds the README to what the examples are. The package
// of quickstart holds it to what quickstart prints.
package examples_test

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadmeBeginsWithHello(t *testing.T) {
	t.Parallel()
	hello := read(t, "hello/main.go")
	_, program, _ := strings.Cut(hello, "\n") // without the line that names it
	if shown := goBlocks(t)[0]; shown != program {
		t.Errorf("README.md shows\n%s\nand examples/hello is\n%s", shown, program)
	}
	if lines := strings.Count(strings.ReplaceAll(program, "\n\n", "\n"), "\n"); lines > 30 {
		t.Errorf("the README's program has %d lines that are not empty, want at most 30", lines)
	}
}

func TestReadmesCodeCompiles(t *testing.T) {
	t.Parallel()
	compiled := read(t, "snippets_test.go")
	blocks := goBlocks(t)[1:]
	if len(blocks) == 0 {
		t.Error("README.md shows no code but hello")
	}
	for _, block := range blocks {
		if !strings.Contains(compiled, "\n\n"+block+"\n") {
			t.Errorf("README.md shows what snippets_test.go does not compile:\n%s", block)
		}
	}
}

// What does not fit belongs into docs/.
func TestReadmeFitsOnItsPage(t *testing.T) {
	t.Parallel()
	if n := strings.Count(read(t, "../README.md"), "\n"); n > 200 {
		t.Errorf("README.md has %d lines, want at most 200", n)
	}
	for _, block := range goBlocks(t) {
		for line := range strings.Lines(block) {
			if width := len([]rune(strings.ReplaceAll(line, "\t", "    "))) - 1; width > 100 {
				t.Errorf("a line of code in README.md is %d columns wide: %s", width, line)
			}
		}
	}
}

// That the files exist is tested for all documents, in internal/arrows.
func TestReadmesLinksLeadToHeadings(t *testing.T) {
	t.Parallel()
	links := regexp.MustCompile(`\]\(([^)#:]*)#([^)]+)\)`).FindAllStringSubmatch(read(t, "../README.md"), -1)
	if len(links) == 0 {
		t.Error("README.md has no link to a heading; the guarantees have one each")
	}
	for _, link := range links {
		if !anchors(read(t, path.Join("..", link[1])))[link[2]] {
			t.Errorf("%s has no heading %q", link[1], link[2])
		}
	}
}

// anchors are the names that a forge gives to the headings of a document: lower
// case, a hyphen for each space, and no punctuation.
func anchors(document string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(document) {
		title := strings.TrimSpace(strings.TrimLeft(line, "#"))
		if !strings.HasPrefix(line, "#") {
			continue
		}
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, title)] = true
	}
	return all
}

// goBlocks returns the Go code of the README; hello is the first.
func goBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	for _, rest := range strings.Split(read(t, "../README.md"), "```go\n")[1:] {
		block, _, ends := strings.Cut(rest, "```")
		if !ends {
			t.Fatal("README.md has a block without an end")
		}
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		t.Fatal("README.md shows no Go")
	}
	return blocks
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
