package coherence

import (
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A marker is an item of the store that holds the number of the last invalidation
// of a tag or a tree. What was loaded before that is void, whoever reads it, and
// however much it is.

// Unborn is what a marker holds between its two births: it exists, so that no
// invalidation that comes now is overlooked, and hides everything.
const Unborn = 0

// Marks is what the markers of one value say.
type Marks struct {
	Last    uint64 // the greatest: what has a smaller stamp is void
	Unknown []int  // which of them say nothing: they are missing, unborn, or of another epoch
}

// ReadMarks reads markers, which were read before the counter seq.
func ReadMarks(markers []tier.Item, seq uint64) (m Marks) {
	for i, item := range markers {
		n, err := wire.ParseSeq(item.Value)
		if !item.Found() || err != nil || !SameEpoch(n, seq) {
			m.Unknown = append(m.Unknown, i)
			continue
		}
		m.Last = max(m.Last, n)
	}
	return m
}

// Hide reports whether a value of that stamp is void, or may be. A marker that is
// missing is never taken for one that has nothing to say: the store may have
// evicted it.
func (m Marks) Hide(stamp uint64) bool { return len(m.Unknown) > 0 || stamp < m.Last }
