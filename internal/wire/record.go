package wire

import "encoding/binary"

// MaxNames is the most names of one Record; ParseRecord refuses more. A longer
// list is two records, each with a number of its own.
const MaxNames = 1024

// Subject says what the names of a Record are names of.
type Subject uint8

const (
	Keys    Subject = iota + 1 // keys
	Tags                       // tags, and so every entry that carries one of them
	Trees                      // keys, and every key below one of them
	Expired                    // keys, whose values are fresh no more and may be served stale
	Members                    // nobody's: the node's Roster was changed, and is to be read again
)

// Record is one entry of the log of invalidations.
type Record struct {
	Seq    uint64 // its number, which is also the last part of its key
	Source uint64 // the process that wrote it, and has applied it already
	About  Subject
	Names  []string // what is invalid
}

// AppendRecord appends the envelope of r to dst.
func AppendRecord(dst []byte, r *Record) []byte {
	start := len(dst)
	dst = appendHead(dst, KindRecord, 0)
	dst = binary.BigEndian.AppendUint64(dst, r.Seq)
	dst = binary.BigEndian.AppendUint64(dst, r.Source)
	dst = append(dst, byte(r.About))
	dst = binary.AppendUvarint(dst, uint64(len(r.Names)))
	for _, name := range r.Names {
		dst = appendField(dst, name)
	}
	return seal(dst, start)
}

// ParseRecord reads the envelope data into r; nothing of r aliases data. With
// ErrUnknownKind Seq and Source are set, and Names is nil. After another error r
// is undefined.
func ParseRecord(data []byte, r *Record) error {
	c, _, err := open(data, KindRecord, 0)
	if err != nil {
		return err
	}
	r.Seq = c.uint64()
	r.Source = c.uint64()
	r.About, r.Names = Subject(c.uint8()), nil
	if c.bad {
		return ErrDamaged
	}
	if r.About < Keys || r.About > Members {
		return ErrUnknownKind
	}
	r.Names = c.list(MaxNames)
	if c.bad || len(c.rest) > 0 {
		return ErrDamaged
	}
	return nil
}
