package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

// A type with methods of its own is taken at its word: what MarshalJSON writes,
// UnmarshalJSON reads. This file finds the types of which one half is missing,
// or belongs to another type.

// marshalingPair is a method that writes a type's form, and the one that reads
// it back. Both must be there.
type marshalingPair struct {
	write, read         reflect.Type
	writeName, readName string
}

func jsonPair() marshalingPair {
	return marshalingPair{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](), "MarshalJSON", "UnmarshalJSON"}
}

func textPair() marshalingPair {
	return marshalingPair{reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](), "MarshalText", "UnmarshalText"}
}

func binaryPair() marshalingPair {
	return marshalingPair{reflect.TypeFor[encoding.BinaryMarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler](), "MarshalBinary", "UnmarshalBinary"}
}

// marshalingPairs are the pairs that encoding/json uses, the preferred one first.
func marshalingPairs() [2]marshalingPair { return [2]marshalingPair{jsonPair(), textPair()} }

// touches reports whether t has one half of m, at least.
func (m marshalingPair) touches(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(m.write) || p.Implements(m.read)
}

// hasMethods reports whether t has one half of a pair, at least.
func hasMethods(t reflect.Type) bool {
	return jsonPair().touches(t) || textPair().touches(t)
}

// methodsLoss is for a t with methods, which is no pointer and no interface: it
// says what is wrong with them, or "".
func methodsLoss(t reflect.Type, addressable bool) string {
	for _, pair := range marshalingPairs() {
		if pair.touches(t) {
			return pair.loss(t, addressable)
		}
	}
	return ""
}

func (m marshalingPair) loss(t reflect.Type, addressable bool) string {
	switch p := reflect.PointerTo(t); {
	case !p.Implements(m.read):
		return fmt.Sprintf("%s without %s", m.writeName, m.readName)
	case !p.Implements(m.write):
		return fmt.Sprintf("%s without %s", m.readName, m.writeName)
	case !addressable && !t.Implements(m.write):
		return fmt.Sprintf("%s has a pointer receiver, and the values of a map have no address", m.writeName)
	}
	return m.promoted(t)
}

// promoted finds the pair of an embedded field, which Go promotes to the
// struct around it, where it writes that field and forgets the others. From
// outside a promoted method looks like one that the struct declares, so a
// struct that does declare its own is refused too, unless there is nothing to
// forget: one embedded field alone, as in struct{ time.Time }.
func (m marshalingPair) promoted(t reflect.Type) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		inner := f.Type
		isPointer := inner.Kind() == reflect.Pointer
		if isPointer {
			inner = inner.Elem()
		}
		if !m.touches(inner) {
			continue
		}
		if isPointer {
			return fmt.Sprintf("%s may be that of the embedded %v, which is nil when it is decoded", m.readName, f.Type)
		}
		if t.NumField() > 1 {
			return fmt.Sprintf("%s may be that of the embedded %v, which leaves out the other fields", m.writeName, f.Type)
		}
	}
	return ""
}
