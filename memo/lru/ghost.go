package lru

// This file is what a shard remembers of those that have left: who comes back soon was worth
// keeping.

import (
	"math/bits"
	"slices"
)

// A ghost has the hashes of the keys that have left the small queue last, as many as the main one
// has room for. They lie in rows of a line of the processor's memory each, newest first, and a
// key knows its row: what falls out of a row is nearly, not exactly, what left longest ago, and
// there is nothing beside the hashes. Of two keys with one hash, of four billion, one may be kept
// that need not be.
type ghost struct {
	size int
	rows [][rowLen]uint32 // nil: nobody has left. 0 is no key
}

const rowLen = 16

// width is how much of a row is in use: all, but in a ghost that is smaller than one.
func (g *ghost) width() int { return min(rowLen, g.size) }

func (g *ghost) row(hash uint64) []uint32 {
	i, _ := bits.Mul64(hash<<shardBits, uint64(len(g.rows)))
	return g.rows[i][:g.width()]
}

// add remembers the key with this hash.
func (g *ghost) add(hash uint64) {
	if g.size == 0 {
		return
	}
	if g.rows == nil {
		g.rows = make([][rowLen]uint32, (g.size+rowLen-1)/rowLen)
	}
	row := g.row(hash)
	copy(row[1:], row)
	row[0] = uint32(hash)
}

// take reports whether the key with this hash has left lately, and forgets it.
func (g *ghost) take(hash uint64) bool {
	if g.rows == nil || uint32(hash) == 0 {
		return false
	}
	row := g.row(hash)
	i := slices.Index(row, uint32(hash))
	if i < 0 {
		return false
	}
	copy(row[i:], row[i+1:])
	row[len(row)-1] = 0
	return true
}
