package tiertest_test

import (
	"testing"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// conformance_test.go: what this package has to offer passes its own suite. That
// the suite can fail is in judged_test.go.

func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	tiertest.TestShared(t, func(*testing.T) tier.Shared { return tiertest.NewMemory("a:11211", "b:11211", "c:11211") })
}

// All subtests have the same store, as authors with one server do.
func TestFaultyWithoutFaultsConforms(t *testing.T) {
	t.Parallel()
	f := tiertest.NewFaulty(tiertest.NewMemory())
	tiertest.TestShared(t, func(*testing.T) tier.Shared { return f })
	ok(t, f.WaitIdle(t.Context()))
}
