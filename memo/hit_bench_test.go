package memo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
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
	b.Run("L1 under Vary", func(b *testing.B) {
		ctx, end := c.Begin(context.Background())
		defer end()
		ctx = memo.Vary(ctx, "tenant", 42)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := memo.Do(ctx, "user:7", loadUser); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("L2 under Vary", func(b *testing.B) {
		ctx := memo.Vary(c.With(context.Background()), "tenant", 42)
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
	b.Run("L1 with Name", func(b *testing.B) {
		ctx, end := c.Begin(context.Background())
		defer end()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := memo.Do(ctx, "user:7", loadUser, memo.Name("front page")); err != nil {
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

// What a request's memory costs with several keys in it, and below others' contexts.
func BenchmarkHitOfSeveral(b *testing.B) {
	c := newCache(b, memo.Config{})
	for _, n := range []int{1, 8, 100} {
		ctx, end := c.Begin(context.Background())
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf("user:%d", 1_000_000+i)
		}
		at := 0
		benchmarkHit(b, fmt.Sprint("L1 of ", n), func() (user, error) {
			if at++; at == n {
				at = 0
			}
			return memo.Do(ctx, keys[at], loadUser)
		})
		end()
	}
	type layer int
	ctx, end := c.Begin(context.Background())
	defer end()
	for i := range 4 {
		ctx = context.WithValue(ctx, layer(i), i)
	}
	benchmarkHit(b, "L1 4 contexts deep", func() (user, error) { return memo.Do(ctx, "user:1000007", loadUser) })
}

func BenchmarkHitOfABatch(b *testing.B) {
	c := newCache(b, memo.Config{})
	f := memo.NewFunc(c, "number", func(context.Context, int) (user, error) { return user{ID: 7}, nil })
	ks := make([]int, 100)
	for i := range ks {
		ks[i] = 1_000_000 + i
	}
	dst := make([]memo.Result[user], 0, len(ks))
	request, end := c.Begin(context.Background())
	defer end()
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		b.Run(where+" 100 into the caller's slice", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.AppendMany(ctx, dst, ks); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Batches of what does not fit into the nearest of a processor's caches.
func BenchmarkHitOfBatches(b *testing.B) {
	const n, each = 10_000, 100
	c := newCache(b, memo.Config{Local: lru.New(n * 5 / 4)})
	ctx := c.With(context.Background())
	f := memo.NewFunc(c, "number", func(_ context.Context, id int) (user, error) { return user{ID: id, Name: "Ada"}, nil })
	ks, at := make([]int, n), 0
	for i := range ks {
		ks[i] = i
	}
	for range 20 {
		_, err := f.DoMany(ctx, ks)
		must(b, err)
	}
	next := func() []int { at = (at + each) % n; return ks[at : at+each] }
	dst := make([]memo.Result[user], 0, each)
	b.Run("into the caller's slice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.AppendMany(ctx, dst, next()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("into a new slice", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.AppendMany(ctx, nil, next()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("into a map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.DoMany(ctx, next()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What a Func adds to a hit is that it writes the key.
func BenchmarkFuncHit(b *testing.B) {
	c := newCache(b, memo.Config{})
	byNumber := memo.NewFunc(c, "number", func(context.Context, int) (user, error) { return user{ID: 7}, nil })
	byText := memo.NewFunc(c, "text", func(context.Context, string) (user, error) { return user{ID: 7}, nil })
	byLeaf := memo.NewFunc(c, "leaf", func(context.Context, leaf) (user, error) { return user{ID: 7}, nil })
	request, end := c.Begin(context.Background())
	defer end()
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		benchmarkHit(b, where+" a key of memo.Key", func() (user, error) { return memo.Do(ctx, memo.Key("user", 7), loadUser) })
		benchmarkHit(b, where+" an int", func() (user, error) { return byNumber.Do(ctx, 7) })
		benchmarkHit(b, where+" a string", func() (user, error) { return byText.Do(ctx, "a string") })
		benchmarkHit(b, where+" a name", func() (user, error) { return byText.Do(ctx, "user-1234") })
		benchmarkHit(b, where+" a key", func() (user, error) { return byText.Do(ctx, "user:1234") })
		benchmarkHit(b, where+" Do", func() (user, error) { return memo.Do(ctx, "text:user-1234", loadUser) })
		benchmarkHit(b, where+" a UUID", func() (user, error) { return byText.Do(ctx, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6") })
		benchmarkHit(b, where+" a struct", func() (user, error) { return byLeaf.Do(ctx, leaf{7, 1}) })
	}
}

func benchmarkHit(b *testing.B, name string, call func() (user, error)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := call(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	for _, names := range []int{1, 201} {
		b.Run(fmt.Sprint(names, " names"), func(b *testing.B) {
			c := newCache(b, memo.Config{})
			ctx := c.With(context.Background())
			for i := range names {
				if _, err := memo.Do(ctx, memo.Key(fmt.Sprint("name", i), 7), loadUser); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if s := c.Snapshot(); len(s.Funcs) != names {
					b.Fatal(len(s.Funcs))
				}
			}
		})
	}
}

// What a request's memory costs where a Func asks for it by numbers.
func BenchmarkFuncHitOfSeveral(b *testing.B) {
	c := newCache(b, memo.Config{})
	load := func(_ context.Context, id int) (user, error) { return user{ID: id}, nil }
	one, other := memo.NewFunc(nil, "number", load), memo.NewFunc(nil, "other", load)
	far := make([]int, 100) // numbers that are not in a row
	for i, random := 0, rand.New(rand.NewPCG(1, 2)); i < len(far); i++ {
		far[i] = random.IntN(1e6)
	}
	for _, n := range []int{1, 2, 4, 8, 12, 100} {
		at := 0
		next := func() int {
			if at++; at >= n {
				at = 0
			}
			return at
		}
		in := func(name string, call func(ctx context.Context) (user, error)) {
			ctx, end := c.Begin(context.Background())
			defer end()
			benchmarkHit(b, fmt.Sprint(name, " of ", n), func() (user, error) { return call(ctx) })
		}
		in("in a row", func(ctx context.Context) (user, error) { return one.Do(ctx, next()) })
		in("of any size", func(ctx context.Context) (user, error) { return one.Do(ctx, far[next()]) })
		in("two functions", func(ctx context.Context) (user, error) {
			if i := next(); i%2 == 0 {
				return one.Do(ctx, i/2)
			} else {
				return other.Do(ctx, i/2)
			}
		})
	}
	for _, n := range []int{4, 5, 8, 9, 100} {
		benchmarkHit(b, fmt.Sprint("request with calls for ", n), func() (u user, err error) {
			ctx, end := c.Begin(context.Background())
			for i := range n {
				u, err = one.Do(ctx, i)
			}
			end()
			return u, err
		})
	}
	type layer int
	for _, deep := range []int{1, 4, 8} {
		ctx, end := c.Begin(context.Background())
		for i := range deep {
			ctx = context.WithValue(ctx, layer(i), i)
		}
		benchmarkHit(b, fmt.Sprint(deep, " contexts deep"), func() (user, error) { return one.Do(ctx, 7) })
		end()
	}
}
