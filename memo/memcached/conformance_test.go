package memcached_test

import (
	"testing"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The whole contract of package tier, on one real memcached that all subtests
// share.
func TestConforms(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	tiertest.TestShared(t, func(t *testing.T) tier.Shared {
		c, err := memcached.NewFromConfig(memcached.Config{Servers: []string{server.Addr()}, Timeout: long})
		must(t, err)
		return c
	})
}
