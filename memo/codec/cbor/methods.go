package cbor

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A type with methods of its own is taken at its word: what one writes, the other
// reads. This file finds the types of which one half is missing, or belongs to
// another type.

// pair is a method that writes a type's form, and the one that reads it back.
type pair struct {
	write, read         reflect.Type
	writeName, readName string
}

// pairs are those that the library uses, the preferred one first.
func pairs() [3]pair {
	return [3]pair{
		{reflect.TypeFor[cbor.Marshaler](), reflect.TypeFor[cbor.Unmarshaler](), "MarshalCBOR", "UnmarshalCBOR"},
		{reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler](), "MarshalBinary", "UnmarshalBinary"},
		{reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](), "MarshalText", "UnmarshalText"},
	}
}

func timeType() reflect.Type { return reflect.TypeFor[time.Time]() }

// isBuiltIn is for the types that have a form of their own in CBOR.
func isBuiltIn(t reflect.Type) bool {
	return t == timeType() || t == reflect.TypeFor[big.Int]()
}

// touches reports whether t has one half of m, at least.
func (m pair) touches(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(m.write) || p.Implements(m.read)
}

// hasMethods reports whether t has one half of a pair, at least.
func hasMethods(t reflect.Type) bool {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return false
	}
	for _, m := range pairs() {
		if m.touches(t) {
			return true
		}
	}
	return false
}

// methodsLoss says what is wrong with the methods of t, or "".
func methodsLoss(t reflect.Type) string {
	for _, m := range pairs() {
		if m.touches(t) {
			return m.loss(t)
		}
	}
	return ""
}

func (m pair) loss(t reflect.Type) string {
	switch p := reflect.PointerTo(t); {
	case !p.Implements(m.read):
		return fmt.Sprintf("%s without %s", m.writeName, m.readName)
	case !p.Implements(m.write):
		return fmt.Sprintf("%s without %s", m.readName, m.writeName)
	}
	return m.promoted(t)
}

// promoted finds the pair of an embedded field, which Go promotes to the struct
// around it, where it writes that field and forgets the others. A struct that
// declares its own looks the same, and so is refused too, unless there is nothing
// to forget.
func (m pair) promoted(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	for i := range t.NumField() {
		f := t.Field(i)
		inner := f.Type
		isPointer := inner.Kind() == reflect.Pointer
		if isPointer {
			inner = inner.Elem()
		}
		switch {
		case !f.Anonymous || !m.touches(inner):
		case isPointer:
			return fmt.Sprintf("%s may be that of the embedded %v, which is nil when it is decoded", m.readName, f.Type)
		case t.NumField() > 1:
			return fmt.Sprintf("%s may be that of the embedded %v, which leaves out the other fields", m.writeName, f.Type)
		}
	}
	return ""
}
