package peer

import (
	"context"
	"time"

	"github.com/redis/rueidis"
	"golang.org/x/sync/singleflight"
)

// redis/rueidis: https://github.com/redis/rueidis README, "Server-Assisted Client-Side
// Caching": DoCache with a client-side TTL. rueidisaside, which would load what is
// missing, is a module of its own that cannot be downloaded here, so that part is written
// by hand with singleflight.

type rueidisCache[V any] struct {
	plain
	client  rueidis.Client
	flights singleflight.Group
	o       Options[string, V]
	prefix  string
}

// NewRueidis is a rueidis.Client with its client-side cache.
func NewRueidis[V any](o Options[string, V]) (Cache[string, V], error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{o.Redis}, CacheSizeEachConn: max(rueidis.DefaultCacheBytes, o.Size*2*entryBytes)})
	return &rueidisCache[V]{client: client, o: o, prefix: redisSpace()}, err
}

func (c *rueidisCache[V]) Get(ctx context.Context, k string) (v V, err error) {
	reply := c.client.DoCache(ctx, c.client.B().Get().Key(c.prefix+k).Cache(), c.o.TTL)
	text, err := reply.AsBytes()
	if rueidis.IsRedisNil(err) {
		return c.miss(ctx, k)
	}
	if err != nil {
		return v, err
	}
	return c.o.Decode(text)
}

func (c *rueidisCache[V]) miss(ctx context.Context, k string) (v V, err error) {
	loaded, err, _ := c.flights.Do(k, func() (any, error) {
		v, err := c.o.Load(ctx, k)
		if err != nil {
			return v, err
		}
		set := c.client.B().Set().Key(c.prefix + k).Value(rueidis.BinaryString(c.o.Encode(v))).Ex(max(c.o.TTL, time.Second)).Build()
		return v, c.client.Do(ctx, set).Error()
	})
	v, _ = loaded.(V)
	return v, err
}

func (c *rueidisCache[V]) Delete(ctx context.Context, k string) error {
	return c.client.Do(ctx, c.client.B().Del().Key(c.prefix+k).Build()).Error()
}

func (c *rueidisCache[V]) Close() error {
	c.client.Close()
	return nil
}
