package keys

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// This file writes the leaves of a key, texts and floats, and the two escapes:
// the one of Join, which keeps parts apart, and the one of a Space, which keeps
// memcached's commands apart.

// The bytes of ASCII that a text must not contain in a key, one bit for each.
const (
	escapedBelow64 = 1<<(' '+1) - 1 | 1<<'%' | 1<<'\'' | 1<<',' | 1<<':' | 1<<'='
	escapedAbove64 = 1<<('@'-64) | 1<<('['-64) | 1<<(']'-64) | 1<<('{'-64) | 1<<('}'-64) | 1<<(0x7f-64)
)

// structural is for ASCII only.
func structural(c byte) bool {
	if c < 64 {
		return uint64(escapedBelow64)>>c&1 != 0
	}
	return uint64(escapedAbove64)>>(c-64)&1 != 0
}

// appendString writes s so that it reads as no other kind of value.
func appendString(b []byte, s string) []byte {
	if !plain(s) {
		b = append(b, '\'')
	}
	return appendText(b, s)
}

// plain reports whether s needs no quote. "map" needs none: the brace that would
// make a map of it is always escaped.
func plain(s string) bool {
	switch s {
	case "", "true", "false", "nil", "NaN", "Inf":
		return false
	}
	c := s[0]
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '/' || c >= utf8.RuneSelf
}

// appendText writes s with everything escaped that the grammar of keys needs. It looks at eight bytes
// at once: a hit of a Func of a UUID takes 44 ns with that, and 78 without.
func appendText(b []byte, s string) []byte {
	if usual(s) {
		return append(b, s...)
	}
	done := 0
	for i := 0; i < len(s); {
		odd := suspects(wordAt(s, i))
		if odd == 0 {
			i += 8
			continue
		}
		if i += bits.TrailingZeros64(odd) / 8; i >= len(s) {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf && !structural(c) {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = appendPercent(append(b, s[done:i]...), c)
		i++
		done = i
	}
	return append(b, s[done:]...)
}

// usual reports whether s, of 8 bytes or more, has no suspects, as names and UUIDs have none. The last
// eight bytes that it looks at may overlap those before.
func usual(s string) bool {
	if len(s) < 8 {
		return false
	}
	b, odd := []byte(s), uint64(0) // which is no copy
	for i := 0; ; i += 8 {
		i = min(i, len(b)-8)
		odd |= suspects(binary.LittleEndian.Uint64(b[i:]))
		if i == len(b)-8 {
			return odd == 0
		}
	}
}

// suspects returns the sign of each byte of w that may need an escape: that is no letter of ASCII,
// no digit, and none of "-./_".
func suspects(w uint64) uint64 {
	const each, signs = 0x0101010101010101, 0x8080808080808080
	low := w &^ signs // so that no sum goes beyond its byte
	lower := low | 0x20*each
	letter := (lower + (0x80-'a')*each) &^ (lower + (0x7f-'z')*each)
	digit := (low + (0x80-'-')*each) &^ (low + (0x7f-'9')*each) // and "-./", which stand before them
	line := ^(low ^ '_'*each + 0x7f*each)
	return (w | ^(letter | digit | line)) & signs
}

// wordAt returns the bytes of s from i on, which is before its end, and zeros if they are less than
// eight.
func wordAt(s string, i int) uint64 {
	if len(s)-i < 8 {
		return lastWord(s, i)
	}
	return binary.LittleEndian.Uint64([]byte(s[i:])) // which is a load, and no copy
}

func lastWord(s string, i int) uint64 {
	switch n := len(s); {
	case n >= 8:
		return binary.LittleEndian.Uint64([]byte(s[n-8:])) >> (8 * (i + 8 - n))
	case n >= 4:
		head, tail := Ends(s)
		return (head | tail<<(8*(n-4))) >> (8 * i)
	default:
		return (uint64(s[0]) | uint64(s[n/2])<<(8*(n/2)) | uint64(s[n-1])<<(8*(n-1))) >> (8 * i)
	}
}

// appendFloat writes f so that it never reads as an integer.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case f == 0:
		return append(b, "0.0"...) // -0.0 == 0.0, so it is the same key
	case math.IsInf(f, 1):
		return append(b, "Inf"...)
	case math.IsInf(f, -1) || math.IsNaN(f):
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	n := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	for _, c := range b[n:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, ".0"...)
}

// legal reports whether s has only bytes that memcached takes in a key.
func legal(s string) bool {
	for i := range len(s) {
		if illegal(s[i]) {
			return false
		}
	}
	return true
}

// illegal bytes end a key, or a whole command, in memcached's text protocol.
func illegal(c byte) bool { return c <= ' ' || c == 0x7f }

// appendLegal writes s with its illegal bytes and '%' escaped, and also too.
func appendLegal(b []byte, s string, also byte) []byte {
	for i := range len(s) {
		if c := s[i]; illegal(c) || c == '%' || c == also {
			b = appendPercent(b, c)
		} else {
			b = append(b, c)
		}
	}
	return b
}

const hexDigits = "0123456789ABCDEF"

func appendPercent(b []byte, c byte) []byte {
	return append(b, '%', hexDigits[c>>4], hexDigits[c&15])
}
