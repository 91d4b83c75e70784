package examples_test

import (
	"strings"
	"testing"
)

// package_test.go holds the documentation of package memo to code that is
// compiled, as internal/arrows does the pages: it shows the README's shop.

func TestMemosDocumentationShowsCodeThatCompiles(t *testing.T) {
	t.Parallel()
	doc, _, found := strings.Cut(read(t, "../memo/doc.go"), "\n// # The files\n")
	if !found {
		t.Fatal("memo/doc.go has no heading for its files: what lies above it is code to copy")
	}
	shop := "\n" + unindented(read(t, "snippets_test.go"))
	shown := 0
	for _, paragraph := range strings.Split(doc, "\n//\n") {
		if !strings.HasPrefix(paragraph, "//\t") {
			continue
		}
		shown++
		block := unindented(strings.ReplaceAll(paragraph, "//\t", ""))
		if !strings.Contains(shop, "\n"+block) {
			t.Errorf("memo/doc.go shows what snippets_test.go does not have:\n%s", block)
		}
	}
	if shown != 4 {
		t.Errorf("memo/doc.go shows %d pieces of code, want 4: the cache, a job, a read, a write", shown)
	}
}

func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
