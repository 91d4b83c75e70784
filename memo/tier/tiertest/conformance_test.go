package tiertest_test

import (
	"testing"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// conformance_test.go: what this package has to offer passes its own suite. That
// the suite can fail is in judged_test.go.

// All subtests have the same store, as authors with one server do.
func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a:11211", "b:11211", "c:11211")
	tiertest.TestShared(t, func(*testing.T) tier.Shared { return client(m) })
}

func TestFaultyWithoutFaultsConforms(t *testing.T) {
	t.Parallel()
	f := tiertest.NewFaulty(tiertest.NewMemory())
	failed := verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
		return func() tier.Shared { return client(f) }
	})
	for rule, said := range failed {
		t.Errorf("%s: %s", rule, said)
	}
	ok(t, f.WaitIdle(t.Context()))
}
