package memo_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// BenchmarkMiss is what a load costs beside the load itself, with the process tier
// turning over: the way down, a goroutine with a ctx of its own, and the way back up.
func BenchmarkMiss(b *testing.B) {
	const size = 10_000
	names := make([]string, 4*size)
	for i := range names {
		names[i] = "user:" + strconv.Itoa(i)
	}
	miss := func(b *testing.B, ctx context.Context, opts ...memo.Option) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := memo.Do(ctx, names[i%len(names)], loadUser, opts...); err != nil {
				b.Fatal(err)
			}
		}
	}
	small := func(b *testing.B) *memo.Cache { return newCache(b, memo.Config{Local: lru.New(size)}) }
	b.Run("Do", func(b *testing.B) { miss(b, small(b).With(context.Background())) })
	b.Run("Do with TTL", func(b *testing.B) { miss(b, small(b).With(context.Background()), memo.TTL(1e12)) })
	b.Run("NoStore", func(b *testing.B) { miss(b, small(b).With(context.Background()), memo.NoStore()) })
	b.Run("Func", func(b *testing.B) {
		ctx := small(b).With(context.Background())
		get := memo.NewFunc(nil, "user", func(context.Context, int) (user, error) { return user{ID: 7, Name: "Ada"}, nil })
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := get.Do(ctx, i%(4*size)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("in a request", func(b *testing.B) {
		c := small(b)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ctx, end := c.Begin(context.Background())
			if _, err := memo.Do(ctx, names[i%len(names)], loadUser); err != nil {
				b.Fatal(err)
			}
			end()
		}
	})
}
