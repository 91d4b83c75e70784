package pgserver

import "testing"

// Debian has the server looked for elsewhere, for one test.
func Debian(t *testing.T, pattern string) {
	before := debian
	debian = pattern
	t.Cleanup(func() { debian = before })
}
