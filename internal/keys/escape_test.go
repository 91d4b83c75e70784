package keys

import (
	"strings"
	"testing"
)

// What is written eight bytes at once is what would be written one by one.
func TestIdentifiersAreWhatNeedsNoEscape(t *testing.T) {
	t.Parallel()
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./"
	for size := range 26 {
		text := strings.Repeat("aZ09-./z", 4)[:size]
		if got := identifier(text); got != (size >= 8) {
			t.Errorf("%q is an identifier: %v", text, got)
		}
		for i := range size {
			for c := range 256 {
				b := []byte(text)
				b[i] = byte(c)
				want := size >= 8 && strings.IndexByte(allowed, byte(c)) >= 0
				if got := identifier(string(b)); got != want {
					t.Fatalf("%q is an identifier: %v, want %v", b, got, want)
				}
				if want && structural(byte(c)) {
					t.Fatalf("%q needs an escape, and gets none", rune(c))
				}
			}
		}
	}
}
