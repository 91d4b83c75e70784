package codec_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/tiermemo/tiermemo/memo/codec"
)

func FuzzJSONUnmarshal(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x01raw", "null", `{"B":"AA==","L":[1],"M":{"a":1},"P":{},"When":"2025-01-01T00:00:00Z","Quote":"\"q\""}`, `"red"`, `[[]]`, "{}{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		accepted[string](t, data)
		accepted[[]byte](t, data)
		accepted[mixed](t, data)
		accepted[*node](t, data)
		accepted[tree](t, data)
		accepted[[]colour](t, data)
		accepted[map[ID][]float64](t, data)
		for _, v := range []any{new(any), new(json.RawMessage), new(panicky), new(amount), new(stamped), new(Ring)} {
			_ = codec.JSON{}.Unmarshal(data, v) // need only not panic
		}
	})
}

// accepted checks that what data decodes to, if anything, can be stored and
// comes back equal.
func accepted[T any](t *testing.T, data []byte) {
	var v, again T
	before := bytes.Clone(data)
	err := codec.JSON{}.Unmarshal(data, &v)
	if !bytes.Equal(before, data) {
		t.Fatalf("%q was changed to %q", before, data)
	}
	if err != nil {
		return
	}
	stored, err := codec.JSON{}.Append(nil, v)
	if err != nil {
		return // a year out of range, a false alarm
	}
	if err := (codec.JSON{}).Unmarshal(stored, &again); err != nil {
		t.Fatalf("%#v is stored as %q, which is refused: %v", v, stored, err)
	}
	twice, err := codec.JSON{}.Append(nil, again)
	if err != nil || !bytes.Equal(stored, twice) {
		t.Fatalf("%#v is stored as %q, and what comes back as %q, %v", v, stored, twice, err)
	}
}

func FuzzJSONRoundTrip(f *testing.F) {
	f.Add("plain", "\\\\ufffd", []byte(nil), 0.5, int64(7))
	f.Add("\xff", "\\\xff", []byte{}, math.Inf(1), int64(-1))
	f.Fuzz(func(t *testing.T, a, b string, raw []byte, x float64, n int64) {
		comesBack(t, a)
		comesBack(t, raw)
		type all struct {
			A string
			B string `json:",string"`
			M map[string]string
			R []byte
			X float64
			N int64 `json:",string"`
		}
		v := all{a, b, map[string]string{a: b}, raw, x, n}
		data, err := codec.JSON{}.Append(nil, v)
		if err != nil {
			return // FuzzJSONRoundTrip is about what is not refused
		}
		var got all
		if err := (codec.JSON{}).Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%#v, stored as %q, comes back as %#v, %v", v, data, got, err)
		}
	})
}
