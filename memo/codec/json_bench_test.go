package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// The measure of JSON is encoding/json: what it adds must not be felt.
func BenchmarkJSON(b *testing.B) {
	page := make([]address, 20)
	for i := range page {
		page[i] = address{Street: "Unter den Linden", City: "Berlin"}
	}
	data, err := json.Marshal(page)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 2*len(data))
		for b.Loop() {
			if _, err := (codec.JSON{}).Append(buf, page); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append/encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(page); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var got []address
			if err := (codec.JSON{}).Unmarshal(data, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unmarshal/encoding_json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var got []address
			if err := json.Unmarshal(data, &got); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append/bytes", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 2*len(data))
		for b.Loop() {
			if _, err := (codec.JSON{}).Append(buf, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
