package mcserver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// verdict is a TB that only notes what ForTest decided.
type verdict struct{ failed, skipped string }

func (v *verdict) Helper()                           {}
func (v *verdict) Fatalf(format string, args ...any) { v.failed = fmt.Sprintf(format, args...) }
func (v *verdict) Skipf(format string, args ...any)  { v.skipped = fmt.Sprintf(format, args...) }
func (v *verdict) Cleanup(func())                    {}

func TestMissingMemcachedSkipsUnlessItIsRequired(t *testing.T) {
	t.Setenv("PATH", t.TempDir())

	t.Setenv("TIERMEMO_REQUIRE_MEMCACHED", "")
	var here verdict
	if s := mcserver.ForTest(&here); s != nil || here.failed != "" || !strings.Contains(here.skipped, "apt-get install memcached") {
		t.Errorf("on a developer's machine: server %v, %+v", s, here)
	}

	t.Setenv("TIERMEMO_REQUIRE_MEMCACHED", "1")
	var ci verdict
	if s := mcserver.ForTest(&ci); s != nil || ci.skipped != "" || !strings.Contains(ci.failed, "apt-get install memcached") {
		t.Errorf("where memcached is required: server %v, %+v", s, ci)
	}
}
