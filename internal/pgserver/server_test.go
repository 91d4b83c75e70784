package pgserver_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/pgserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerAnswersAndIsGone(t *testing.T) {
	t.Parallel()
	s := pgserver.ForTest(t)
	folder, _, _ := strings.Cut(strings.TrimPrefix(s.DSN(), "host="), " ")
	c, err := net.Dial("unix", filepath.Join(folder, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	// An SSLRequest, as in its protocol: it answers by one letter.
	answer := make([]byte, 1)
	if _, err := c.Write([]byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(answer); err != nil || answer[0] != 'N' {
		t.Errorf("it says %q, %v", answer, err)
	}
	for range 2 {
		if err := errors.Join(c.Close(), s.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its files are left: %v", err)
	}
	if _, err := net.Dial("unix", filepath.Join(folder, ".s.PGSQL.5432")); err == nil {
		t.Error("it still answers")
	}
}

// verdict is a TB that only notes what ForTest decided.
type verdict struct{ failed, skipped string }

func (v *verdict) Helper()                           {}
func (v *verdict) Fatalf(format string, args ...any) { v.failed = fmt.Sprintf(format, args...) }
func (v *verdict) Skipf(format string, args ...any)  { v.skipped = fmt.Sprintf(format, args...) }
func (v *verdict) Cleanup(func())                    {}

// Where it is not in the folders that it is looked for in.
func TestMissingPostgresSkipsUnlessItIsRequired(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	pgserver.Debian(t, filepath.Join(t.TempDir(), "*", "bin"))

	t.Setenv("TIERMEMO_REQUIRE_POSTGRES", "")
	var here verdict
	if s := pgserver.ForTest(&here); s != nil || here.failed != "" || !strings.Contains(here.skipped, "apt-get install postgresql") {
		t.Errorf("on a developer's machine: server %v, %+v", s, here)
	}

	t.Setenv("TIERMEMO_REQUIRE_POSTGRES", "1")
	var ci verdict
	if s := pgserver.ForTest(&ci); s != nil || ci.skipped != "" || !strings.Contains(ci.failed, "apt-get install postgresql") {
		t.Errorf("where PostgreSQL is required: server %v, %+v", s, ci)
	}
}
