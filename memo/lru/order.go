package lru

// This file is the policy of one shard: who leaves. It is S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi:
// FIFO Queues Are All You Need for Cache Eviction, SOSP 2023), with one bit for each entry
// where the paper has two: it is as good on traces that stay the same, and better where they
// drift (docs/adr/0021-own-lru.md has the figures).
//
// New entries come into a small queue, a tenth of the shard. Those that were used before their
// turn to leave go on into the main one, and so do new ones whose key has left lately (ghost.go).
// In the main one, too, an entry that was used since its last turn gets another. So what a scan
// brings in is gone soon and displaces little, and a hit sets a bit, once in a turn, under no lock.

import (
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// In the Local of an entry, which is this package's own: whether it was used, whether it stands in
// the Cache, which number it has there, plus one (numbers.go), and in the upper half its place.
const (
	used         = 1
	stands       = 2
	numberOffset = 2
	placeOffset  = 32
)

// use notes that e was used. In steady state it is noted already, and nothing is written.
func use(e *tier.Entry) {
	if atomic.LoadUint64(&e.Local)&used == 0 {
		atomic.OrUint64(&e.Local, used)
	}
}

// mostChances bounds how many entries that were used one Set lets pass, looking for one that was
// not. Where all are in use it does not matter who leaves, and others wait for the lock.
const mostChances = 64

// order is the two queues. All under the lock of its shard.
type order struct {
	places []place // by number; 0 is none
	free   uint32  // a place that nobody has; the others follow by their older
	size   int     // of both queues
	small  queue
	main   queue
	ghost  ghost
}

// A place is a link of a queue. Numbers in place of pointers are half as large, and the
// garbage collector does not follow them.
type place struct {
	entry        *tier.Entry
	older, newer uint32 // newer has inMain, too
}

// inMain says, in newer, which queue it is.
const inMain = 1 << 31

type queue struct {
	oldest, newest uint32
	len            int
}

func (o *order) init(size int) {
	*o = order{size: size}
	o.ghost.size = size - o.trial()
}

// trial is the size of the small queue.
func (o *order) trial() int { return max(1, o.size/10) }

func (o *order) len() int { return o.small.len + o.main.len }

// add takes e in, of which there is nothing yet.
func (o *order) add(hash uint64, e *tier.Entry) {
	p := o.vacant()
	o.places[p].entry = e
	atomic.StoreUint64(&e.Local, uint64(p)<<placeOffset|stands)
	if o.ghost.take(hash) {
		o.push(p, inMain)
	} else {
		o.push(p, 0)
	}
}

// replace gives the place of old to e. To have been set again is to have been used.
func (o *order) replace(old, e *tier.Entry) {
	p := o.placeOf(old)
	o.places[p].entry = e
	falls(old)
	atomic.StoreUint64(&e.Local, uint64(p)<<placeOffset|stands|used)
}

// falls notes that e does not stand in the Cache any more, before the table says so: who finds it
// by its number is not to find it later than who looks there.
func falls(e *tier.Entry) { atomic.AndUint64(&e.Local, ^uint64(stands)) }

// remove forgets e.
func (o *order) remove(e *tier.Entry) {
	p := o.placeOf(e)
	falls(e)
	o.unlink(p)
	o.vacate(p)
}

// leave removes the entry whose turn it is and returns it, and whether the ghost is to know.
func (o *order) leave() (e *tier.Entry, remember bool) {
	for chances := mostChances; ; chances-- {
		q := &o.small
		if o.small.len < o.trial() && o.main.len > 0 {
			q = &o.main
		}
		p := q.oldest
		e = o.places[p].entry
		o.unlink(p)
		if chances == 0 || atomic.LoadUint64(&e.Local)&used == 0 {
			falls(e)
			o.vacate(p)
			return e, q == &o.small
		}
		atomic.AndUint64(&e.Local, ^uint64(used))
		o.push(p, inMain)
	}
}

// placeOf returns the place of e, which has one. What e says of that is looked at twice: who puts
// an entry into two Locals has both of them write there.
func (o *order) placeOf(e *tier.Entry) uint32 {
	p := atomic.LoadUint64(&e.Local) >> placeOffset
	if p < uint64(len(o.places)) && o.places[p].entry == e {
		return uint32(p)
	}
	for p = 1; o.places[p].entry != e; p++ {
	}
	return uint32(p)
}

// push makes p the newest of its queue.
func (o *order) push(p, flag uint32) {
	q := o.queue(flag)
	o.places[p].older, o.places[p].newer = q.newest, flag
	if q.newest == 0 {
		q.oldest = p
	} else {
		o.places[q.newest].newer = p | flag
	}
	q.newest = p
	q.len++
}

func (o *order) unlink(p uint32) {
	flag := o.places[p].newer & inMain
	q, older, newer := o.queue(flag), o.places[p].older, o.places[p].newer&^inMain
	if older == 0 {
		q.oldest = newer
	} else {
		o.places[older].newer = newer | flag
	}
	if newer == 0 {
		q.newest = older
	} else {
		o.places[newer].older = older
	}
	q.len--
}

func (o *order) queue(flag uint32) *queue {
	if flag == inMain {
		return &o.main
	}
	return &o.small
}

// vacant returns a place that nobody has. There are as many as there ever were entries at once,
// and at most one for each that there is room for.
func (o *order) vacant() uint32 {
	if p := o.free; p != 0 {
		o.free = o.places[p].older
		return p
	}
	n := max(len(o.places), 1)
	if n >= cap(o.places) {
		more := make([]place, n, min(max(8, 2*n), o.size+1))
		copy(more, o.places)
		o.places = more
	}
	o.places = o.places[:n+1]
	return uint32(n)
}

func (o *order) vacate(p uint32) {
	o.places[p] = place{older: o.free}
	o.free = p
}
