package peer

import (
	"context"

	"github.com/viccon/sturdyc"
)

// viccon/sturdyc: https://github.com/viccon/sturdyc README, "Creating a cache client"
// (10 shards, 10 % evicted at once), "Get or fetch", and "Early refreshes" where entries
// are refreshed. Its loader is told no key, so it captures it, as in all of its examples.

type sturdy[V any] struct {
	plain
	client *sturdyc.Client[V]
	load   func(context.Context, string) (V, error)
	many   func(context.Context, []string) (map[string]V, error)
}

// sameKey is the key of an ID that needs no prefix.
func sameKey(id string) string { return id }

// NewSturdyc is sturdyc's Client.
func NewSturdyc[V any](o Options[string, V]) (Cache[string, V], error) {
	const shards, evictionPercentage = 10, 10
	var opts []sturdyc.Option
	if o.Refresh != 0 {
		opts = append(opts, sturdyc.WithEarlyRefreshes(o.Refresh, o.Refresh+1, o.TTL, o.Refresh))
	}
	return &sturdy[V]{client: sturdyc.New[V](o.Size, shards, o.TTL, evictionPercentage, opts...), load: o.Load, many: o.LoadMany}, nil
}

func (c *sturdy[V]) Get(ctx context.Context, k string) (V, error) {
	return c.client.GetOrFetch(ctx, k, func(ctx context.Context) (V, error) { return c.load(ctx, k) })
}

func (c *sturdy[V]) GetMany(ctx context.Context, ks []string) (Found[string, V], error) {
	m, err := c.client.GetOrFetchBatch(ctx, ks, sameKey, sturdyc.BatchFetchFn[V](c.many))
	return Found[string, V]{Map: m}, err
}

func (c *sturdy[V]) Delete(_ context.Context, k string) error {
	c.client.Delete(k)
	return nil
}
