package lru_test

import (
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	tiertest.TestLocal(t, func(_ *testing.T, capacity int) tier.Local { return lru.New(capacity) })
}
