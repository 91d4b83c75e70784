// Package fortest binds a real server to one test: it decides what a missing program
// means, and ends the server with the test.
package fortest

import (
	"errors"
	"os"
)

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(fn func())
}

// Start returns what start does, and closes it when the test ends. Where that fails with
// missing the test is skipped, or fails if the environment has require: continuous
// integration sets it, so that nothing is passed over there in silence.
func Start[S interface{ Close() error }](tb TB, require string, missing error, start func() (S, error)) (s S) {
	tb.Helper()
	s, err := start()
	var none S
	if errors.Is(err, missing) && os.Getenv(require) == "" {
		tb.Skipf("%v", err)
		return none
	}
	if err != nil {
		tb.Fatalf("%v", err)
		return none
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Fatalf("%v", err)
		}
	})
	return s
}
