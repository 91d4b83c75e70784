package wire

import (
	"encoding/binary"
	"math"
	"time"
)

// Limits of a Value. AppendValue writes what it is given, and ParseValue
// refuses what is beyond them: who breaks one caches nothing, and loses
// nothing. To cut the tags short would be to miss an invalidation.
const (
	MaxTags    = 64
	MaxCodec   = 16 // bytes of the codec's name
	MaxVersion = math.MaxInt32
)

const flagNegative = 1 << 0

// Value is what a load returned, with what a reader must know to serve it.
type Value struct {
	Stamp        uint64 // the Node's sequence before the load began
	Created      int64  // when it was first stored, which tells one version from the next; in unix milliseconds, as Fresh
	Fresh        int64  // until when it is fresh
	Stale        uint64 // for how long after Fresh it may be served while it is refreshed; in milliseconds, as StaleIfError
	StaleIfError uint64 // for how long after Fresh it may be served in place of an error
	Took         uint32 // how long the load ran, in microseconds; see Micros
	Negative     bool   // the load said that there is no such thing
	Version      uint32 // of the code that loaded it
	Fingerprint  uint64 // the shape of the Go type
	Codec        string // the codec's name
	Key          string // the whole logical key: the item may stand under a hash of it, or be the answer to another question
	Tags         []string
	Payload      []byte
}

// Micros is d for Value.Took: 0 if d is negative, and the largest uint32 from
// 71 minutes on.
func Micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
}

// Expires is when nobody may use v any more, in unix milliseconds.
func (v *Value) Expires() int64 {
	if left := math.MaxInt64 - max(v.Fresh, 0); max(v.Stale, v.StaleIfError) > uint64(left) {
		return math.MaxInt64
	}
	return v.Fresh + int64(max(v.Stale, v.StaleIfError))
}

// AppendValue appends the envelope of v to dst.
func AppendValue(dst []byte, v *Value) []byte {
	var flags byte
	if v.Negative {
		flags |= flagNegative
	}
	start := len(dst)
	dst = appendHead(dst, KindValue, flags)
	dst = binary.BigEndian.AppendUint64(dst, v.Stamp)
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.Created))
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.Fresh))
	dst = binary.AppendUvarint(dst, v.Stale)
	dst = binary.AppendUvarint(dst, v.StaleIfError)
	dst = binary.BigEndian.AppendUint32(dst, v.Took)
	dst = binary.AppendUvarint(dst, uint64(v.Version))
	dst = binary.BigEndian.AppendUint64(dst, v.Fingerprint)
	dst = appendField(dst, v.Codec)
	dst = appendField(dst, v.Key)
	dst = binary.AppendUvarint(dst, uint64(len(v.Tags)))
	for _, tag := range v.Tags {
		dst = appendField(dst, tag)
	}
	dst = append(dst, v.Payload...)
	return seal(dst, start)
}

// ParseValue reads the envelope data into v, all of whose fields it sets. After
// an error v is undefined.
//
// Payload aliases data; the strings do not. A Codec or a Key that v holds
// already and data has too is left as it is, so a reader that fills in what it
// expects and compares afterwards pays for no copy.
func ParseValue(data []byte, v *Value) error {
	c, flags, err := open(data, KindValue, flagNegative)
	if err != nil {
		return err
	}
	v.Negative = flags&flagNegative != 0
	v.Stamp = c.uint64()
	v.Created = int64(c.uint64())
	v.Fresh = int64(c.uint64())
	v.Stale, v.StaleIfError = c.uvarint(), c.uvarint()
	v.Took = c.uint32()
	v.Version = c.version()
	v.Fingerprint = c.uint64()
	codec, key := c.field(), c.field()
	v.Tags = c.list(MaxTags)
	v.Payload = c.take(uint64(len(c.rest)))
	if c.bad || len(codec) > MaxCodec {
		return ErrDamaged
	}
	if v.Codec != string(codec) {
		v.Codec = string(codec)
	}
	if v.Key != string(key) {
		v.Key = string(key)
	}
	return nil
}
