package codec

import (
	"encoding"
	"fmt"
	"reflect"
)

// A type that writes itself in bytes, and in nothing that JSON would use, most
// often has its fields unexported: its own methods are the one way to keep it.
// This file is the form of such values, which JSON has beside its text.

// binaryForm reports whether values of t are stored by the MarshalBinary and
// UnmarshalBinary of t, or of what t points to. The pair of an embedded field
// does not count where it would forget the fields around it: JSON writes those.
func binaryForm(t reflect.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Interface, reflect.Pointer:
		return false
	}
	return binaryPair().loss(t, true) == "" && !hasMethods(t)
}

// appendBinary is for a v of a type that has a binaryForm.
func appendBinary(dst []byte, v any) ([]byte, error) {
	p := reflect.ValueOf(v)
	switch {
	case p.Kind() != reflect.Pointer:
		p = reflect.New(p.Type())
		p.Elem().Set(reflect.ValueOf(v))
	case p.IsNil():
		return append(dst, rawNil), nil
	}
	var own []byte
	err := guard("encoding", v, func() (err error) {
		own, err = p.Interface().(encoding.BinaryMarshaler).MarshalBinary()
		return err
	})
	if err != nil {
		return dst, err
	}
	return append(append(dst, binaryBytes), own...), nil
}

// readBinary is for a v of a type that has a binaryForm.
func readBinary(data []byte, v reflect.Value) error {
	isPointer := v.Kind() == reflect.Pointer
	switch {
	case len(data) == 1 && data[0] == rawNil && isPointer:
		return nil // Unmarshal has zeroed it
	case len(data) == 0 || data[0] != binaryBytes:
		return fmt.Errorf("codec: not the stored form of a %v", v.Type())
	case isPointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		v = v.Addr()
	}
	own := data[1:len(data):len(data)]
	return guard("decoding", v.Interface(), func() error { return v.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(own) })
}
