package events

// request.go has the hits of a request's memory, and what it takes to have one.

import (
	"context"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Contenders of these events.
const (
	RequestGroup   = "Request-tier hit"
	DoOnce         = "tiermemo Do, loader built once"
	DoCapturing    = "tiermemo Do, capturing loader"
	MapOnce        = "context map + mutex"
	MapCapturing   = "context map + mutex, capturing loader"
	MapSprintf     = "context map + mutex, Sprintf key"
	OutsideOtter   = "otter, closure (no request tier)"
	OutsideNumbers = "otter, int keys (no request tier)"
	OutsideGoRedis = "go-redis/cache, local (no request tier)"
)

// RequestHit is the name of a hit among so many keys, under so many contexts.
func RequestHit(keys, deep int) string {
	return fmt.Sprintf("request hit, %d keys, %d contexts deep", keys, deep)
}

// RequestPair is a hit of two goroutines of one request.
const RequestPair = "request hit, 1 keys, on 2 goroutines"

func requests() (all []lab.Event) {
	for _, keys := range []int{1, 8, 100} {
		all = append(all, requestHit(keys, 0))
	}
	for _, deep := range []int{1, 4, 8} {
		all = append(all, requestHit(1, deep))
	}
	return append(all, requestPair(), firstCall())
}

func loadSmall(context.Context) (data.Small, error) { return data.NewSmall(7), nil }

// capture returns a loader that holds on to something, as most do. It is built for every
// call: that is part of what a call costs.
func capture(id int) func(context.Context) (data.Small, error) {
	return func(context.Context) (data.Small, error) { return data.NewSmall(id), nil }
}

type layer int

// under puts contexts on top of ctx, as the middlewares and calls between do.
func under(ctx context.Context, deep int) context.Context {
	for i := range deep {
		ctx = context.WithValue(ctx, layer(i), i)
	}
	return ctx
}

func newMemo(size int) (*memo.Cache, error) {
	return memo.New(memo.Config{Local: lru.New(size)}, memo.TTL(time.Hour))
}

// inRequest makes a contender of ours of which every call is in one request.
func inRequest(name string, deep int, loop func(ctx context.Context, n int)) lab.Contender {
	return lab.Contender{Name: name, New: func(lab.Env) (lab.Bench, error) {
		c, err := newMemo(10_000)
		if err != nil {
			return lab.Bench{}, err
		}
		ctx, end := c.Begin(context.Background())
		ctx = under(ctx, deep)
		return lab.Bench{Loop: func(n int) { loop(ctx, n) }, Close: func() { end(); _ = c.Close(context.Background()) }}, nil
	}}
}

// onMap is the same for the map that one writes by hand.
func onMap(name, against string, deep int, loop func(ctx context.Context, n int)) lab.Contender {
	return lab.Contender{Name: name, Against: against, New: func(lab.Env) (lab.Bench, error) {
		ctx := under(peer.WithRequestMap(context.Background()), deep)
		return lab.Bench{Loop: func(n int) { loop(ctx, n) }}, nil
	}}
}

// turns calls do for 0 to keys-1, over and over, n times in all.
func turns(n, keys int, do func(i int)) {
	for i := 0; n > 0; n-- {
		do(i)
		if i++; i == keys {
			i = 0
		}
	}
}

func requestHit(keys, deep int) lab.Event {
	texts := make([]string, keys)
	for i := range texts {
		texts[i] = data.Text(i)
	}
	declared := memo.NewFunc(nil, "user", func(_ context.Context, id int) (data.Small, error) { return data.NewSmall(id), nil })
	load := func(_ context.Context, id int) (data.Small, error) { return data.NewSmall(id), nil }
	// The bodies are loops of their own: a call through a function value would cost as much
	// again as what is measured.
	return lab.Event{Group: RequestGroup, Name: RequestHit(keys, deep), Contenders: []lab.Contender{
		inRequest(DoOnce, deep, func(ctx context.Context, n int) {
			for i := 0; n > 0; n-- {
				_, _ = memo.Do(ctx, texts[i], loadSmall)
				if i++; i == keys {
					i = 0
				}
			}
		}),
		inRequest(DoCapturing, deep, func(ctx context.Context, n int) {
			for i := 0; n > 0; n-- {
				_, _ = memo.Do(ctx, texts[i], capture(n))
				if i++; i == keys {
					i = 0
				}
			}
		}),
		inRequest(peer.Func, deep, func(ctx context.Context, n int) {
			for i := 0; n > 0; n-- {
				_, _ = declared.Do(ctx, i)
				if i++; i == keys {
					i = 0
				}
			}
		}),
		onMap(MapOnce, "", deep, func(ctx context.Context, n int) {
			for i := 0; n > 0; n-- {
				_, _ = peer.RequestDo(ctx, texts[i], loadSmall)
				if i++; i == keys {
					i = 0
				}
			}
		}),
		onMap(MapCapturing, DoCapturing, deep, func(ctx context.Context, n int) {
			for i := 0; n > 0; n-- {
				_, _ = peer.RequestDo(ctx, texts[i], capture(n))
				if i++; i == keys {
					i = 0
				}
			}
		}),
		onMap(MapSprintf, peer.Func, deep, func(ctx context.Context, n int) {
			for i := 0; n > 0; n-- {
				id := i
				_, _ = peer.RequestDo(ctx, fmt.Sprintf("user:%d", id), func(ctx context.Context) (data.Small, error) { return load(ctx, id) })
				if i++; i == keys {
					i = 0
				}
			}
		}),
		batchLoader("graph-gophers/dataloader", keys, func() func(context.Context, int) (data.Small, error) {
			l := peer.NewDataloader(peer.Options[int, data.Small]{LoadMany: intOptions(smalls, keys).LoadMany})
			return func(ctx context.Context, id int) (data.Small, error) { return l.Load(ctx, id)() }
		}),
		batchLoader("dataloadgen", keys, func() func(context.Context, int) (data.Small, error) {
			return peer.NewDataloadgen(peer.Options[int, data.Small]{LoadMany: intOptions(smalls, keys).LoadMany}).Load
		}),
		outside(OutsideOtter, DoCapturing, texts, func() (peer.Cache[string, data.Small], error) {
			return peer.NewOtterClosure(stringOptions(smalls, 10_000))
		}),
		// As much as the Func has: a loader that was built once, and no key to make.
		outside(OutsideNumbers, peer.Func, numbers(keys), func() (peer.Cache[int, data.Small], error) {
			return peer.NewOtter(intOptions(smalls, 10_000))
		}),
		outside(OutsideGoRedis, DoCapturing, texts, func() (peer.Cache[string, data.Small], error) {
			return peer.NewGoRedisCache(stringOptions(smalls, 10_000))
		}),
	}}
}

// batchLoader is a loader of which one is made for each request, and which remembers.
func batchLoader(name string, keys int, make func() func(context.Context, int) (data.Small, error)) lab.Contender {
	return lab.Contender{Name: name, Against: peer.Func, New: func(lab.Env) (lab.Bench, error) {
		get, ctx := make(), context.Background()
		return lab.Bench{Loop: func(n int) { turns(n, keys, func(i int) { _, _ = get(ctx, i) }) }}, nil
	}}
}

// outside is what the same call costs with a cache that has nothing nearer than the
// process.
func outside[K comparable](name, against string, ks []K, make func() (peer.Cache[K, data.Small], error)) lab.Contender {
	return lab.Contender{Name: name, Against: against, New: func(lab.Env) (lab.Bench, error) {
		c, err := make()
		if err != nil {
			return lab.Bench{}, err
		}
		return lab.Bench{Loop: func(n int) {
			ctx := c.Context()
			turns(n, len(ks), func(i int) { _, _ = c.Get(ctx, ks[i]) })
		}, Close: closing(c)}, nil
	}}
}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
