package codec

import (
	"hash"
	"hash/fnv"
	"io"
	"reflect"
	"strconv"
)

// Fingerprint identifies the shape of t under c: two releases whose
// fingerprints are equal read each other's values. Of a Selector it is that of
// the codec it uses for t.
//
// It goes by the codec's name, and by the type as it is written down: the names
// of types with their packages, kinds, lengths, the names, order and tags of
// fields, and which marshaling methods there are. What is named differently is
// different, however alike it looks: a struct that moves to another package
// gets another fingerprint, because two functions that use one key for two
// types must not read each other's values. What a marshaling method does cannot
// be seen; a change there needs a new name, or a new version of the entries.
//
// The answer is the same in every process, on every platform. Fingerprint walks
// the whole type. Call it once for a type, and keep the answer.
func Fingerprint(c Codec, t reflect.Type) uint64 {
	p := printer{sum: fnv.New64a(), seen: make(map[reflect.Type]int)}
	p.word("tiermemo type 1")
	if c = For(c, t); !isNil(c) {
		p.word(c.Name())
	}
	if t != nil {
		p.print(t)
	}
	return p.sum.Sum64()
}

// printer writes a type into a hash. It walks into all fields, the unexported
// ones and those of types with methods too: a MarshalJSON is most often written
// around the fields, and so changes with them.
type printer struct {
	sum  hash.Hash64
	seen map[reflect.Type]int // named types, by the order in which they came
}

// word writes s so that no two lists of words give the same bytes.
func (p printer) word(s string) {
	io.WriteString(p.sum, strconv.Itoa(len(s)))
	io.WriteString(p.sum, ":")
	io.WriteString(p.sum, s)
}

func (p printer) number(n int) { p.word(strconv.Itoa(n)) }

func (p printer) print(t reflect.Type) {
	if t.Name() != "" {
		if n, again := p.seen[t]; again { // a recursive type ends here
			p.word("again")
			p.number(n)
			return
		}
		p.seen[t] = len(p.seen)
		p.word(t.PkgPath())
		p.word(t.Name())
		p.methods(t)
	}
	p.word(t.Kind().String())
	switch t.Kind() {
	case reflect.Struct:
		p.number(t.NumField())
		for i := range t.NumField() {
			f := t.Field(i)
			p.word(f.Name)
			p.word(strconv.FormatBool(f.Anonymous))
			p.word(string(f.Tag))
			p.print(f.Type)
		}
	case reflect.Map:
		p.print(t.Key())
		p.print(t.Elem())
	case reflect.Array:
		p.number(t.Len())
		p.print(t.Elem())
	case reflect.Slice, reflect.Pointer:
		p.print(t.Elem())
	case reflect.Interface, reflect.Func, reflect.Chan:
		p.word(t.String())
	}
}

func (p printer) methods(t reflect.Type) {
	for _, pair := range []marshalingPair{jsonPair(), textPair(), binaryPair()} {
		for _, method := range []reflect.Type{pair.write, pair.read} {
			p.word(strconv.FormatBool(reflect.PointerTo(t).Implements(method)))
		}
	}
}
