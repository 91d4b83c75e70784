// Package examples_test is the code of the README and of docs/, a file a page. That
// the pages show what stands here is a rule of internal/arrows; that it works is
// tested here. The package of quickstart holds the README to what quickstart prints.
package examples_test

import (
	"os"
	"strings"
	"testing"

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
