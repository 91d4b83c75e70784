package codec

import (
	"fmt"
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

// mostSelectors ends a ring of Selectors that answer one another.
const mostSelectors = 16

// For returns the codec that c uses for values of type t: c itself, unless it is
// a Selector. An answer that is a Selector is asked in turn, so that what For
// returns never is one; more than 16 that answer one another have no codec, and
// For returns nil.
func For(c Codec, t reflect.Type) Codec {
	for range mostSelectors + 1 {
		s, ok := c.(Selector)
		if !ok || isNil(c) {
			return c
		}
		c = s.For(t)
	}
	return nil
}

// ByType returns a Selector that uses special for the types that are its keys,
// and fallback for all others; a nil fallback is JSON{}. A key is one type and
// nothing near it: T says nothing of *T or []T. An interface type is a key like
// any other. The map is copied.
//
// It is a Codec so that it can stand in Config, and stores nothing itself: whoever
// is not the cache asks For, with the type, and uses the answer. Its Name is
// fallback's, and stands in no entry; memo.New refuses it with a fallback that
// is a nil pointer.
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
		return c
	}
	return b.fallback
}

// Name implements Codec. A nil that has methods cannot be asked. What it says then
// is longer than the name of a Codec may be, so that it is read at once.
func (b byType) Name() string {
	if isNil(b.fallback) {
		return fmt.Sprintf("a nil %T as the fallback of ByType", b.fallback)
	}
	return b.fallback.Name()
}

var errAsk = &LossError{Reason: "ByType stores nothing itself: ask codec.For for the codec of the type"}

// Append implements Codec. To go by the type of v instead is what it must not do:
// a value in an interface has another type when it is written than the pointer
// has into which it is read, and so would be read by another codec.
func (b byType) Append(dst []byte, v any) ([]byte, error) { return dst, errAsk }

// Unmarshal implements Codec.
func (b byType) Unmarshal(data []byte, v any) error { return errAsk }

// isNil reports whether c is nil, or a nil pointer, map or func that has the
// methods of a Codec: most often a constructor's, whose error nobody looked at.
func isNil(c Codec) bool {
	switch v := reflect.ValueOf(c); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Func:
		return v.IsNil()
	}
	return false
}

func noCodec(t reflect.Type) *LossError {
	path := "nil"
	if t != nil {
		path = t.String()
	}
	return &LossError{Type: t, Path: path, Reason: "the codec chosen for it is nil"}
}
