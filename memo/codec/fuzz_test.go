package codec_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"reflect"
	"runtime/metrics"
	"testing"

	"github.com/tiermemo/tiermemo/memo/codec"
)

func FuzzJSONUnmarshal(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x01raw", "\x02", "\x0212345678", "\x02https://a/b?c", "null", `{"B":"AA==","L":[1],"M":{"a":1},"P":{},"When":"2025-01-01T00:00:00Z","Quote":"\"q\""}`, `"red"`, `[[]]`, "{}{}"} {
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
		accepted[point](t, data)
		accepted[*pointPointer](t, data)
		accepted[*url.URL](t, data)
		accepted[sealed](t, data)
		for _, v := range []any{new(any), new(json.RawMessage), new(panicky), new(amount), new(stamped), new(Ring), new(panickyBinary), new(placed)} {
			_ = codec.JSON{}.Unmarshal(data, v) // need only not panic
		}
	})
}

// allocated returns how many bytes the process allocates while it runs call: at
// least what call does.
func allocated(call func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	call()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// accepted checks that what data decodes to, if anything, can be stored and
// comes back equal.
func accepted[T any](t *testing.T, data []byte) {
	var v, again T
	before := bytes.Clone(data)
	var err error
	if got, most := allocated(func() { err = codec.JSON{}.Unmarshal(data, &v) }), uint64(1<<20+1000*len(data)); got > most {
		t.Fatalf("%d bytes made Unmarshal allocate %d, more than %d", len(data), got, most)
	}
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
