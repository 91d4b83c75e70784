package keys

import (
	"encoding/binary"
	"strings"
	"testing"
)

// What is found eight bytes at once is what would be found one by one: nothing that needs an escape
// goes without, and what is usual needs no second look.
func TestSuspectsAreWhatMayNeedAnEscape(t *testing.T) {
	t.Parallel()
	const usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./_"
	for at := range 8 {
		for c := range 256 {
			for _, others := range []string{"aZ09-./z", "________", "\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff", "        "} {
				b := []byte(others)
				b[at] = byte(c)
				got := suspects(wordAt(string(b), 0))>>(8*at)&0xff != 0
				if want := strings.IndexByte(usual, byte(c)) < 0; got != want {
					t.Fatalf("byte %d of %q is a suspect: %v, want %v", at, b, got, want)
				}
			}
			if c < 0x80 && structural(byte(c)) && strings.IndexByte(usual, byte(c)) >= 0 {
				t.Fatalf("%q needs an escape, and gets none", rune(c))
			}
		}
	}
}

func TestWordAtIsTheBytesFromThereOn(t *testing.T) {
	t.Parallel()
	const text = "abcdefghijklmnopqrstuvwxyz"
	for size := range len(text) + 1 {
		for i := range size {
			var want [8]byte
			copy(want[:], text[i:size])
			if got := wordAt(text[:size], i); got != binary.LittleEndian.Uint64(want[:]) {
				t.Errorf("byte %d of %d and what follows are %x, want %x", i, size, got, want)
			}
		}
	}
}
