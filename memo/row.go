package memo

// Beside the way of a batch to the shared tier: the room for what is known of its keys. It
// is 400 bytes for each, and as a rule nobody has any of it when the batch has its answer:
// of a hundred values of 1 KB, found in one look, that was a fifth of all garbage, in one
// piece that was too large for what a processor has at hand (32 KB).

// A room is kept that has so many members: a load that a smaller batch begins would hold a large
// one in memory for as long as its loader takes, and what is larger still nobody may need again.
const (
	leastRow = 32
	mostRow  = 256
)

// row is the members of one batch, and lists of them.
type row struct {
	all     []member
	members []*member // those that go by the tiers
	looking []*member // those of them that look ahead
	round   []*member // those of them that have to look, once more or for the first time
}

// row is an empty one for n members.
func (c *Cache) row(n int) *row {
	var r *row
	if n >= leastRow {
		r, _ = c.rows.Get().(*row)
	}
	if r == nil || cap(r.all) < n {
		r = &row{all: make([]member, n), members: make([]*member, 0, n), looking: make([]*member, 0, n), round: make([]*member, 0, n)}
	}
	r.all = r.all[:n]
	return r
}

// giveBack ends the use of r, unless somebody may still have a part of it: a load, which can
// outlive the batch, and goes by what was seen for it and by which of the batch's keys it is; or
// who came to a key while it was looked for, and is noted where the look was.
//
//  1. a batch looks for A; a read of A begins beside it, and is noted in the batch's row
//  2. the batch is done, and the next one has the row
//  3. A is invalidated, and nobody is found who reads it; the read keeps what is old
func (c *Cache) giveBack(r *row) {
	if n := cap(r.all); n < leastRow || n > mostRow {
		return
	}
	for i := range r.all {
		if m := &r.all[i]; m.load != nil || !m.seen.watch.Free() {
			return
		}
	}
	clear(r.all)
	clear(r.members)
	clear(r.looking)
	clear(r.round[:cap(r.round)])
	r.members, r.looking, r.round = r.members[:0], r.looking[:0], r.round[:0]
	c.rows.Put(r)
}
