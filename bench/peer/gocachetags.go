package peer

import (
	"context"
	"time"

	"github.com/eko/gocache/lib/v4/cache"
	"github.com/eko/gocache/lib/v4/store"
	gocachestore "github.com/eko/gocache/store/go_cache/v4"
	gocache "github.com/patrickmn/go-cache"
)

// GocacheTags is gocache with tags: https://github.com/eko/gocache README, "Cache
// invalidation using tags". Its LoadableCache is told no tags of what it loads, so the
// user sets what it has loaded.
type GocacheTags[V any] struct {
	cache *cache.Cache[V]
	ttl   time.Duration
}

// NewGocacheTags is a Cache of gocache on go-cache.
func NewGocacheTags[V any](o Options[string, V]) *GocacheTags[V] {
	return &GocacheTags[V]{cache.New[V](gocachestore.NewGoCache(gocache.New(o.TTL, 2*o.TTL))), o.TTL}
}

// SetTagged stores v under a tag.
func (c *GocacheTags[V]) SetTagged(ctx context.Context, k string, v V, tag string) error {
	return c.cache.Set(ctx, k, v, store.WithExpiration(c.ttl), store.WithTags([]string{tag}))
}

// InvalidateTag forgets what has the tag.
func (c *GocacheTags[V]) InvalidateTag(ctx context.Context, tag string) error {
	return c.cache.Invalidate(ctx, store.WithInvalidateTags([]string{tag}))
}
