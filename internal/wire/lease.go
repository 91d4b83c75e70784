package wire

import "encoding/binary"

// Lease stands in for a value while one process loads it.
type Lease struct {
	Stamp   uint64 // the Node's sequence before the load began: an invalidation after it dooms the lease
	Token   uint64 // names the holder, who must know its own lease again after a repeated command
	Version uint32 // of the code that loads
}

// AppendLease appends the envelope of l to dst.
func AppendLease(dst []byte, l Lease) []byte {
	start := len(dst)
	dst = appendHead(dst, KindLease, 0)
	dst = binary.BigEndian.AppendUint64(dst, l.Stamp)
	dst = binary.BigEndian.AppendUint64(dst, l.Token)
	dst = binary.AppendUvarint(dst, uint64(l.Version))
	return seal(dst, start)
}

// ParseLease reads the envelope data into l. After an error l is undefined.
func ParseLease(data []byte, l *Lease) error {
	c, _, err := open(data, KindLease, 0)
	if err != nil {
		return err
	}
	l.Stamp = c.uint64()
	l.Token = c.uint64()
	l.Version = c.version()
	if c.bad || len(c.rest) > 0 {
		return ErrDamaged
	}
	return nil
}
