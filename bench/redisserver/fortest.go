package redisserver

import "github.com/tiermemo/tiermemo/internal/fortest"

// ForTest starts a server that ends with the test. Where Redis is not installed the test
// is skipped, or fails if TIERMEMO_REQUIRE_REDIS is set to anything.
func ForTest(tb fortest.TB) *Server {
	tb.Helper()
	return fortest.Start(tb, "TIERMEMO_REQUIRE_REDIS", ErrNotInstalled, Start)
}
