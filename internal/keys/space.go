package keys

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"strconv"
	"strings"
)

// This file is the last step of a key before the shared tier: what Join made,
// or any other string, becomes a key that memcached takes.

const (
	maxWire   = 250 // memcached's limit
	MaxPrefix = 64  // bytes of a prefix
	hashBytes = 20  // 160 bits: two keys with one hash are out of reach, and the full key is compared all the same
)

// The longest prefix, each of its bytes escaped, leaves room for a hash.
const _ = uint(maxWire - len("%XX")*MaxPrefix - len(":th:") - 2*hashBytes)

// A Space is a set of wire keys that all begin with one prefix. No two Spaces
// of different prefixes have a key in common, not even those of "a" and "a:v".
//
//	<prefix>:v:<key>      a value, under its key as it stands
//	<prefix>:e:<key>      a value whose key has bytes memcached does not take, written %XX
//	<prefix>:h:<hash>     a value whose key is too long: 20 bytes of its SHA-256, in hex
//	<prefix>:t:<tag>      the marker of a tag; :te: and :th: as :e: and :h:
//	<prefix>:r:<name>     the marker of the keys below a first part; :re: and :rh:
//	<prefix>:b:<n>        a marker of the keys below longer ones, see Tree
//	<prefix>:n:<n>        the same, below what keys are varied by
//	<prefix>:l:<cas>:...  the lock of a refresh, see Lock
//	<prefix>:g:<n>        record n of the log, in base 36
//	<prefix>:seq          the counter of the log
//	<prefix>:rot          the guard of a new epoch
//	<prefix>:roster       what the processes say of all nodes
//	<prefix>:u:<hash>     that a list of nodes is in use, see List
//
// The word after the prefix is the kind, and a prefix has no ':', so a further
// kind takes a further word. Every wire key has 1 to 250 bytes, none of them a
// space, a control byte or 0x7f.
//
// A Space is made by NewSpace, is immutable and safe for concurrent use.
type Space struct{ prefix, seq, rotation, roster string }

// NewSpace returns the Space of prefix, which has 1 to 64 bytes of any kind.
// Bytes that memcached does not take, ':' and '%' are escaped.
func NewSpace(prefix string) (Space, error) {
	switch n := len(prefix); {
	case n == 0:
		return Space{}, fmt.Errorf("keys: the prefix is empty: set it to the name of your service, so that others on the same memcached do not meet its keys")
	case n > MaxPrefix:
		return Space{}, fmt.Errorf("keys: the prefix has %d bytes: shorten it to %d", n, MaxPrefix)
	}
	p := string(appendLegal(nil, prefix, ':'))
	return Space{prefix: p, seq: p + ":seq", rotation: p + ":rot", roster: p + ":roster"}, nil
}

// Value returns the wire key of the value of key. Different keys have different
// wire keys, except for a collision of SHA-256 between keys that are too long
// to be written out: compare the full key with the one stored in the value.
func (s Space) Value(key string) string { return s.place(kinds{":v:", ":e:", ":h:"}, key) }

// AppendValue appends what Value returns.
func (s Space) AppendValue(dst []byte, key string) []byte {
	if len(key) > maxWire-len(s.prefix)-len(":v:") || !legal(key) {
		return append(dst, s.Value(key)...)
	}
	return append(append(append(dst, s.prefix...), ":v:"...), key...)
}

// Tag returns the wire key of the marker of tag. Two tags that are too long to be
// written out may share one, if SHA-256 collides.
func (s Space) Tag(tag string) string { return s.place(kinds{":t:", ":te:", ":th:"}, tag) }

// kinds are the words for a text as it stands, escaped, and hashed.
type kinds struct{ plain, escaped, hashed string }

func (s Space) place(k kinds, text string) string {
	room := maxWire - len(s.prefix)
	if len(text) > room-len(k.plain) {
		return s.hashed(k, text)
	}
	if legal(text) {
		return s.prefix + k.plain + text
	}
	return s.escaped(k, text, room)
}

// escaped is for texts that cannot stand as they are. It is not inlined: its room would
// be on the stack of every load, which begins with a small one.
//
//go:noinline
func (s Space) escaped(k kinds, text string, room int) string {
	var stack [len("%XX") * maxWire]byte
	escaped := appendLegal(stack[:0], text, '%')
	if len(escaped) > room-len(k.escaped) {
		return s.hashed(k, text)
	}
	return s.prefix + k.escaped + string(escaped)
}

// hashed is for texts that are too long in the form they need.
func (s Space) hashed(k kinds, text string) string {
	sum := sha256.Sum256([]byte(text))
	var stack [maxWire]byte
	b := append(append(stack[:0], s.prefix...), k.hashed...)
	return string(hex.AppendEncode(b, sum[:hashBytes]))
}

// buckets share the markers of all keys of two parts and more: there may be
// millions of those, and each marker is an item that nothing ends. Who meets
// another key's invalidation in a bucket loads once more. All that a tenant has, or all
// that it has of one kind, has buckets apart and more of them: it is much to load, and
// the longer keys are invalidated far more often.
const buckets, variedBuckets = 1 << 12, 1 << 16

// Tree returns the wire key of the marker of what stands below key in the tree of
// keys. A key of one part, which is the name of a function or of a kind of thing,
// has a marker of its own, unless it is varied, by what there may be millions of. The
// others fall into buckets, and one of more than Depth parts has the marker of its
// first Depth.
func (s Space) Tree(key string) string {
	root := rooted(key)
	key = key[:root+len(head(key[root:], Depth))]
	switch several := strings.Contains(key[root:], ":"); {
	case several:
		return s.bucket(":b:", key, buckets)
	case root > 0:
		return s.bucket(":n:", key, variedBuckets)
	}
	return s.place(kinds{":r:", ":re:", ":rh:"}, key)
}

func (s Space) bucket(kind, key string, of uint32) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, key)
	return s.prefix + kind + strconv.FormatUint(uint64(h.Sum32()%of), 36)
}

// Lock returns the wire key of the lock of whoever refreshes the version cas of what
// stands under place, a wire key of s. Two places may share one if half of SHA-256
// collides.
func (s Space) Lock(place string, cas uint64) string {
	sum := sha256.Sum256([]byte(place))
	var stack [maxWire]byte
	b := append(append(stack[:0], s.prefix...), ":l:"...)
	b = append(strconv.AppendUint(b, cas, 36), ':')
	return string(hex.AppendEncode(b, sum[:hashBytes]))
}

// Seq returns the wire key of the counter that numbers the records of the log.
func (s Space) Seq() string { return s.seq }

// Record returns the wire key of record n of the log.
func (s Space) Record(n uint64) string { return s.prefix + ":g:" + strconv.FormatUint(n, 36) }

// Rotation returns the wire key of the guard that lets one process at a time
// begin a new epoch.
func (s Space) Rotation() string { return s.rotation }

// Roster returns the wire key of what the processes say of all nodes.
func (s Space) Roster() string { return s.roster }

// List returns the wire key of the lease of a list of nodes: it is there while a
// process has that list, and goes by that order. Two lists share one if half of SHA-256
// collides.
func (s Space) List(order uint64, names []string) string {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, order)
	for _, name := range names {
		_ = binary.Write(h, binary.BigEndian, uint32(len(name)))
		_, _ = io.WriteString(h, name)
	}
	var stack [maxWire]byte
	b := append(append(stack[:0], s.prefix...), ":u:"...)
	return string(hex.AppendEncode(b, h.Sum(nil)[:hashBytes]))
}
