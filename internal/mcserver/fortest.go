package mcserver

import "github.com/tiermemo/tiermemo/internal/fortest"

// ForTest starts a server that ends with the test. Where memcached is not installed the
// test is skipped, or fails if TIERMEMO_REQUIRE_MEMCACHED is set to anything.
func ForTest(tb fortest.TB, args ...string) *Server {
	tb.Helper()
	return Options{Args: args}.ForTest(tb)
}

// ForTest is the function of that name with every choice.
func (o Options) ForTest(tb fortest.TB) *Server {
	tb.Helper()
	return fortest.Start(tb, "TIERMEMO_REQUIRE_MEMCACHED", ErrNotInstalled, o.Start)
}
