package keys

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// This file writes the numbers of a key. strconv makes one digit pair after the other
// somewhere else, and copies them.

func appendInt(b []byte, i int64) []byte {
	if i < 0 {
		return strconv.AppendInt(b, i, 10)
	}
	return appendUint(b, uint64(i))
}

func appendUint(b []byte, u uint64) []byte {
	if u < 100 || u >= 1e8 || cap(b)-len(b) < 8 { // for the first strconv has a table
		return strconv.AppendUint(b, u, 10)
	}
	text, n := written(spread(u))
	end := uint(len(b))
	b = b[:end+8]
	binary.LittleEndian.PutUint64(b[end:], text)
	return b[:end+n]
}

// spread returns the eight digits of u, which is below 10⁸, each in a byte, the first one
// lowest. It has all of them at once: the number is parted in two, and again in two, within
// one word, until each byte has a digit.
func spread(u uint64) uint64 {
	high := u / 1e4
	fours := high | (u-high*1e4)<<32 // two numbers below 10⁴, the first of the text lowest
	hundreds := fours * 10486 >> 20 & 0x7f_0000_007f
	twos := hundreds | (fours-hundreds*100)<<16 // four below 100
	tens := twos * 103 >> 10 & 0xf_000f_000f_000f
	return tens | (twos-tens*10)<<8
}

// written returns the text of eight digits that are spread, in one word, and its size.
func written(ones uint64) (text uint64, n uint) {
	zeros := uint(bits.TrailingZeros64(ones|1<<56)) / 8 // at the start of the text; not the last digit
	return (ones | 0x3030303030303030) >> (8 * zeros), 8 - zeros
}
