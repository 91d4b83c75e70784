package operate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
	"github.com/tiermemo/tiermemo/prove/internal/operate"
)

// TestMain is where the test binary becomes a worker.
func TestMain(m *testing.M) {
	if env := os.Getenv(fleet.Env); env != "" {
		if err := fleet.Work(env); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestWhatThePageForOperatorsSaysIsSo(t *testing.T) {
	mcserver.ForTest(t) // skips, where there is none
	var said strings.Builder
	if err := operate.Run(t.Context(), &said, operate.Short()); err != nil {
		t.Error(err)
	}
	t.Log("\n" + said.String())
}
