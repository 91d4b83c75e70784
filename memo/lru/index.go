package lru

// This file is where a hit looks: the table of one shard, from a key to its entry. Readers
// take no lock.

import (
	"math/bits"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A bucket is a line of a processor's memory, 64 bytes: a hit waits for this one, for the
// first line of the entry (tier.Entry), and for the key and the value, which lie elsewhere.
type bucket struct {
	prints atomic.Uint64 // a byte for each cell: 0, or seven bits of the hash of what lies there, and 0x80
	cells  [cells]atomic.Pointer[tier.Entry]
	more   atomic.Pointer[bucket] // what had no room here; nil: nothing
}

const (
	cells    = 6
	ones     = 0x01_01_01_01_01_01 // in the byte of each cell
	taken    = 0x80 * ones
	fullness = 7 // entries in two buckets, as a mean: then one bucket in 15 has more than fit
)

// A table is the buckets of a shard. find may run at any time, beside one of the others. An entry
// stays in the cell that it was put into: to move it into one that has become free would have
// a reader miss it, who has looked there already.
//
//  1. A reader looks for B in the first bucket of a chain. B lies in the second one.
//  2. The writer deletes A from the first one and moves B there.
//  3. The reader looks in the second one, and says that B is absent. It never was.
//
// For the same reason a Set of a key that is there changes its cell, in one store, and is not a
// delete and a put.
type table struct{ buckets []bucket }

// room is how many entries so many buckets take before there have to be more of them.
func room(buckets int) int64 { return int64(buckets) * fullness / 2 }

// bucketsFor is how many there have to be for so many entries. It is any number, and no
// power of two: the last table of a shard fits what the shard has room for.
func bucketsFor(entries int) int { return int((2*int64(entries) + fullness - 1) / fullness) }

// bucket returns the first bucket of the chain in which the key with this hash lies. The
// highest bits have chosen the shard.
func (t *table) bucket(hash uint64) *bucket {
	i, _ := bits.Mul64(hash<<shardBits, uint64(len(t.buckets)))
	return &t.buckets[i]
}

func printOf(hash uint64) uint64 { return 0x80 | hash&0x7f }

// find returns the entry of key, or nil. It does not keep key.
//
// The print is read before its cell, and may be of what was there before:
//
//  1. A reader of B sees the print of B in a cell.
//  2. The writer deletes B, and puts C there.
//  3. The reader takes C from the cell.
//
// So the key of what it takes decides, and not the print.
func (t *table) find(hash uint64, key string) *tier.Entry {
	like := printOf(hash) * ones
	for b := t.bucket(hash); b != nil; b = b.more.Load() {
		other := b.prints.Load() ^ like         // a byte of it is 0 where a print is the same
		same := (other - ones) &^ other & taken // there, and seldom just above, the byte is 0x80
		for ; same != 0; same &= same - 1 {
			if e := b.cells[bits.TrailingZeros64(same)/8].Load(); e != nil && has(e, key) {
				return e
			}
		}
	}
	return nil
}

// findWords is find for a key that is not written anywhere.
func (t *table) findWords(hash uint64, w keys.Words) *tier.Entry {
	like := printOf(hash) * ones
	for b := t.bucket(hash); b != nil; b = b.more.Load() {
		other := b.prints.Load() ^ like
		same := (other - ones) &^ other & taken
		for ; same != 0; same &= same - 1 {
			if e := b.cells[bits.TrailingZeros64(same)/8].Load(); e != nil && w.Are(e.Key) {
				return e
			}
		}
	}
	return nil
}

// put stores e, whose key is not there. The print comes last: who sees it finds e.
func (t *table) put(hash uint64, e *tier.Entry) {
	b := t.bucket(hash)
	for {
		prints := b.prints.Load()
		if free := ^prints & taken; free != 0 {
			i := bits.TrailingZeros64(free) / 8
			b.cells[i].Store(e)
			b.prints.Store(prints | printOf(hash)<<(8*i))
			return
		}
		next := b.more.Load()
		if next == nil {
			next = new(bucket)
			next.cells[0].Store(e)
			next.prints.Store(printOf(hash))
			b.more.Store(next)
			return
		}
		b = next
	}
}

// replace puts e in place of old, which is of the same key.
func (t *table) replace(hash uint64, old, e *tier.Entry) {
	_, b, i := t.cell(hash, old)
	b.cells[i].Store(e)
}

// delete removes e. A bucket beyond the first of a chain that is empty leaves the chain, or in
// time all chains had one. It still says what comes after it to a reader who is there: nothing
// but what was put after that reader began can be missed by that way.
func (t *table) delete(hash uint64, e *tier.Entry) {
	before, b, i := t.cell(hash, e)
	left := b.prints.Load() &^ (0xff << (8 * i))
	b.prints.Store(left)
	b.cells[i].Store(nil)
	if left == 0 && before != nil {
		before.more.Store(b.more.Load())
	}
}

// cell returns where e lies, and the bucket before that one, or nil. It is there.
func (t *table) cell(hash uint64, e *tier.Entry) (before, b *bucket, i int) {
	for b = t.bucket(hash); ; before, b = b, b.more.Load() {
		for i = range b.cells {
			if b.cells[i].Load() == e {
				return before, b, i
			}
		}
	}
}

// all calls yield for each entry, in no order. Under the lock of the writers.
func (t *table) all(yield func(*tier.Entry)) {
	for i := range t.buckets {
		for b := &t.buckets[i]; b != nil; b = b.more.Load() {
			for j := range b.cells {
				if e := b.cells[j].Load(); e != nil {
					yield(e)
				}
			}
		}
	}
}

// grown is t, or nil for an empty table, in so many buckets. t is never written again when the new one is
// in use, and a reader that still holds it is right:
//
//  1. A reader loads the old table.
//  2. The writer publishes the new one. Both say the same.
//  3. The writer deletes A, in the new one only.
//  4. The reader finds A in the old one.
//
// It began before 3 and may answer as of 2; who begins after 3 loads the new table.
func (t *table) grown(buckets int, hash func(key string) uint64) *table {
	next := &table{buckets: make([]bucket, buckets)}
	if t != nil {
		t.all(func(e *tier.Entry) { next.put(hash(e.Key), e) })
	}
	return next
}
