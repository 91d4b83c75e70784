package peer

import (
	"context"
	"fmt"

	"github.com/jellydator/ttlcache/v3"
)

// jellydator/ttlcache v3: https://github.com/jellydator/ttlcache README, "Usage": WithTTL,
// WithCapacity, WithLoader and `go cache.Start()`, with the SuppressedLoader of
// https://pkg.go.dev/github.com/jellydator/ttlcache/v3 for one load at a time, and
// with WithDisableTouchOnHit: else each Get would write to a queue, to prolong the TTL.

type ttlCache[K comparable, V any] struct {
	plain
	cache *ttlcache.Cache[K, V]
}

// NewTTLCache is ttlcache's Cache.
func NewTTLCache[K comparable, V any](o Options[K, V]) (Cache[K, V], error) {
	load := ttlcache.LoaderFunc[K, V](func(c *ttlcache.Cache[K, V], k K) *ttlcache.Item[K, V] {
		v, err := o.Load(context.Background(), k) // it hands no context on
		if err != nil {
			return nil
		}
		return c.Set(k, v, ttlcache.DefaultTTL)
	})
	c := ttlcache.New(ttlcache.WithTTL[K, V](o.TTL), ttlcache.WithCapacity[K, V](uint64(o.Size)),
		ttlcache.WithDisableTouchOnHit[K, V](), ttlcache.WithLoader[K, V](ttlcache.NewSuppressedLoader[K, V](load, nil)))
	go c.Start()
	return &ttlCache[K, V]{cache: c}, nil
}

func (c *ttlCache[K, V]) Get(_ context.Context, k K) (v V, err error) {
	item := c.cache.Get(k)
	if item == nil {
		return v, fmt.Errorf("ttlcache: no %v", k)
	}
	return item.Value(), nil
}

func (c *ttlCache[K, V]) Delete(_ context.Context, k K) error {
	c.cache.Delete(k)
	return nil
}

func (c *ttlCache[K, V]) Close() error {
	c.cache.Stop()
	return nil
}
