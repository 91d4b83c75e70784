package main

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// user is the value of all events.
type user struct {
	ID   int
	Name string
}

func loadUser(context.Context) (user, error) { return user{ID: 7, Name: "Ada"}, nil }

// capture returns a loader that holds on to something, as most do. It is built
// for every call: that is part of what a call costs.
func capture(id int) func(context.Context) (user, error) {
	return func(context.Context) (user, error) { return user{ID: id, Name: "Ada"}, nil }
}

func events() []event {
	all := []event{}
	for _, n := range []int{1, 8, 100} {
		all = append(all, requestHit(n))
	}
	return append(all, requestHitCapturing(), requestHitDeep(), processHit("one key", func() []string { return names(1) }),
		processHit("10k keys, zipf", zipf), processHit("10k keys, uniform", uniform), processHitParallel(),
		firstCall(), miss())
}

func names(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	return keys
}

const universe = 10_000

func uniform() []string {
	all := names(universe)
	r := rand.New(rand.NewPCG(1, 2))
	keys := make([]string, 1<<15)
	for i := range keys {
		keys[i] = all[r.IntN(universe)]
	}
	return keys
}

func zipf() []string {
	all := names(universe)
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, universe-1)
	keys := make([]string, 1<<15)
	for i := range keys {
		keys[i] = all[z.Uint64()]
	}
	return keys
}

func cache(size int) *memo.Cache {
	c, err := memo.New(memo.Config{Local: lru.New(size)}, memo.TTL(time.Hour))
	if err != nil {
		panic(err)
	}
	return c
}

func requestHit(n int) event {
	keys := names(n)
	return event{"L1 hit, keys in the request: " + strconv.Itoa(n), []contender{
		{"memo.Do", func(b *testing.B) {
			ctx, end := cache(universe).Begin(context.Background())
			defer end()
			i := 0
			for b.Loop() {
				if i++; i == n {
					i = 0
				}
				_, _ = memo.Do(ctx, keys[i], loadUser)
			}
		}},
		{"context map with mutex", func(b *testing.B) {
			ctx := withRequestMap(context.Background())
			i := 0
			for b.Loop() {
				if i++; i == n {
					i = 0
				}
				_, _ = requestDo(ctx, keys[i], loadUser)
			}
		}},
	}}
}

func requestHitCapturing() event {
	return event{"L1 hit, fn captures", []contender{
		{"memo.Do", func(b *testing.B) {
			ctx, end := cache(universe).Begin(context.Background())
			defer end()
			i := 0
			for b.Loop() {
				i++
				_, _ = memo.Do(ctx, "user:7", capture(i))
			}
		}},
		{"context map with mutex", func(b *testing.B) {
			ctx := withRequestMap(context.Background())
			i := 0
			for b.Loop() {
				i++
				_, _ = requestDo(ctx, "user:7", capture(i))
			}
		}},
	}}
}

// requestHitDeep is a hit through contexts that others have put on top.
func requestHitDeep() event {
	type key int
	deep := func(ctx context.Context) context.Context {
		for i := range 4 {
			ctx = context.WithValue(ctx, key(i), i)
		}
		return ctx
	}
	return event{"L1 hit, 4 contexts deep", []contender{
		{"memo.Do", func(b *testing.B) {
			ctx, end := cache(universe).Begin(context.Background())
			defer end()
			ctx = deep(ctx)
			for b.Loop() {
				_, _ = memo.Do(ctx, "user:7", loadUser)
			}
		}},
		{"context map with mutex", func(b *testing.B) {
			ctx := deep(withRequestMap(context.Background()))
			for b.Loop() {
				_, _ = requestDo(ctx, "user:7", loadUser)
			}
		}},
	}}
}

func processHit(what string, keys func() []string) event {
	return event{"L2 hit, " + what, []contender{
		{"memo.Do", func(b *testing.B) {
			ctx, keys := cache(2*universe).With(context.Background()), keys()
			for _, k := range keys {
				_, _ = memo.Do(ctx, k, loadUser)
			}
			i := 0
			for b.Loop() {
				i++
				_, _ = memo.Do(ctx, keys[i%len(keys)], loadUser)
			}
		}},
		{"golang-lru with singleflight", func(b *testing.B) {
			p, ctx, keys := newProcessLRU(2*universe, time.Hour), context.Background(), keys()
			for _, k := range keys {
				_, _ = processDo(ctx, p, k, loadUser)
			}
			i := 0
			for b.Loop() {
				i++
				_, _ = processDo(ctx, p, keys[i%len(keys)], loadUser)
			}
		}},
	}}
}

func processHitParallel() event {
	return event{"L2 hit, 10k keys, zipf, on all cores", []contender{
		{"memo.Do", func(b *testing.B) {
			c, keys := cache(2*universe), zipf()
			for _, k := range keys {
				_, _ = memo.Do(c.With(context.Background()), k, loadUser)
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				ctx, i := c.With(context.Background()), rand.IntN(len(keys))
				for pb.Next() {
					i++
					_, _ = memo.Do(ctx, keys[i%len(keys)], loadUser)
				}
			})
		}},
		{"golang-lru with singleflight", func(b *testing.B) {
			p, keys := newProcessLRU(2*universe, time.Hour), zipf()
			for _, k := range keys {
				_, _ = processDo(context.Background(), p, k, loadUser)
			}
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				ctx, i := context.Background(), rand.IntN(len(keys))
				for pb.Next() {
					i++
					_, _ = processDo(ctx, p, keys[i%len(keys)], loadUser)
				}
			})
		}},
	}}
}

// firstCall is a request with one call that L2 answers, begin and end included.
func firstCall() event {
	return event{"request with one call, L2 hit", []contender{
		{"Begin, memo.Do, end", func(b *testing.B) {
			c := cache(universe)
			for b.Loop() {
				ctx, end := c.Begin(context.Background())
				_, _ = memo.Do(ctx, "user:7", loadUser)
				end()
			}
		}},
		{"context map over golang-lru", func(b *testing.B) {
			p := newProcessLRU(universe, time.Hour)
			for b.Loop() {
				ctx := withRequestMap(context.Background())
				_, _ = requestDo(ctx, "user:7", func(ctx context.Context) (user, error) {
					return processDo(ctx, p, "user:7", loadUser)
				})
			}
		}},
	}}
}

// miss is a load that takes no time, with the LRU turning over.
func miss() event {
	keys := names(4 * universe)
	return event{"miss, instant loader", []contender{
		{"memo.Do", func(b *testing.B) {
			ctx := cache(universe).With(context.Background())
			i := 0
			for b.Loop() {
				i++
				_, _ = memo.Do(ctx, keys[i%len(keys)], loadUser)
			}
		}},
		{"golang-lru with singleflight", func(b *testing.B) {
			p, ctx := newProcessLRU(universe, time.Hour), context.Background()
			i := 0
			for b.Loop() {
				i++
				_, _ = processDo(ctx, p, keys[i%len(keys)], loadUser)
			}
		}},
	}}
}
