package redisserver

import (
	"errors"
	"os"
)

// TB is the part of testing.TB that ForTest needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(fn func())
}

// ForTest starts a server that ends with the test. Where Redis is not installed the test
// is skipped, or fails if TIERMEMO_REQUIRE_REDIS is set to anything: continuous integration
// sets it, so that nothing is passed over there in silence.
func ForTest(tb TB) *Server {
	tb.Helper()
	s, err := Start()
	if errors.Is(err, ErrNotInstalled) && os.Getenv("TIERMEMO_REQUIRE_REDIS") == "" {
		tb.Skipf("%v", err)
		return nil
	}
	if err != nil {
		tb.Fatalf("%v", err)
		return nil
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Fatalf("%v", err)
		}
	})
	return s
}
