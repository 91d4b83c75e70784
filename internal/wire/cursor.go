package wire

import (
	"encoding/binary"
	"math/bits"
)

// cursor reads the fields of an envelope from front to back. The first read
// beyond the end, or of a length in a longer form than it needs, makes it bad
// for good, so that the caller asks once, at the end.
type cursor struct {
	rest []byte
	bad  bool
}

// take returns the next n bytes, which alias the envelope.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.bad = true
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uint8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) uvarint() uint64 {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 || size != uvarintSize(n) {
		c.bad = true
		return 0
	}
	c.rest = c.rest[size:]
	return n
}

// version returns the next version of the code. What is beyond the limit would be
// written as another one.
func (c *cursor) version() uint32 {
	n := c.uvarint()
	if n > MaxVersion {
		c.bad = true
		return 0
	}
	return uint32(n)
}

// field returns the next length and as many bytes, which alias the envelope.
func (c *cursor) field() []byte { return c.take(c.uvarint()) }

// count returns how many are to come. It is only a claim, made before the bytes
// are seen: most bounds what it can make us allocate, and so does the rest of the
// envelope, where each takes a byte at least.
func (c *cursor) count(most uint64) uint64 {
	n := c.uvarint()
	if n > min(most, uint64(len(c.rest))) {
		c.bad = true
		return 0
	}
	return n
}

func appendField(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func uvarintSize(n uint64) int { return max(1, (bits.Len64(n)+6)/7) }

// list returns a count and as many fields, as strings of their own: they are
// kept for as long as a cache entry, and must not keep the envelope with them.
// It is nil for no fields.
func (c *cursor) list(most uint64) []string {
	count := c.count(most)
	if count == 0 {
		return nil
	}
	list := make([]string, count)
	for i := range list {
		list[i] = string(c.field())
	}
	return list
}
