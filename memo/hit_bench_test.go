package memo_test

import (
	"context"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
)

type user struct {
	ID   int
	Name string
}

func loadUser(context.Context) (user, error) { return user{ID: 7, Name: "Ada"}, nil }

func BenchmarkHit(b *testing.B) {
	c := newCache(b, memo.Config{})
	b.Run("L1", func(b *testing.B) {
		ctx, end := c.Begin(context.Background())
		defer end()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := memo.Do(ctx, "user:7", loadUser); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("L1 with TTL", func(b *testing.B) {
		ctx, end := c.Begin(context.Background())
		defer end()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := memo.Do(ctx, "user:7", loadUser, memo.TTL(1e9)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("L1 capturing", func(b *testing.B) {
		ctx, end := c.Begin(context.Background())
		defer end()
		b.ReportAllocs()
		id := 7
		for b.Loop() {
			if _, err := memo.Do(ctx, "user:7", func(context.Context) (user, error) { return user{ID: id}, nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("L2", func(b *testing.B) {
		ctx := c.With(context.Background())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := memo.Do(ctx, "user:7", loadUser); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("request with one call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, end := c.Begin(context.Background())
			if _, err := memo.Do(ctx, "user:7", loadUser); err != nil {
				b.Fatal(err)
			}
			end()
		}
	})
	b.Run("request without a call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, end := c.Begin(context.Background())
			end()
		}
	})
	b.Run("miss", func(b *testing.B) {
		ctx := c.With(context.Background())
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			if _, err := memo.Do(ctx, memo.Key("user", i), loadUser); err != nil {
				b.Fatal(err)
			}
		}
	})
}
