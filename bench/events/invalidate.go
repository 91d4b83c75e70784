package events

// invalidate.go has what a writer pays after its commit.

import (
	"context"
	"errors"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Events of this file.
const (
	InvalidateGroup = "Invalidation"
	InvalidateKey   = "invalidate a key, in the process"
	InvalidateTag   = "invalidate a tag of 10 entries and load them again, in the process"
	InvalidateFar   = "invalidate a key, in the shared tier, all processes told"
	InvalidateFarT  = "invalidate a tag, in the shared tier, all processes told"
	invalidated     = 10_000
	ofTag           = 10
)

func invalidations() []lab.Event {
	key := lab.Event{Group: InvalidateGroup, Name: InvalidateKey}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		if p.Closure && p.Name != "sturdyc" && p.Name != "go-redis/cache, local" || p.Name == "groupcache" {
			continue // the same again, or none
		}
		p.Against = ""
		key.Contenders = append(key.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
			c, err := p.New(stringOptions(smalls, invalidated))
			if err != nil {
				return lab.Bench{}, err
			}
			ks, at := data.Texts(numbers(env.Stream(1<<14))), 0
			look(c, ks, 0, env.N(invalidated))
			return lab.Bench{Loop: func(n int) {
				ctx := c.Context()
				for range n {
					_ = c.Delete(ctx, ks[at&(len(ks)-1)])
					at++
				}
			}, Close: closing(c)}, nil
		}))
	}
	return []lab.Event{key, invalidateTag(), invalidateFar(), invalidateFarTag()}
}

func invalidateTag() lab.Event {
	names := data.Texts(numbers(ofTag))
	load := func(_ context.Context, id int) (data.Small, error) { return data.NewSmall(id), nil }
	return lab.Event{Group: InvalidateGroup, Name: InvalidateTag, Contenders: []lab.Contender{
		{Name: "tiermemo InvalidateTags", New: func(env lab.Env) (lab.Bench, error) {
			c, err := newMemo(1000)
			if err != nil {
				return lab.Bench{}, err
			}
			f := memo.NewFunc(c, "user", load, memo.Tags("team"))
			ctx := c.With(context.Background())
			return lab.Bench{Loop: func(n int) {
				for range n {
					_ = memo.InvalidateTags(ctx, "team")
					for id := range ofTag {
						_, _ = f.Do(ctx, id)
					}
				}
			}, Close: func() { _ = c.Close(ctx) }}, nil
		}},
		{Name: "otter, ten keys named by hand", New: func(env lab.Env) (lab.Bench, error) {
			c, err := peer.NewOtter(intOptions(smalls, 1000))
			return lab.Bench{Loop: func(n int) {
				ctx := c.Context()
				for range n {
					for id := range ofTag {
						_ = c.Delete(ctx, id)
					}
					for id := range ofTag {
						_, _ = c.Get(ctx, id)
					}
				}
			}, Close: closing(c)}, err
		}},
		{Name: "eko/gocache, with tags", New: func(env lab.Env) (lab.Bench, error) {
			c := peer.NewGocacheTags(stringOptions(smalls, 1000))
			return lab.Bench{Loop: func(n int) {
				for range n {
					_ = c.InvalidateTag(context.Background(), "team")
					for id, name := range names {
						_ = c.SetTagged(context.Background(), name, data.NewSmall(id), "team")
					}
				}
			}}, nil
		}},
	}}
}

// far makes a contender of ours that invalidates through the shared tier.
func far(name string, do func(ctx context.Context, key string) error) lab.Contender {
	return lab.Contender{Name: name, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
		c, err := peer.NewShared(env.Memcached, space(), 1000)
		if err != nil {
			return lab.Bench{}, err
		}
		ctx, ks, at := c.With(context.Background()), data.Texts(numbers(64)), 0
		var failed error
		return lab.Bench{
			Loop: func(n int) {
				for range n {
					if err := do(ctx, ks[at&63]); err != nil && !errors.Is(err, memo.ErrDeferred) {
						failed = err
					}
					at++
				}
			},
			Check: func() error { return failed },
			Close: func() { _ = c.Close(ctx) },
		}, nil
	}}
}

func invalidateFar() lab.Event {
	return lab.Event{Group: InvalidateGroup, Name: InvalidateFar, Contenders: []lab.Contender{
		far("tiermemo Invalidate", func(ctx context.Context, key string) error { return memo.Invalidate(ctx, key) }),
		{Name: "gomemcache Delete, which nobody is told of", Floor: true, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
			c, key := peer.NewGomemcache(env.Memcached), space()
			return lab.Bench{Loop: func(n int) {
				for range n {
					if err := c.Delete(key); err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
						panic(err)
					}
				}
			}, Close: func() { _ = c.Close() }}, nil
		}},
		{Name: "go-redis/cache Delete, which no other process is told of", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			o := stringOptions(smalls, 1000)
			o.Redis = env.Redis
			c, err := peer.NewGoRedisCache(o)
			return lab.Bench{Loop: func(n int) { deleteAll(c, n) }, Close: closing(c)}, err
		}},
		{Name: "rueidis DEL, clients that have read it told", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			o := stringOptions(smalls, 1000)
			o.Redis, o.TTL = env.Redis, time.Hour
			c, err := peer.NewRueidis(o)
			return lab.Bench{Loop: func(n int) { deleteAll(c, n) }, Close: closing(c)}, err
		}},
	}}
}

func deleteAll(c peer.Cache[string, data.Small], n int) {
	for range n {
		if err := c.Delete(c.Context(), "user:7"); err != nil {
			panic(err)
		}
	}
}

func invalidateFarTag() lab.Event {
	return lab.Event{Group: InvalidateGroup, Name: InvalidateFarT, Contenders: []lab.Contender{
		far("tiermemo InvalidateTags", func(ctx context.Context, tag string) error { return memo.InvalidateTags(ctx, tag) }),
	}}
}
