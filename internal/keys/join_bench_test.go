package keys_test

import (
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
)

var sink string

func BenchmarkJoin(b *testing.B) {
	b.Run("user,7", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = keys.Join("user", 7)
		}
	})
	b.Run("user,int,string", func(b *testing.B) {
		b.ReportAllocs()
		n, s := 123456, "orders"
		for b.Loop() {
			sink = keys.Join("user", n, s)
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink = keys.Join("search", struct {
				Page int
				Text string
			}{2, "blue"})
		}
	})
}

func BenchmarkValue(b *testing.B) {
	s, err := keys.NewSpace("shop")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		sink = s.Value("user:123456:orders")
	}
}
