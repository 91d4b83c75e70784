// Package wire is the byte form of what the shared tier holds.
//
// A call meets it twice: on the way down, where an item of the shared tier
// turns out to be a value, another process's lease, or damage; and on the way
// up, where a loaded value is written.
//
// Everything but the decimal counters travels in one envelope:
//
//	magic | version | kind | flags | fields | payload | CRC-32C of all before
//
// Numbers are big endian, lengths are uvarints in their shortest form, and the
// payload is what the fields leave. There is exactly one envelope for a value,
// so what a Parse function accepts is what its Append function writes.
//
// The checksum finds bits that flipped in memory or in transit. It is no
// defence against someone who can write to the shared tier.
package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

var (
	// ErrDamaged means that the bytes are no envelope of the kind that was asked for, or not all of it, or more than it.
	ErrDamaged = errors.New("wire: damaged envelope")
	// ErrVersion means that a later release wrote the envelope, which may be in perfect order.
	ErrVersion = errors.New("wire: envelope of a later release")
	// ErrUnknownKind means that a later release wrote a record about something that this one cannot name.
	// Its reader cannot tell what was invalidated, and must take it to be everything.
	ErrUnknownKind = errors.New("wire: record of an unknown kind")
)

// Kind says what an envelope holds.
type Kind byte

// The kinds of envelopes. KindUnknown never stands in one.
const (
	KindUnknown Kind = 0
	KindValue   Kind = 1
	KindLease   Kind = 2
	KindRecord  Kind = 3
	KindRoster  Kind = 4
)

const (
	// magic begins no decimal number and no UTF-8 text, so that neither a counter nor a foreign item looks like an envelope.
	magic   = 0xF5
	version = 1

	headSize = 4 // magic, version, kind, flags
	sumSize  = 4
)

// KindOf looks at the first bytes and says which Parse function to call. It
// does not check the rest. KindUnknown is no envelope, or one of a later
// release.
func KindOf(data []byte) Kind {
	if len(data) < headSize || data[0] != magic || data[1] != version {
		return KindUnknown
	}
	switch k := Kind(data[2]); k {
	case KindValue, KindLease, KindRecord, KindRoster:
		return k
	}
	return KindUnknown
}

func appendHead(dst []byte, k Kind, flags byte) []byte {
	return append(dst, magic, version, byte(k), flags)
}

// seal appends the checksum of the envelope that begins at dst[start].
func seal(dst []byte, start int) []byte {
	return binary.BigEndian.AppendUint32(dst, checksum(dst[start:]))
}

// open returns a cursor on what stands between head and checksum, and the
// flags, of which none may be outside of known.
func open(data []byte, k Kind, known byte) (cursor, byte, error) {
	if len(data) < headSize+sumSize || data[0] != magic {
		return cursor{}, 0, ErrDamaged
	}
	// Before the checksum: a later release may keep it elsewhere, or another one.
	if data[1] != version {
		return cursor{}, 0, ErrVersion
	}
	end := len(data) - sumSize
	if checksum(data[:end]) != binary.BigEndian.Uint32(data[end:]) || Kind(data[2]) != k {
		return cursor{}, 0, ErrDamaged
	}
	// The checksum is right, so someone meant this flag.
	flags := data[3]
	if flags&^known != 0 {
		return cursor{}, 0, ErrVersion
	}
	return cursor{rest: data[headSize:end]}, flags, nil
}

func checksum(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}
