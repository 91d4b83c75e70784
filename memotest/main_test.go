package memotest_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// main_test.go has what all tests of this package share.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// report is a testing.TB that keeps what it is told, for tests and examples of
// what fails.
type report struct {
	testing.TB
	said     []string
	logged   strings.Builder
	cleanups []func()
}

func (r *report) Helper()                  {}
func (r *report) Context() context.Context { return context.Background() }
func (r *report) Output() io.Writer        { return &r.logged }
func (r *report) Cleanup(fn func())        { r.cleanups = append(r.cleanups, fn) }

func (r *report) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *report) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// run runs a test, and its cleanups as package testing does. It returns what the
// test failed with.
func run(test func(t testing.TB)) []string {
	r := &report{}
	do := func(fn func()) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			fn()
		}()
		<-ended
	}
	do(func() { test(r) })
	for _, fn := range slices.Backward(r.cleanups) {
		do(fn)
	}
	return r.said
}

func failsWith(t *testing.T, said []string, parts ...string) {
	t.Helper()
	if len(said) != 1 {
		t.Fatalf("failed with %q, want one failure that says %q", said, parts)
	}
	for _, part := range parts {
		if !strings.Contains(said[0], part) {
			t.Errorf("the failure does not say %q: %s", part, said[0])
		}
	}
}
