package keys

import (
	"encoding"
	"fmt"
	"reflect"
)

// This file asks a value that can speak for itself, by a CacheKey or MarshalText
// method, before Join takes it apart.

// A keyer says what it is in a cache key. What it leaves out does not count.
type keyer interface{ CacheKey() string }

// speaks reports whether values of t have a text of their own.
func speaks(t reflect.Type) bool { return has[keyer](t) || has[encoding.TextMarshaler](t) }

// has reports whether t or *t is an I.
func has[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Implements(i) || t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(i)
}

// spoken returns what v, no nil pointer, says of itself; ok is false if it has
// neither method.
func spoken(v reflect.Value) (s string, ok bool, p *problem) {
	switch t := v.Type(); {
	case has[keyer](t):
		s, p = ask(v, func(k keyer) (string, error) { return k.CacheKey(), nil })
	case has[encoding.TextMarshaler](t):
		s, p = ask(v, func(m encoding.TextMarshaler) (string, error) {
			text, err := m.MarshalText()
			return string(text), err
		})
	default:
		return "", false, nil
	}
	return s, true, p
}

// ask has v say its text.
func ask[I any](v reflect.Value, say func(I) (string, error)) (string, *problem) {
	s, err := say(as[I](v))
	if err != nil {
		return "", &problem{what: "has no text: " + err.Error()}
	}
	return s, silent(v, s, say, 0)
}

// as returns v as an I: itself or, so that a T and a *T have one key, a pointer
// to a copy of it.
func as[I any](v reflect.Value) I {
	if i, ok := v.Interface().(I); ok {
		return i
	}
	c := reflect.New(v.Type()) // not v.Addr(): the method may write
	c.Elem().Set(v)
	return c.Interface().(I)
}

// silent finds in a struct v that said s a field of which s says nothing. A
// struct that embeds a time.Time has its MarshalText, and this alone:
//
//	type Visit struct {
//		time.Time
//		User int
//	}
//
// All users of one instant would share a key. Reflection cannot tell a method
// that an embedded field lends from one that is declared, but a lent one says
// what the field says. This is refused as soon as another field has a value. It
// may strike a type that does want to go by its embedded field alone; that type
// can give the field a name.
func silent[I any](v reflect.Value, s string, say func(I) (string, error), depth int) *problem {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	if depth == maxDepth {
		return tooDeep()
	}
	v = addressable(v)
	for i := range v.NumField() {
		lender := v.Type().Field(i)
		if !lender.Anonymous || !has[I](lender.Type) {
			continue
		}
		field := reflect.NewAt(lender.Type, v.Field(i).Addr().UnsafePointer()).Elem() // lends its methods even if unexported
		if !says(field, s, say) {
			continue
		}
		for j := range v.NumField() {
			if other := v.Type().Field(j); j != i && other.Name != "_" && !v.Field(j).IsZero() {
				return &problem{what: fmt.Sprintf("goes by the text of its embedded field %s, which leaves out the field %s: give %s a CacheKey method that has it, or the embedded field a name",
					lender.Name, other.Name, v.Type())}
			}
		}
		if p := silent(field, s, say, depth+1); p != nil {
			return p
		}
	}
	return nil
}

// says reports whether an embedded field says s too. If it panics, it did not
// lend its method: the struct would have panicked before.
func says[I any](field reflect.Value, s string, say func(I) (string, error)) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	text, err := say(as[I](field))
	return err == nil && text == s
}

// addressable returns v, or a copy of it that has an address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}
