package reqcache_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/reqcache"
)

func BenchmarkDoHit(b *testing.B) {
	for _, n := range []int{1, 8, 100} {
		b.Run("keys="+strconv.Itoa(n), func(b *testing.B) {
			ctx, end := reqcache.Begin(context.Background())
			defer end()
			keys := make([]string, n)
			for i := range keys {
				keys[i] = "user:" + strconv.Itoa(1000+i)
				reqcache.Put(ctx, keys[i], i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, err := reqcache.Do(ctx, keys[i], answer); err != nil {
					b.Fatal(err)
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

func BenchmarkRequestWithOneKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ctx, end := reqcache.Begin(context.Background())
		if _, err := reqcache.Do(ctx, "user:1000", answer); err != nil {
			b.Fatal(err)
		}
		end()
	}
}

func BenchmarkRequestWithoutKeys(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, end := reqcache.Begin(context.Background())
		end()
	}
}

func answer(context.Context) (int, error) { return 42, nil }
