package codec

import (
	"maps"
	"reflect"
)

// One codec seldom suits every type of a program: this file is the choice among
// several, made once for a type.

// A Selector is a Codec that leaves the choice of the codec to the type. The
// cache asks For, and from then on has to do with the answer alone: its name
// stands in the entries, and its rules hold. An answer of nil, or one without a
// valid name, is a mistake of the program.
type Selector interface{ For(t reflect.Type) Codec }

// For returns the codec that c uses for values of type t: c itself, unless it is
// a Selector. What a Selector answers is not asked again.
func For(c Codec, t reflect.Type) Codec {
	if s, ok := c.(Selector); ok {
		return s.For(t)
	}
	return c
}

// ByType returns a Selector that uses special for the types that are its keys,
// and fallback for all others; a nil fallback is JSON{}. A key is one type and
// nothing near it: T says nothing of *T or []T. An interface type is a key like
// any other. Codecs that are Selectors are asked in turn. The map is copied.
//
// Its Name is fallback's, and stands in no entry. Its Append and Unmarshal are
// for those who do not ask For: they go by the type of the value, and so never
// find an interface type, nor nil.
func ByType(fallback Codec, special map[reflect.Type]Codec) Codec {
	if fallback == nil {
		fallback = JSON{}
	}
	return byType{fallback, maps.Clone(special)}
}

type byType struct {
	fallback Codec
	special  map[reflect.Type]Codec
}

// For implements Selector.
func (b byType) For(t reflect.Type) Codec {
	if c, ok := b.special[t]; ok {
		return For(c, t)
	}
	return For(b.fallback, t)
}

// Name implements Codec.
func (b byType) Name() string { return b.fallback.Name() }

// Append implements Codec.
func (b byType) Append(dst []byte, v any) ([]byte, error) {
	c := b.For(reflect.TypeOf(v))
	if c == nil {
		return dst, noCodec(reflect.TypeOf(v))
	}
	return c.Append(dst, v)
}

// Unmarshal implements Codec.
func (b byType) Unmarshal(data []byte, v any) error {
	p := reflect.TypeOf(v)
	if p == nil || p.Kind() != reflect.Pointer {
		return For(b.fallback, p).Unmarshal(data, v) // an error of its own
	}
	c := b.For(p.Elem())
	if c == nil {
		return noCodec(p.Elem())
	}
	return c.Unmarshal(data, v)
}

func noCodec(t reflect.Type) *LossError {
	path := "nil"
	if t != nil {
		path = t.String()
	}
	return &LossError{Type: t, Path: path, Reason: "the codec chosen for it is nil"}
}
