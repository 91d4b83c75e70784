package memo_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// What a hit costs over ten thousand keys, which do not all fit into the processor's nearest
// caches, as those of bench/ ("hit, … keys, small struct, 10k"):
//
//	go test ./memo -run '^$' -bench ManyKeys
func BenchmarkManyKeys(b *testing.B) {
	const keys, calls = 10_000, 1 << 16
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.01, 1, keys-1)
	c := newCache(b, memo.Config{Local: lru.New(keys + keys/4 + 64)})
	ctx := c.With(context.Background())
	load := func(_ context.Context, id int) (user, error) { return user{ID: id, Name: "Ada"}, nil }
	number := memo.NewFunc(nil, "number", load, memo.TTL(time.Hour))
	text := memo.NewFunc(nil, "text", func(context.Context, string) (user, error) { return user{ID: 7, Name: "Ada"}, nil }, memo.TTL(time.Hour))
	for _, order := range []string{"zipf", "uniform"} {
		next := func() int { return int(zipf.Uint64()) }
		if order == "uniform" {
			next = func() int { return random.IntN(keys) }
		}
		ids, names, plain, texts := make([]int, calls), make([]string, calls), make([]string, calls), make([]string, keys)
		for i := range texts {
			texts[i] = "user:" + strconv.Itoa(i)
		}
		for i := range ids {
			ids[i] = next()
			names[i] = texts[ids[i]]
			plain[i] = strings.Replace(names[i], ":", "-", 1)
		}
		i := 0
		at := func() int { i++; return i & (calls - 1) }
		for _, of := range []struct {
			name string
			call func() (user, error)
		}{
			{"Func of a number", func() (user, error) { return number.Do(ctx, ids[at()]) }},
			{"Func of a text", func() (user, error) { return text.Do(ctx, names[at()]) }},
			{"Func of a text with nothing to escape", func() (user, error) { return text.Do(ctx, plain[at()]) }},
			{"Do", func() (user, error) { return memo.Do(ctx, names[at()], loadUser) }},
			{"Do with a Key", func() (user, error) { return memo.Do(ctx, memo.Key("user", ids[at()]), loadUser) }},
			{"Do with a TTL", func() (user, error) { return memo.Do(ctx, names[at()], loadUser, memo.TTL(time.Hour)) }},
			{"Do, fn that captures", func() (user, error) {
				id := ids[at()]
				return memo.Do(ctx, names[i&(calls-1)], func(ctx context.Context) (user, error) { return load(ctx, id) })
			}},
			{"Do with a TTL, fn that captures", func() (user, error) {
				id := ids[at()]
				return memo.Do(ctx, names[i&(calls-1)], func(ctx context.Context) (user, error) { return load(ctx, id) }, memo.TTL(time.Hour))
			}},
		} {
			for range 4 * calls { // all of them have been loaded, and the entries found
				if _, err := of.call(); err != nil {
					b.Fatal(err)
				}
			}
			benchmarkHit(b, order+", "+of.name, of.call)
		}
	}
}
