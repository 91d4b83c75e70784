package memo_test

import (
	"context"
	"math/rand"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// BenchmarkHitOfMany is L2 where it does not fit into the nearest of a processor's caches:
// what a hit waits for there is memory. The map is the floor.
//
//	go test ./memo -run '^$' -bench HitOfMany -benchmem
func BenchmarkHitOfMany(b *testing.B) {
	const n = 10_000
	c := newCache(b, memo.Config{Local: lru.New(4 * n)}) // no shard is full
	ctx := c.With(context.Background())
	get := memo.NewFunc(c, "number", func(_ context.Context, id int) (user, error) { return user{ID: id, Name: "Ada"}, nil })
	names, plain := make([]string, n), make(map[string]user)
	for i := range names {
		names[i] = "user:" + strconv.Itoa(i)
		plain[names[i]] = user{ID: i, Name: "Ada"}
		_, err := memo.Do(ctx, names[i], loadUser)
		must(b, err)
		_, err = get.Do(ctx, i)
		must(b, err)
	}
	rnd := rand.New(rand.NewSource(1))
	zipf, places := rand.NewZipf(rnd, 1.01, 1, n-1), rnd.Perm(n)
	for kind, next := range map[string]func() int{"zipf": func() int { return places[zipf.Uint64()] }, "uniform": func() int { return rnd.Intn(n) }} {
		order := make([]int32, 1<<16)
		for i := range order {
			order[i] = int32(next())
		}
		for name, call := range map[string]func(i int) (user, error){
			"Do":   func(i int) (user, error) { return memo.Do(ctx, names[i], loadUser) },
			"Func": func(i int) (user, error) { return get.Do(ctx, i) },
			"map":  func(i int) (user, error) { return plain[names[i]], nil },
		} {
			i := 0
			benchmarkHit(b, name+" "+kind, func() (user, error) { i++; return call(int(order[i&(1<<16-1)])) })
		}
	}
}
