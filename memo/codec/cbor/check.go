package cbor

import (
	"cmp"
	"reflect"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// Once for a type: what the library would lose of its values. The rules are much
// like those of codec.Check for JSON, and differ in each part: the tags, the keys,
// the methods, and what is written as null. What is alike, the steps from a type to
// its parts, stands here again and in no internal package of the module above:
// a program may build this module with a newer release of that one, and what is
// internal there is a promise to nobody.

// checker holds the types that the walk has entered: a recursive type ends there.
type checker map[reflect.Type]bool

// walk returns the first loss in t. The path is empty until the first named type,
// which begins it.
func (c checker) walk(t reflect.Type, path string) *codec.LossError {
	if path == "" {
		path = t.Name()
	}
	if c[t] || isBuiltIn(t) {
		return nil
	}
	c[t] = true
	if hasMethods(t) {
		return lossIf(methodsLoss(t), t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		w := structWalk{checker: c, owners: make(map[string]string)}
		return w.fields(t, path)
	case reflect.Map:
		key := inside(path, "[key]")
		if loss := lossIf(keyLoss(t.Key()), t.Key(), key); loss != nil {
			return loss
		}
		if loss := c.walk(t.Key(), key); loss != nil {
			return loss
		}
		return c.walk(t.Elem(), inside(path, "[]"))
	case reflect.Slice, reflect.Array:
		return c.walk(t.Elem(), inside(path, "[]"))
	case reflect.Pointer:
		if loss := lossIf(pointerLoss(t.Elem()), t, path); loss != nil {
			return loss
		}
		return c.walk(t.Elem(), path)
	}
	return lossIf(kindLoss(t), t, path)
}

func kindLoss(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Interface:
		return "an interface: the type of what is in it is not kept"
	case reflect.Func, reflect.Chan, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		return "this codec has no form for a " + t.Kind().String()
	}
	return ""
}

// pointerLoss is for a pointer to elem: there is one null for both of them.
func pointerLoss(elem reflect.Type) string {
	switch elem.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if !hasMethods(elem) {
			return "a pointer to a nil " + elem.Kind().String() + " comes back nil"
		}
	}
	return ""
}

// keyLoss is for the key of a map, and for its parts: what comes back must be the
// same key. Of keys with methods Append asks each one: see sameKey.
func keyLoss(t reflect.Type) string {
	switch kind := t.Kind(); {
	case holdsTime(t):
		return "a map key with a time.Time: the zone and the monotonic clock are a part of the key, and not kept"
	case kind == reflect.Interface || kind == reflect.Pointer || kind == reflect.Chan:
		return "a map key with a " + kind.String() + ", which comes back as another key"
	case hasMethods(t):
		return methodsLoss(t)
	case kind == reflect.Float32 || kind == reflect.Float64:
		return "a map key with a float: a NaN is never found again"
	case kind == reflect.Array:
		return keyLoss(t.Elem())
	case kind == reflect.Struct:
		for i := range t.NumField() {
			if reason := keyLoss(t.Field(i).Type); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// holdsTime finds a time.Time in a key, behind methods too: there it comes back as
// the same key in the process that wrote it, and not in one of another time zone,
// which no Append can know.
func holdsTime(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return holdsTime(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsTime(t.Field(i).Type) {
				return true
			}
		}
	}
	return t == timeType()
}

func lossIf(reason string, t reflect.Type, path string) *codec.LossError {
	if reason == "" {
		return nil
	}
	return &codec.LossError{Type: t, Path: cmp.Or(path, t.Name(), t.String()), Reason: reason}
}

// inside extends a path, if it has begun.
func inside(path, step string) string {
	if path == "" {
		return ""
	}
	return path + step
}
