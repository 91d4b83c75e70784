package wire

import "encoding/binary"

// MaxKeys is the most keys of one Record; ParseRecord refuses more. A longer
// list is two records, each with a number of its own.
const MaxKeys = 1024

// recordKeys is the record kind of a list of keys. Whatever else can be
// invalidated gets a kind of its own, behind the same Seq and Source.
const recordKeys = 1

// Record is one entry of the log of invalidations.
type Record struct {
	Seq    uint64   // its number, which is also the last part of its key
	Source uint64   // the process that wrote it, and has applied it already
	Keys   []string // what is invalid
}

// AppendRecord appends the envelope of r to dst.
func AppendRecord(dst []byte, r *Record) []byte {
	start := len(dst)
	dst = appendHead(dst, KindRecord, 0)
	dst = binary.BigEndian.AppendUint64(dst, r.Seq)
	dst = binary.BigEndian.AppendUint64(dst, r.Source)
	dst = append(dst, recordKeys)
	dst = binary.AppendUvarint(dst, uint64(len(r.Keys)))
	for _, key := range r.Keys {
		dst = appendField(dst, key)
	}
	return seal(dst, start)
}

// ParseRecord reads the envelope data into r; nothing of r aliases data. With
// ErrUnknownKind Seq and Source are set, and Keys is nil. After another error r
// is undefined.
func ParseRecord(data []byte, r *Record) error {
	c, _, err := open(data, KindRecord, 0)
	if err != nil {
		return err
	}
	r.Seq = c.uint64()
	r.Source = c.uint64()
	kind := c.uint8()
	if c.bad {
		return ErrDamaged
	}
	if kind != recordKeys {
		r.Keys = nil
		return ErrUnknownKind
	}
	r.Keys = c.list(MaxKeys)
	if c.bad || len(c.rest) > 0 {
		return ErrDamaged
	}
	return nil
}
