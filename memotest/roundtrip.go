package memotest

import (
	"cmp"
	"reflect"
	"testing"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// This file asks of a value what the shared tier would do to it; difference.go
// says where two values differ.

// RoundTrip fails the test unless v comes back from the shared tier as it was:
// it encodes v, decodes the result, and names the first part that differs. It
// fails as well for a T that the codec cannot keep whole. Such values are never
// wrong: they stay in the memory of the process that loaded them, and every
// process loads its own, which a test may want to know.
//
// The codec is codec.JSON, the default of Config, or the one given: what stands in
// Config.Codec or memo.Codec, also if it chooses by type, as codec.ByType does.
// Give a v with every field set: what is zero cannot be seen to be lost.
//
// The same means the same to a reader. What has a method Equal of its own type
// is asked; two instants are the same if their offset from UTC is, whatever the
// name of the zone; a value that writes itself (MarshalJSON, MarshalText,
// MarshalBinary) is the same if what it writes is. nil and empty are not the
// same.
func RoundTrip[T any](t testing.TB, v T, codecs ...codec.Codec) {
	t.Helper()
	var c codec.Codec = codec.JSON{}
	switch len(codecs) {
	case 0:
	case 1:
		c = codecs[0]
	default:
		t.Fatalf("memotest: RoundTrip takes one codec, not %d", len(codecs))
	}
	typ := reflect.TypeFor[T]()
	c = codec.For(c, typ)
	if err := codec.Check(c, typ); err != nil {
		t.Errorf("memotest: values of %v stay out of the shared tier: %v", typ, err)
		return
	}
	data, err := c.Append(nil, v)
	if err != nil {
		t.Errorf("memotest: this %v stays out of the shared tier: %v", typ, err)
		return
	}
	var got T
	if err := c.Unmarshal(data, &got); err != nil {
		t.Errorf("memotest: %s wrote a %v and cannot read it: %v\nstored: %.200q", c.Name(), typ, err, data)
		return
	}
	name := cmp.Or(typ.Name(), typ.String())
	if path, why := difference(name, reflect.ValueOf(&v).Elem(), reflect.ValueOf(&got).Elem(), 0); why != "" {
		t.Errorf("memotest: %s loses %s: %s\nstored: %.200q", c.Name(), path, why, data)
	}
}
