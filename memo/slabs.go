package memo

import "sync"

// Beside the look of a batch: where the Node that knows of it puts what it reads. Nearly
// all of it is decoded at once, and then nobody needs the bytes any more: a look for a
// hundred values of 1 KB made 110 KB of garbage more, and took a third longer.

// slabSize is the room that is handed out at once; a larger value has its own.
const slabSize = 32 << 10

type slab [slabSize]byte

// slabs are the rooms of one look, which go back to spare when it was judged. What
// outlives that is copied.
type slabs struct {
	spare *sync.Pool // of *slab
	taken []*slab
}

// room is of least bytes or more.
func (s *slabs) room(least int) []byte {
	if least > slabSize {
		return make([]byte, least)
	}
	one, _ := s.spare.Get().(*slab)
	if one == nil {
		one = new(slab)
	}
	s.taken = append(s.taken, one)
	return one[:]
}

// giveBack ends the use of all rooms.
func (s *slabs) giveBack() {
	for _, one := range s.taken {
		s.spare.Put(one)
	}
	s.taken = nil
}

// Room is room for values that a read of the trip finds, of least bytes or more; nil: they
// are to be kept, and the Node makes its own. It is asked for by the goroutine that
// makes the call, and before that returns.
func (t *trip) Room(least int) []byte {
	if t.slabs == nil {
		return nil
	}
	return t.slabs.room(least)
}
