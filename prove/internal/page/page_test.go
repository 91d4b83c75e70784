package page_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/prove/internal/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func document(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "proof.md")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A second run replaces what the first one wrote, and nothing else of the document.
func TestTextIsWrittenInItsPlace(t *testing.T) {
	t.Parallel()
	path := document(t, "# Proof\n"+page.Begins("x")+"old\n"+page.Ends("x")+"Between.\n"+page.Begins("y")+"other\n"+page.Ends("y")+"The end.\n")
	for _, text := range []string{"first\n", "second\n"} {
		if err := page.Write(path, "x", text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Proof\n" + page.Begins("x") + "\nsecond\n\n" + page.Ends("x") + "Between.\n" + page.Begins("y") + "other\n" + page.Ends("y") + "The end.\n"
	if string(got) != want {
		t.Errorf("the document became\n%s\nwant\n%s", got, want)
	}
}

func TestADocumentWithoutAPlaceIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", page.Begins("x"), page.Ends("x") + page.Begins("x"), page.Begins("y") + page.Ends("y")} {
		path := document(t, text)
		if err := page.Write(path, "x", "text"); err == nil {
			t.Errorf("%q was written to", text)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != text {
			t.Errorf("%q became %q, %v", text, after, err)
		}
	}
	if err := page.Write(filepath.Join(t.TempDir(), "gone.md"), "x", "text"); err == nil {
		t.Error("a document that does not exist was written to")
	}
}
