package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/prove/internal/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The page has what is calculated today.
func TestTheSheetsOfTheDocumentAreUpToDate(t *testing.T) {
	t.Parallel()
	was, err := os.ReadFile("../../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	document := filepath.Join(folder, "scaling.md")
	if err := os.WriteFile(document, was, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := page.Write(document, "sheet", sheets()); err != nil {
		t.Fatal(err)
	}
	is, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(is) != string(was) {
		t.Errorf("docs/scaling.md is older than the code: make sheet. It has\n%s\nand would have\n%s",
			part(string(was)), part(string(is)))
	}
}

func part(document string) string {
	_, rest, _ := strings.Cut(document, page.Begins("sheet"))
	text, _, _ := strings.Cut(rest, page.Ends("sheet"))
	return text
}
