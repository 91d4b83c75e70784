package peer

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
)

// go-redis/cache v9: https://github.com/go-redis/cache README, "Example_advancedUsage":
// Once with a Do, and NewTinyLFU as local cache. Its codec is its own, msgpack. Where the
// process's memory is measured it has no Redis, which its Options allow, so that a miss
// does not pay for a server that others do not ask.

type redisCache[V any] struct {
	plain
	cache  *cache.Cache
	client *redis.Client
	ttl    time.Duration
	prefix string
	load   func(context.Context, string) (V, error)
}

// redisSpaces parts the caches that share a server, also those of other processes.
var redisSpaces atomic.Int64

func redisSpace() string { return fmt.Sprintf("%d.%d:", os.Getpid(), redisSpaces.Add(1)) }

// NewGoRedisCache is a Cache of go-redis/cache with a local part, on o.Redis if there is one.
func NewGoRedisCache[V any](o Options[string, V]) (Cache[string, V], error) {
	c := &redisCache[V]{ttl: o.TTL, load: o.Load}
	options := &cache.Options{LocalCache: cache.NewTinyLFU(o.Size, o.TTL)}
	if o.Redis != "" {
		c.client = redis.NewClient(&redis.Options{Addr: o.Redis})
		c.prefix = redisSpace()
		options.Redis = c.client
	}
	c.cache = cache.New(options)
	return c, nil
}

func (c *redisCache[V]) Get(ctx context.Context, k string) (v V, err error) {
	if c.prefix != "" {
		k = c.prefix + k
	}
	err = c.cache.Once(&cache.Item{
		Ctx: ctx, Key: k, Value: &v, TTL: c.ttl,
		Do: func(*cache.Item) (any, error) { return c.load(ctx, k[len(c.prefix):]) },
	})
	return v, err
}

func (c *redisCache[V]) Delete(ctx context.Context, k string) error {
	if c.prefix == "" {
		c.cache.DeleteFromLocalCache(k)
		return nil
	}
	return c.cache.Delete(ctx, c.prefix+k)
}

func (c *redisCache[V]) Close() error {
	if c.client == nil {
		return nil
	}
	return c.client.Close()
}
