package keys

import (
	"encoding/binary"
	"reflect"
	"unsafe"
)

// This file has the most frequent keys, a name and a number, without writing them: their
// text is made in registers, of the words by which a request's memory looks for a key. A
// text that has just been written is slow to read, since its stores have not ended yet; so
// this is a sixth of a hit.

// Words are the text of a key of 8 to 24 bytes: the first 8 and the last 8 of them, and, if
// there are more than 16, those between the 8th and the 16th. Of one of 4 to 7 bytes they are
// the first 4 and the last 4.
type Words struct {
	Head, Mid, Tail uint64
	Len             int // 0: there are none of this key
}

const mostLead = 16

// lead is what stands in a key before the number.
type lead struct {
	text        [mostLead]byte
	size        int
	first, then uint64 // text as words
	last        uint64 // the last 8 bytes of it, or all, at the upper end of the word
}

// leadOf returns the lead of f, if that and an integer of 8 bytes is all that f writes.
func (f *Form) leadOf() (l lead, ok bool) {
	if len(f.steps) != 1 || f.tail != "" || len(f.steps[0].text) > mostLead || Odd(f.steps[0].text) {
		return l, false
	}
	switch s := f.steps[0]; s.kind {
	case reflect.Int, reflect.Uint, reflect.Int64, reflect.Uint64:
		if f.of.Size() != 8 {
			return l, false
		}
		l.size = copy(l.text[:], s.text)
		l.first, l.then = binary.LittleEndian.Uint64(l.text[:]), binary.LittleEndian.Uint64(l.text[8:])
		for _, c := range []byte(s.text) {
			l.last = l.last>>8 | uint64(c)<<56
		}
		return l, true
	}
	return l, false
}

// HasWords reports whether some values of the Form's type have Words.
func (f *Form) HasWords() bool { return f.number }

// Number returns the value at p, which is of the Form's type, and whether its key is a short name
// and a number from 0 to 10⁸, and so mostly has Words.
func (f *Form) Number(p unsafe.Pointer) (number uint64, ok bool) {
	if !f.number {
		return 0, false
	}
	number = *(*uint64)(p)
	return number, number < 1e8
}

// Words returns the Words of the key of the value at p, which is of the Form's type. There
// are none of one that has no Number.
func (f *Form) Words(p unsafe.Pointer) (w Words) {
	if !f.number || *(*uint64)(p) >= 1e8 {
		return w
	}
	text, n := written(spread(*(*uint64)(p)))
	l := &f.lead
	w.Len = l.size + n
	if l.size < 8 {
		w.Head = l.first | text<<(8*l.size)
	} else {
		w.Head, w.Mid = l.first, l.then|text<<(8*(l.size-8))
	}
	switch {
	case w.Len >= 8:
		w.Tail = text<<(64-8*n) | l.last>>(8*n)
	case w.Len >= 4:
		w.Head, w.Tail = w.Head&0xffff_ffff, w.Head>>(8*(w.Len-4))
	default:
		w.Len = 0
	}
	return w
}

// Ends are the first 8 bytes of key and the last 8, which overlap in one of less than
// 16; of one of less than 8 the first and last 4; and of one of less than 4 all three.
func Ends(key string) (head, tail uint64) {
	b := unsafe.Slice(unsafe.StringData(key), len(key)) // as there is no such load of a string
	switch n := len(b); {
	case n >= 8:
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n == 0:
		return 0, 0
	default:
		return uint64(b[0]), uint64(b[n/2])<<8 | uint64(b[n-1])
	}
}

// Between is what of key, which has 16 bytes or more, is between its first 8 and the 16th.
func Between(key string) uint64 {
	return binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(key), len(key))[8:])
}
