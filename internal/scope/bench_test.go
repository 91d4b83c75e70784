package scope_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tiermemo/tiermemo/internal/scope"
)

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1, 4, 8, 12, 100} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			var s scope.Scope
			t := s.Table(new(scope.Owner))
			keys := make([]string, n)
			for i := range keys {
				keys[i] = fmt.Sprintf("user:%d", 1000+i)
				t.Add(&scope.Item{Key: keys[i], Value: new(int)})
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
	owner := new(scope.Owner)
	var s scope.Scope
	ctx := carrier{context.Background(), &s}
	s.Table(owner).Add(&scope.Item{Key: "user:1000", Value: new(int)})
	b.ReportAllocs()
	for b.Loop() {
		if scope.FromContext(ctx).Table(owner).Get("user:1000") == nil {
			b.Fatal("miss")
		}
	}
}

func BenchmarkFirstKey(b *testing.B) {
	owner, it := new(scope.Owner), &scope.Item{Key: "user:1000", Value: new(int)}
	b.ReportAllocs()
	for b.Loop() {
		s := new(scope.Scope)
		_, c, _ := s.Table(owner).Begin(it.Key)
		c.Done(it)
	}
}
