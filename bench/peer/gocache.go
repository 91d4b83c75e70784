package peer

import (
	"context"

	"github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/store"
	gocachestore "github.com/eko/gocache/store/go_cache/v4"
	gocache "github.com/patrickmn/go-cache"
)

// eko/gocache: https://github.com/eko/gocache README, "A loadable cache" over "Memory
// (using Go-cache)". That store has no bound. The loaded value is stored by another
// goroutine, a moment later.

type goCache[V any] struct {
	plain
	cache *cache.LoadableCache[V]
}

// NewGocache is gocache's LoadableCache.
func NewGocache[V any](o Options[string, V]) (Cache[string, V], error) {
	memory := gocachestore.NewGoCache(gocache.New(o.TTL, 2*o.TTL))
	load := func(ctx context.Context, key any) (V, []store.Option, error) {
		v, err := o.Load(ctx, key.(string))
		return v, nil, err
	}
	return &goCache[V]{cache: cache.NewLoadable(load, cache.New[V](memory))}, nil
}

func (c *goCache[V]) Get(ctx context.Context, k string) (V, error) { return c.cache.Get(ctx, k) }

func (c *goCache[V]) Delete(ctx context.Context, k string) error { return c.cache.Delete(ctx, k) }

func (c *goCache[V]) Close() error { return c.cache.Close() }
