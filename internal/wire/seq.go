package wire

import (
	"bytes"
	"strconv"
)

// A counter is not in an envelope: the server adds to it, and for that it must
// be a decimal number.

// AppendSeq appends n in decimal to dst.
func AppendSeq(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }

// ParseSeq reads what AppendSeq or the server's incr wrote, else ErrDamaged. A
// memcached that counts down fills the freed digits with spaces, so spaces may
// follow; nothing else may, and nothing may come first.
func ParseSeq(data []byte) (uint64, error) {
	digits := bytes.TrimRight(data, " ")
	if len(digits) > len("18446744073709551615") || len(digits) > 1 && digits[0] == '0' {
		return 0, ErrDamaged
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 0, ErrDamaged
	}
	return n, nil
}
