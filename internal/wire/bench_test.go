package wire_test

import (
	"fmt"
	"testing"

	"github.com/tiermemo/tiermemo/internal/wire"
)

func BenchmarkAppendValue(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			v := wire.Value{Stamp: 1, Codec: "json", Key: "user:7:orders", Payload: make([]byte, size)}
			buf := wire.AppendValue(nil, &v)
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				buf = wire.AppendValue(buf[:0], &v)
			}
		})
	}
}

func BenchmarkParseValue(b *testing.B) {
	for _, size := range []int{100, 1024} {
		for _, tags := range [][]string{nil, {"users", "orders"}} {
			b.Run(fmt.Sprintf("payload=%d/tags=%d", size, len(tags)), func(b *testing.B) {
				data := wire.AppendValue(nil, &wire.Value{Stamp: 1, Codec: "json", Key: "user:7:orders", Tags: tags, Payload: make([]byte, size)})
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					v := wire.Value{Codec: "json", Key: "user:7:orders"}
					if err := wire.ParseValue(data, &v); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
