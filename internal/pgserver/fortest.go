package pgserver

import "github.com/tiermemo/tiermemo/internal/fortest"

// ForTest starts a server that ends with the test. Where PostgreSQL is not installed the
// test is skipped, or fails if TIERMEMO_REQUIRE_POSTGRES is set to anything.
func ForTest(tb fortest.TB) *Server {
	tb.Helper()
	return fortest.Start(tb, "TIERMEMO_REQUIRE_POSTGRES", ErrNotInstalled, Start)
}
