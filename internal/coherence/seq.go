package coherence

// The counter of a store is epoch<<32 | count. An invalidation counts; a new
// epoch makes everything void that was stored before. Numbers of different
// epochs have no order: epochs are random, and a store that lost its counter
// begins another one.

const (
	countBits = 32
	epochBits = 30 // with the top bit set, so that a counter has 19 digits from its first to its last
)

// Epoch returns the epoch of seq.
func Epoch(seq uint64) uint64 { return seq >> countBits }

// SameEpoch reports whether a and b may be compared.
func SameEpoch(a, b uint64) bool { return Epoch(a) == Epoch(b) }

// NewEpoch returns the first number of an epoch made from random, which is to be
// drawn for every attempt, other than that of old.
func NewEpoch(random, old uint64) uint64 {
	e := uint64(1)<<epochBits | random&(1<<epochBits-1)
	if e == Epoch(old) {
		e ^= 1
	}
	return e << countBits
}
