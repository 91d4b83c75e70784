package memotest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"
)

// This file finds the first part in which a value differs from what became of
// it in a tier, and says so in words.

// mostDepth ends the walk through a value that contains itself.
const mostDepth = 100

// difference returns the path of the first difference, and what it is: "" if there is
// none.
func difference(path string, want, got reflect.Value, depth int) (where, why string) {
	if depth > mostDepth {
		return "", ""
	}
	if same, asked := says(want, got); asked {
		if same {
			return "", ""
		}
		return path, fmt.Sprintf("%s became %s", show(want), show(got))
	}
	switch want.Kind() {
	case reflect.Struct:
		for i := range want.NumField() {
			f := want.Type().Field(i)
			if where, why = difference(path+"."+f.Name, want.Field(i), got.Field(i), depth+1); why != "" {
				return where, why
			}
		}
		return "", ""
	case reflect.Pointer, reflect.Interface:
		if want.IsNil() || got.IsNil() {
			return path, nils(want, got)
		}
		if a, b := want.Elem().Type(), got.Elem().Type(); a != b {
			return path, fmt.Sprintf("a %v became a %v", a, b)
		}
		return difference(path, want.Elem(), got.Elem(), depth+1)
	case reflect.Slice, reflect.Map:
		if want.IsNil() != got.IsNil() {
			return path, nils(want, got)
		}
		if want.Len() != got.Len() {
			return path, fmt.Sprintf("%d elements became %d", want.Len(), got.Len())
		}
	}
	switch want.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range want.Len() {
			if where, why = difference(fmt.Sprintf("%s[%d]", path, i), want.Index(i), got.Index(i), depth+1); why != "" {
				return where, why
			}
		}
	case reflect.Map:
		for keys := want.MapRange(); keys.Next(); {
			at := fmt.Sprintf("%s[%s]", path, show(keys.Key()))
			other := got.MapIndex(keys.Key())
			if !other.IsValid() {
				return at, "the key is gone"
			}
			if where, why = difference(at, keys.Value(), other, depth+1); why != "" {
				return where, why
			}
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if want.IsNil() != got.IsNil() || !want.IsNil() && want.Pointer() != got.Pointer() {
			return path, fmt.Sprintf("a %v is nothing that can be stored", want.Type())
		}
	case reflect.Float32, reflect.Float64:
		a, b := want.Float(), got.Float()
		if a != b && !(math.IsNaN(a) && math.IsNaN(b)) {
			return path, fmt.Sprintf("%v became %v", a, b)
		}
	default:
		if !want.Equal(got) {
			return path, fmt.Sprintf("%s became %s", show(want), show(got))
		}
	}
	return "", ""
}

// says asks the values themselves. Those in unexported fields cannot be asked.
func says(want, got reflect.Value) (same, asked bool) {
	if !want.CanInterface() || want.Kind() == reflect.Interface || want.Kind() == reflect.Pointer && (want.IsNil() || got.IsNil()) {
		return false, false
	}
	a, b := want.Interface(), got.Interface()
	if at, ok := a.(time.Time); ok {
		_, offset := at.Zone()
		_, other := b.(time.Time).Zone()
		return at.Equal(b.(time.Time)) && offset == other, true
	}
	if equal := want.MethodByName("Equal"); equal.IsValid() {
		typ := equal.Type()
		if typ.NumIn() == 1 && typ.In(0) == want.Type() && !typ.IsVariadic() && typ.NumOut() == 1 && typ.Out(0).Kind() == reflect.Bool {
			return equal.Call([]reflect.Value{got})[0].Bool(), true
		}
	}
	x, ok := written(want)
	if !ok {
		return false, false
	}
	y, _ := written(got)
	return reflect.DeepEqual(a, b) || x == y, true
}

// written is what a value writes of itself, if it does.
func written(v reflect.Value) (string, bool) {
	own := v.Interface()
	if v.CanAddr() {
		own = v.Addr().Interface()
	}
	var text []byte
	var err error
	switch w := own.(type) {
	case json.Marshaler:
		text, err = w.MarshalJSON()
	case encoding.TextMarshaler:
		text, err = w.MarshalText()
	case encoding.BinaryMarshaler:
		text, err = w.MarshalBinary()
	default:
		return "", false
	}
	return string(text), err == nil
}

func nils(want, got reflect.Value) string {
	word := func(v reflect.Value) string {
		switch {
		case v.IsNil():
			return "nil"
		case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
			return "empty"
		}
		return show(v)
	}
	if want.IsNil() == got.IsNil() {
		return ""
	}
	return word(want) + " became " + word(got)
}

// show is a value as it fits into a line.
func show(v reflect.Value) string {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%.60q", v.String())
	}
	return fmt.Sprintf("%.80s", fmt.Sprint(v))
}
