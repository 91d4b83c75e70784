package pgserver

// fortest.go binds a server to one test: it decides what a missing PostgreSQL means,
// and ends the server with the test.

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

// ForTest starts a server that ends with the test. Where PostgreSQL is not installed the
// test is skipped, or fails if TIERMEMO_REQUIRE_POSTGRES is set to anything: continuous
// integration sets it, so that nothing is passed over there in silence.
func ForTest(tb TB) *Server {
	tb.Helper()
	s, err := Start()
	if errors.Is(err, ErrNotInstalled) && os.Getenv("TIERMEMO_REQUIRE_POSTGRES") == "" {
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
