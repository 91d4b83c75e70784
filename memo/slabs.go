package memo

import (
	"encoding"
	"encoding/json"
	"reflect"
	"sync"
	"time"
)

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

// hoards reports whether a method of t's, or of a part of t, reads the stored bytes. Each
// may keep them, though its package forbids it, and nobody has ever noticed:
//
//  1. a batch decodes a value of one tenant, which keeps a part of the room
//  2. another batch is lent the room, and reads a value of another tenant
//  3. that is what the first tenant is shown
//
// Codecs may not either, but know it from us.
func hoards(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[json.RawMessage]() {
		return false
	}
	seen[t] = true
	switch p := reflect.PointerTo(t); {
	case p.Implements(reflect.TypeFor[json.Unmarshaler]()), p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()),
		p.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()), p.Implements(reflect.TypeFor[interface{ UnmarshalCBOR([]byte) error }]()):
		return true
	}
	switch t.Kind() {
	case reflect.Map:
		return hoards(t.Key(), seen) || hoards(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return hoards(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if hoards(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
