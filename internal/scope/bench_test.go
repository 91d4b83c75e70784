package scope_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tiermemo/tiermemo/internal/scope"
)

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1, 8, 100} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			var s scope.Scope
			t := s.Table("owner")
			keys := make([]string, n)
			for i := range keys {
				keys[i] = fmt.Sprintf("user:%d", 1000+i)
				t.Add(keys[i], new(int))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if t.Get(keys[i]) == nil {
					b.Fatal("miss")
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

func BenchmarkFromContextTableGet(b *testing.B) {
	type owner struct{}
	var s scope.Scope
	ctx := carrier{context.Background(), &s}
	s.Table(owner{}).Add("user:1000", new(int))
	b.ReportAllocs()
	for b.Loop() {
		if scope.FromContext(ctx).Table(owner{}).Get("user:1000") == nil {
			b.Fatal("miss")
		}
	}
}

func BenchmarkFirstKey(b *testing.B) {
	v := new(int)
	b.ReportAllocs()
	for b.Loop() {
		s := new(scope.Scope)
		t := s.Table("owner")
		_, c, _ := t.Begin("user:1000")
		c.Done(v)
	}
}
