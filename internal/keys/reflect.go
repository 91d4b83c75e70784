package keys

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// This file is the long way through Join, by reflection: everything but plain
// strings and integers.

// maxDepth is how many slices, structs and maps may stand inside each other. It
// is what ends a slice that contains itself.
const maxDepth = 32

// appendValue writes v, which stands depth containers deep.
func appendValue(b []byte, v reflect.Value, depth int) ([]byte, *problem) {
	switch v.Kind() {
	case reflect.Invalid:
		return append(b, "nil"...), nil
	case reflect.Interface:
		return appendValue(b, v.Elem(), depth)
	case reflect.Pointer:
		if v.IsNil() { // before its methods are asked: most would panic
			return append(b, "nil"...), nil
		}
	}
	if s, ok, p := spoken(v); ok {
		return appendText(append(b, '@'), s), p
	}

	switch v.Kind() {
	case reflect.String:
		return appendString(b, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return appendFloat(b, v.Float()), nil
	case reflect.Complex64, reflect.Complex128:
		b = appendFloat(append(b, '('), real(v.Complex()))
		b = appendFloat(append(b, ','), imag(v.Complex()))
		return append(b, ')'), nil
	case reflect.Slice, reflect.Array, reflect.Struct, reflect.Map:
		if depth == maxDepth {
			return b, tooDeep()
		}
		return appendContainer(b, v, depth+1)
	case reflect.Pointer:
		return b, &problem{what: "is a pointer: pass what it points to, or give its type a CacheKey method"}
	}
	return b, &problem{what: "has no value to make a key of"}
}

// appendContainer writes v, whose content stands depth containers deep.
func appendContainer(b []byte, v reflect.Value, depth int) ([]byte, *problem) {
	switch kind := v.Kind(); {
	case kind != reflect.Struct && kind != reflect.Array && v.IsNil():
		return append(b, "nil"...), nil
	case kind == reflect.Struct:
		return appendStruct(b, v, depth)
	case kind == reflect.Map:
		return appendMap(b, v, depth)
	case v.Type().Elem().Kind() == reflect.Uint8 && !speaks(v.Type().Elem()):
		return appendBytes(b, v), nil
	}
	return appendList(b, v, depth)
}

func appendBytes(b []byte, v reflect.Value) []byte {
	b = append(b, "0x"...)
	for i := range v.Len() {
		b = hex.AppendEncode(b, []byte{byte(v.Index(i).Uint())})
	}
	return b
}

func appendList(b []byte, v reflect.Value, depth int) ([]byte, *problem) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var p *problem
		if b, p = appendValue(b, v.Index(i), depth); p != nil {
			return b, p.inside("element "+strconv.Itoa(i), v.Index(i))
		}
	}
	return append(b, ']'), nil
}

// appendStruct writes the fields that can be read. One that cannot refuses the
// whole struct: two values that differ there alone would share a key.
func appendStruct(b []byte, v reflect.Value, depth int) ([]byte, *problem) {
	b = append(b, '{')
	first := true
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Name == "_" { // == does not compare it either
			continue
		}
		if !field.IsExported() {
			return b, &problem{what: fmt.Sprintf("has the unexported field %s: give %s a CacheKey method", field.Name, v.Type())}
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(b, field.Name...), '=')
		var p *problem
		if b, p = appendValue(b, v.Field(i), depth); p != nil {
			return b, p.inside("field "+field.Name, v.Field(i))
		}
	}
	return append(b, '}'), nil
}

func appendMap(b []byte, v reflect.Value, depth int) ([]byte, *problem) {
	type entry struct{ key, value string }
	entries := make([]entry, 0, v.Len())
	for each := v.MapRange(); each.Next(); {
		key, p := appendValue(nil, each.Key(), depth)
		if p != nil {
			return b, p.inside("a key", each.Key())
		}
		value, p := appendValue(nil, each.Value(), depth)
		if p != nil {
			return b, p.inside("a value", each.Value())
		}
		entries = append(entries, entry{string(key), string(value)})
	}
	slices.SortFunc(entries, func(x, y entry) int { return strings.Compare(x.key, y.key) })

	b = append(b, "map{"...)
	for i, e := range entries {
		if i > 0 {
			// int(7) and int64(7) are two keys of a map[any]V and would be one here, their order left to chance.
			if e.key == entries[i-1].key {
				return b, &problem{what: "has two keys that are written alike"}
			}
			b = append(b, ',')
		}
		b = append(append(append(b, e.key...), '='), e.value...)
	}
	return append(b, '}'), nil
}
