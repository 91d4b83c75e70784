// Package keys writes keys. Join makes one text of a list of values, the key
// that a caller hands to the cache, and a Space makes of that text the key
// under which memcached keeps it. Both are injective: what differs before
// differs after, because two values under one key are one user's data on
// another user's page.
//
// # How a part is written
//
//	user                   string "user"; plain when it begins with a letter, '_', '/' or a byte of 0x80 and more
//	'7  '  'true           strings "7", "" and "true": the quote sets them apart from the values below
//	7  -7                  every integer type: int(7), uint8(7) and a named int of 7 are one key
//	true  false            bool
//	1.0  1e+06  Inf  NaN   floats and, as (1.0,2.0), complex numbers
//	nil                    nil, a nil pointer, slice or map
//	@2026-01-02            a type with a CacheKey or MarshalText method, by what the method says
//	0x00ff                 []byte and [N]byte
//	[a,b]                  other slices and arrays, of parts
//	{ID=7,Page=2}          a struct, its exported fields in the order of their declaration
//	map{a=1,b=2}           a map, sorted by the text of its keys
//
// Inside a text the bytes up to 0x20, 0x7f, bytes that are not UTF-8, and
// % : , = [ ] { } ' @ are written %XX. Hence a ':' only ever stands between two
// parts, and Join("user", 7) stands above Join("user", 7, "orders") in the tree
// of keys.
//
// # What counts as equal
//
// A key holds values, not types. Integers are equal by value, float32 and
// float64 too (0.1 as a float32 is another number than 0.1), -0.0 is 0.0, and
// all NaN are one. An array and a slice of the same elements are one key, and
// so are two struct types with the same fields, and all types whose methods
// return the same text. A []byte is not a list of integers, a nil slice is not
// an empty one, and an int is never a float. A time.Time goes by its text: one
// instant in two zones is two keys.
//
// # What is refused
//
// Pointers (other than nil, or to a type with one of the two methods), funcs,
// channels, uintptr, structs with an unexported field, structs that have one of
// the two methods from an embedded field only and so leave out another field,
// maps with two keys of one text, a failing MarshalText, nesting deeper than
// 32, and no parts at all. Join then returns a key that Refused recognises.
package keys

import "reflect"

// This file is the entry of a key, and the short way through it for the parts
// that nearly all keys have: strings and numbers, without reflection.
//
// Refused: fmt.Sprint and "+" in place of all this, by which ("a:b", "c") and
// ("a", "b:c") meet. Refused too: a length before each part, which is as safe,
// but has no tree and nobody can type it into a memcached console.

// Join returns the key of parts, as the package comment describes it. Equal
// parts give equal keys in every process and release; other parts give other
// keys. For parts that make no key it returns one that Refused recognises, and
// it does not panic; a panic in a CacheKey or MarshalText method of a part is
// the method's own and passes through. The length of a key is not limited here.
//
// Join is safe for concurrent use as long as nobody modifies the parts
// meanwhile. It allocates the result and, as long as all parts are of the types
// string, intN and uintN and the key has at most 64 bytes, nothing else. It is so
// small that it becomes a part of its callers: where one of them keeps the key no
// longer than its own call lasts, as with memo.Do, a result of at most 32 bytes is
// on its stack.
func Join(parts ...any) string {
	var stack [64]byte
	return string(AppendJoin(stack[:0], parts))
}

// AppendJoin appends to b, which is empty, the key that Join returns.
func AppendJoin(b []byte, parts []any) []byte {
	if len(parts) == 0 {
		return append(b, refuse(nil, "no parts")...)
	}
	for i, part := range parts {
		if i > 0 {
			b = append(b, ':')
		}
		switch v := part.(type) {
		case string:
			b = appendString(b, v)
		case int:
			b = appendInt(b, int64(v))
		case int8:
			b = appendInt(b, int64(v))
		case int16:
			b = appendInt(b, int64(v))
		case int32:
			b = appendInt(b, int64(v))
		case int64:
			b = appendInt(b, v)
		case uint:
			b = appendUint(b, uint64(v))
		case uint8:
			b = appendUint(b, uint64(v))
		case uint16:
			b = appendUint(b, uint64(v))
		case uint32:
			b = appendUint(b, uint64(v))
		case uint64:
			b = appendUint(b, v)
		default:
			text, p := appendValue(nil, reflect.ValueOf(part), 0) // not b: what goes into a recursion leaves the stack
			if p != nil {
				return append(b[:0], refuse(b, p.of(i+1, part))...)
			}
			b = append(b, text...)
		}
	}
	return b
}
