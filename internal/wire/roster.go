package wire

import (
	"encoding/binary"
	"slices"
)

// Limits of a Roster. Whoever would write more writes nothing.
const (
	MaxLists = 64   // lists
	MaxLeft  = 64   // marks of nodes that have left
	MaxNodes = 4096 // names in all
)

// Roster is what a node says about all nodes: who lists which, which are in use,
// and which have been.
type Roster struct {
	Order    uint64     // names the order of nodes that the writer goes by
	Patience uint64     // nanoseconds: the longest time that a process which uses the node may be behind
	Gen      uint64     // of the last change; larger than any that its writer knew, of whatever node
	Changed  uint64     // the Gen of the last change of Members
	Settled  uint64     // everybody has heard of the changes up to this Gen; those of Members since a later one may be news to some process
	Lists    [][]string // the lists of nodes that processes have, each sorted
	Members  []Member   // the nodes that are in use, sorted by name; none: nobody has said so yet
	Left     []Left     // the nodes that were in use, sorted by name
}

// A Member is a node in use.
type Member struct {
	Name  string
	Since uint64 // the Gen in which it came, the last time
}

// Left says that what this node got before Seq, the node Name may have been told of
// in its place. Without a Name it is every other node.
type Left struct {
	Name string
	Seq  uint64
}

// Fits reports whether ParseRoster will read what AppendRoster writes.
func (r *Roster) Fits() bool {
	names := len(r.Members) + len(r.Left)
	for _, list := range r.Lists {
		names += len(list)
		if !rising(list) {
			return false
		}
	}
	return names <= MaxNodes && len(r.Lists) <= MaxLists && len(r.Left) <= MaxLeft && r.sorted()
}

func (r *Roster) sorted() bool {
	return slices.IsSortedFunc(r.Members, func(a, b Member) int { return order(a.Name, b.Name) }) &&
		slices.IsSortedFunc(r.Left, func(a, b Left) int { return order(a.Name, b.Name) })
}

// rising reports whether names are sorted, and none is there twice.
func rising(names []string) bool { return slices.IsSortedFunc(names, order) }

// order is that of strings, but what is there twice is in no order.
func order(a, b string) int {
	if a > b {
		return 1
	}
	return -1
}

// AppendRoster appends the envelope of r to dst.
func AppendRoster(dst []byte, r *Roster) []byte {
	start := len(dst)
	dst = appendHead(dst, KindRoster, 0)
	dst = binary.BigEndian.AppendUint64(dst, r.Order)
	dst = binary.BigEndian.AppendUint64(dst, r.Patience)
	dst = binary.BigEndian.AppendUint64(dst, r.Gen)
	dst = binary.BigEndian.AppendUint64(dst, r.Changed)
	dst = binary.BigEndian.AppendUint64(dst, r.Settled)
	dst = binary.AppendUvarint(dst, uint64(len(r.Lists)))
	for _, list := range r.Lists {
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, name := range list {
			dst = appendField(dst, name)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Members)))
	for _, m := range r.Members {
		dst = appendField(dst, m.Name)
		dst = binary.BigEndian.AppendUint64(dst, m.Since)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Left)))
	for _, l := range r.Left {
		dst = appendField(dst, l.Name)
		dst = binary.BigEndian.AppendUint64(dst, l.Seq)
	}
	return seal(dst, start)
}

// ParseRoster reads the envelope data into r; nothing of r aliases data. After an
// error r is undefined.
func ParseRoster(data []byte, r *Roster) error {
	c, _, err := open(data, KindRoster, 0)
	if err != nil {
		return err
	}
	*r = Roster{Order: c.uint64(), Patience: c.uint64(), Gen: c.uint64(), Changed: c.uint64(), Settled: c.uint64()}
	left := uint64(MaxNodes) // names, of all that may come
	for range c.count(MaxLists) {
		list := c.list(left)
		left -= uint64(len(list))
		if c.bad {
			return ErrDamaged
		}
		r.Lists = append(r.Lists, list)
	}
	for range c.count(left) {
		if c.bad {
			return ErrDamaged
		}
		r.Members = append(r.Members, Member{string(c.field()), c.uint64()})
		left--
	}
	for range c.count(min(left, MaxLeft)) {
		if c.bad {
			return ErrDamaged
		}
		r.Left = append(r.Left, Left{string(c.field()), c.uint64()})
	}
	if c.bad || len(c.rest) > 0 || !r.Fits() {
		return ErrDamaged
	}
	return nil
}
