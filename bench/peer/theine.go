package peer

import (
	"context"

	"github.com/Yiling-J/theine-go"
)

// Yiling-J/theine-go: https://github.com/Yiling-J/theine-go README, "loading cache", with
// cost 1 and the TTL in what the loader returns. The entry pool is off, as is its default.

type theineCache[K comparable, V any] struct {
	plain
	cache *theine.LoadingCache[K, V]
}

// NewTheine is theine's LoadingCache.
func NewTheine[K comparable, V any](o Options[K, V]) (Cache[K, V], error) {
	c, err := theine.NewBuilder[K, V](int64(o.Size)).Loading(func(ctx context.Context, k K) (theine.Loaded[V], error) {
		v, err := o.Load(ctx, k)
		return theine.Loaded[V]{Value: v, Cost: 1, TTL: o.TTL}, err
	}).Build()
	return &theineCache[K, V]{cache: c}, err
}

func (c *theineCache[K, V]) Get(ctx context.Context, k K) (V, error) { return c.cache.Get(ctx, k) }

func (c *theineCache[K, V]) Delete(_ context.Context, k K) error {
	c.cache.Delete(k)
	return nil
}

func (c *theineCache[K, V]) Close() error {
	c.cache.Close()
	return nil
}
