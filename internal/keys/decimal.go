package keys

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// This file writes the numbers of a key, which are most of what a hit of a Func has to
// write. strconv makes one digit pair after the other somewhere else, and copies them.

func appendInt(b []byte, i int64) []byte {
	if i < 0 {
		return strconv.AppendInt(b, i, 10)
	}
	return appendUint(b, uint64(i))
}

// appendUint has all eight digits of a number at once: it is parted in two, and again
// in two, within one word, until each byte has a digit.
func appendUint(b []byte, u uint64) []byte {
	if u < 100 || u >= 1e8 || cap(b)-len(b) < 8 { // for the first strconv has a table
		return strconv.AppendUint(b, u, 10)
	}
	high := u / 1e4
	fours := high | (u-high*1e4)<<32 // two numbers below 10⁴, the first of the text lowest
	hundreds := fours * 10486 >> 20 & 0x7f_0000_007f
	twos := hundreds | (fours-hundreds*100)<<16 // four below 100
	tens := twos * 103 >> 10 & 0xf_000f_000f_000f
	ones := tens | (twos-tens*10)<<8              // eight digits
	zeros := bits.TrailingZeros64(ones|1<<56) / 8 // at the start of the text; not the last digit
	end := len(b)
	b = b[:end+8]
	binary.LittleEndian.PutUint64(b[end:], (ones|0x3030303030303030)>>(8*zeros))
	return b[:end+8-zeros]
}
