package keys

import (
	"encoding/binary"
	"math/bits"
	"reflect"
	"unicode/utf8"
	"unsafe"
)

// This file has the most frequent keys, a name and a number or a short text, without writing
// them: they are made in registers, of the words by which L1 and L2 look for a key. A text that
// has just been written is slow to read, since its stores have not ended yet: a hit of a Func of a
// text takes 1.2 times as long by it.

// Words are the text of a key of 8 to 24 bytes: the first 8 and the last 8 of them, and, if
// there are more than 16, those between the 8th and the 16th. Of one of 4 to 7 bytes they are
// the first 4 and the last 4.
type Words struct {
	Head, Mid, Tail uint64
	Len             int // 0: there are none of this key
}

// most is the length of the longest key that has Words, mostLead of what stands before the value.
const (
	most     = 24
	mostLead = 16
)

// leadOf returns what stands before the value, if that and one value is all that f writes, and the kind
// of that: an integer of 8 bytes, which is Uint64, or a String.
func (f *Form) leadOf() (lead built, of reflect.Kind) {
	if len(f.steps) != 1 || f.tail != "" || len(f.steps[0].text) > mostLead || Odd(f.steps[0].text) {
		return lead, reflect.Invalid
	}
	s := f.steps[0]
	switch s.kind {
	case reflect.String:
		if s.offset != 0 { // behind a field that has no name
			return lead, reflect.Invalid
		}
		of = reflect.String
	case reflect.Int, reflect.Uint, reflect.Int64, reflect.Uint64:
		if f.of.Size() != 8 {
			return lead, reflect.Invalid
		}
		of = reflect.Uint64
	default:
		return lead, reflect.Invalid
	}
	var text [mostLead]byte
	lead.size = uint(copy(text[:], s.text))
	lead.first, lead.second = binary.LittleEndian.Uint64(text[:]), binary.LittleEndian.Uint64(text[8:])
	return lead, of
}

// HasNumbers reports whether some values of the Form's type have a Number.
func (f *Form) HasNumbers() bool { return f.led == reflect.Uint64 }

// IsText reports whether the value at p, which is of the Form's type, is a text that is so short that
// its key may have Words.
func (f *Form) IsText(p unsafe.Pointer) bool {
	return f.led == reflect.String && len(*(*string)(p)) <= most
}

// Number returns the value at p, which is of the Form's type, and whether its key is a short name
// and a number from 0 to 10⁸, and so mostly has Words.
func (f *Form) Number(p unsafe.Pointer) (number uint64, ok bool) {
	if !f.HasNumbers() {
		return 0, false
	}
	number = *(*uint64)(p)
	return number, number < 1e8
}

// Words returns the Words of the key of the value at p, which is of the Form's type. There
// are none of one that is neither a Number nor a short text of ASCII.
func (f *Form) Words(p unsafe.Pointer) Words {
	switch f.led {
	case reflect.Uint64:
		if u := *(*uint64)(p); u < 1e8 {
			return f.lead.plus(written(spread(u))).done()
		}
	case reflect.String:
		if s := *(*string)(p); len(s) <= most {
			return f.lead.plusString(s).done()
		}
	}
	return Words{}
}

// built is a key as it is made in registers: its first 24 bytes, and how many there were.
type built struct {
	first, second, third uint64
	size                 uint
}

// plus is b with text behind it, of up to 8 bytes; the others of its word are 0.
func (b built) plus(text uint64, size uint) built {
	shift := 8 * (b.size % 8)
	low, high := text<<shift, text>>1>>(63-shift)
	switch b.size / 8 {
	case 0:
		b.first |= low
		b.second |= high
	case 1:
		b.second |= low
		b.third |= high
	case 2:
		b.third |= low
	}
	b.size += size
	return b
}

// plusString is b with what appendString writes of s; empty if that is not of ASCII.
func (b built) plusString(s string) built {
	if !plain(s) {
		b = b.plus('\'', 1)
	}
	for i := 0; i < len(s); i += 8 {
		w, size := wordAt(s, i), uint(min(len(s)-i, 8))
		odd := suspects(w) << (64 - 8*size) >> (64 - 8*size)
		for odd != 0 {
			at := uint(bits.TrailingZeros64(odd)) / 8
			c := byte(w >> (8 * at))
			if c >= utf8.RuneSelf {
				return built{}
			}
			if !structural(c) {
				odd &= odd - 1
				continue
			}
			b = b.plus(w&(1<<(8*at)-1), at).plus('%'|uint64(hexDigits[c>>4])<<8|uint64(hexDigits[c&15])<<16, 3)
			at++
			w, odd, size = w>>(8*at), odd>>(8*at), size-at
		}
		b = b.plus(w, size)
	}
	return b
}

// done returns the Words of b; none of less than 4 bytes, and of more than most.
func (b built) done() (w Words) {
	n := b.size
	w.Head, w.Mid, w.Len = b.first, b.second, int(n)
	switch {
	case n > most, n < 4:
		return Words{}
	case n > 16:
		w.Tail = w.Mid>>(8*(n-16)) | b.third<<(8*(24-n))
	case n >= 8:
		w.Tail = w.Head>>(8*(n-8)) | w.Mid<<(8*(16-n))
	default:
		w.Head, w.Tail = w.Head&0xffff_ffff, w.Head>>(8*(n-4))
	}
	return w
}

// Are reports whether w are those of key.
func (w Words) Are(key string) bool {
	if len(key) != w.Len {
		return false
	}
	head, tail := Ends(key)
	return head == w.Head && tail == w.Tail && (w.Len <= 16 || between(key) == w.Mid)
}

// Last returns the last byte of the key, as the higher one, and the one before.
func (w Words) Last() uint16 {
	if w.Len < 8 {
		return uint16(w.Tail >> 16)
	}
	return uint16(w.Tail >> 48)
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

// between is what of key, which has 16 bytes or more, is between its first 8 and the 16th.
func between(key string) uint64 {
	return binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(key), len(key))[8:])
}
