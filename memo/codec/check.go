package codec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
)

// Once for a type: what encoding/json would lose of its values.

// A Checker is a Codec that knows which types it carries without loss. Without
// it the rules of Check for JSON apply.
type Checker interface{ Check(t reflect.Type) error }

// LossError names the part of a type, or of a value, that a Codec would lose. Its
// text shows no value, so that a log can: a Codec of yours whose Append returns one
// is quoted there.
type LossError struct {
	Type   reflect.Type // of the part
	Path   string       // for example "User.Address.note"; empty: the type is fine, and a value is not
	Reason string       // for example "unexported field"
}

// Error implements error.
func (e *LossError) Error() string {
	if e.Path == "" {
		return "codec: " + e.Reason
	}
	return fmt.Sprintf("codec: %s (%v) would not survive: %s", e.Path, e.Type, e.Reason)
}

// Check reports, as a *LossError, the first part of t that would not survive c.
// Of a Selector the codec it uses for t is meant. A c that is a Checker is asked,
// and its error is returned as it is.
//
// The rules for JSON: each value of a type that passes is either refused by
// Append or comes back equal, with these exceptions, which no type shows. Of a
// time.Time the instant and the offset are kept, not the monotonic clock and
// the name of the zone; where the offset has seconds, as those of history had,
// they are cut off it, and the instant moves by them. Under omitempty and
// omitzero a negative zero loses its sign. Pointers to one thing become pointers
// to equal things. And types with MarshalJSON and UnmarshalJSON, or MarshalText
// and UnmarshalText, are taken at their word, and so is a t with MarshalBinary
// and UnmarshalBinary: a nil json.RawMessage comes back as null, and any other
// without white space.
//
// Keys of maps are not taken at their word: of those that do not come back as
// the same key, two may become one, and an entry is lost with nobody's method to
// blame. Keys are strings, integers and netip.Addr, and named types of the former
// without MarshalText and UnmarshalText.
//
// Check walks the whole type. Call it once for a type, and keep the answer.
func Check(c Codec, t reflect.Type) error {
	if c = For(c, t); isNil(c) {
		return noCodec(t)
	}
	if own, ok := c.(Checker); ok {
		return own.Check(t)
	}
	if t == nil {
		return &LossError{Path: "nil", Reason: "no type"}
	}
	if isRaw(t) || binaryForm(t) {
		return nil
	}
	if loss := (checker{}).walk(t, "", true); loss != nil {
		return loss
	}
	return nil
}

// checker holds the types that the walk has entered: a recursive type ends
// there. What is lost of them has been found already, or is about to be.
type checker map[visit]bool

type visit struct {
	t           reflect.Type
	addressable bool
}

// walk returns the first loss in t. The path is empty until the first named
// type, which begins it. Values that encoding/json can address are all but
// those in maps: see Append.
func (c checker) walk(t reflect.Type, path string, addressable bool) *LossError {
	if path == "" {
		path = t.Name()
	}
	if v := (visit{t, addressable}); c[v] {
		return nil
	} else {
		c[v] = true
	}
	if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && hasMethods(t) {
		return lossIf(methodsLoss(t, addressable), t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.walkStruct(t, path, addressable)
	case reflect.Map:
		if loss := lossIf(keyLoss(t.Key()), t.Key(), inside(path, "[key]")); loss != nil {
			return loss
		}
		return c.walk(t.Elem(), inside(path, "[]"), false)
	case reflect.Slice:
		return c.walk(t.Elem(), inside(path, "[]"), true)
	case reflect.Array:
		return c.walk(t.Elem(), inside(path, "[]"), addressable)
	case reflect.Pointer:
		if loss := lossIf(pointerLoss(t.Elem()), t, path); loss != nil {
			return loss
		}
		return c.walk(t.Elem(), path, true)
	}
	return lossIf(kindLoss(t), t, path)
}

// kindLoss is for the types that have no parts.
func kindLoss(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Interface:
		if t == reflect.TypeFor[error]() {
			return "an error value: its type is not kept"
		}
		return "an interface: the type of what is in it is not kept"
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return "JSON has no form for a " + t.Kind().String()
	}
	if t == reflect.TypeFor[json.Number]() {
		return `an empty json.Number comes back as "0"`
	}
	return ""
}

// pointerLoss is for a pointer to elem: JSON has one null for both of them.
func pointerLoss(elem reflect.Type) string {
	switch elem.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if elem.Kind() == reflect.Pointer || !hasMethods(elem) {
			return "a pointer to a nil " + elem.Kind().String() + " comes back nil"
		}
	}
	return ""
}

// keyLoss is for the key of a map. A type with methods of its own may write two
// keys as one text, or read one as another: two time.Time that differ in the
// name of the zone are two keys and one text, and one with a monotonic clock is
// not == to what is read. Whether it does shows in no type, and to ask each key
// would cost every value. netip.Addr is known not to.
//
// encoding/json writes keys by other rules than it reads them, so that half a
// pair is no better.
func keyLoss(t reflect.Type) string {
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[netip.Addr]():
		return ""
	case textPair().touches(t):
		return "a map key with methods for text, which may make one key of two"
	case kind == reflect.String, reflect.Int <= kind && kind <= reflect.Uintptr:
		return ""
	}
	return "a map key that is no string, no integer and no netip.Addr"
}

func lossIf(reason string, t reflect.Type, path string) *LossError {
	if reason == "" {
		return nil
	}
	if path == "" {
		path = cmp.Or(t.Name(), t.String())
	}
	return &LossError{Type: t, Path: path, Reason: reason}
}

// inside extends a path, if it has begun.
func inside(path, step string) string {
	if path == "" {
		return ""
	}
	return path + step
}
