package peer

import (
	"context"
	"encoding/json"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/go-redis/cache/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

// raw.go has what a shared tier is asked with: ours, and the clients as they are.

// NewShared is ours on a memcached: https://github.com/tiermemo/tiermemo README. The
// values of calls with memo.SharedOnly stay there, so that each call asks the server.
func NewShared(addr, prefix string, local int) (*memo.Cache, error) {
	m, err := memcached.New(addr)
	if err != nil {
		return nil, err
	}
	return memo.New(memo.Config{Prefix: prefix, Shared: m, Local: lru.New(local)})
}

// NewGomemcache is bradfitz/gomemcache: https://pkg.go.dev/github.com/bradfitz/gomemcache/memcache.
// "Consider your expected traffic rates and latency carefully" is said of MaxIdleConns,
// which is 2: with 32 callers on it most would dial at every call.
func NewGomemcache(addr string) *memcache.Client {
	c := memcache.New(addr)
	c.MaxIdleConns = 64
	return c
}

// NewGoRedis is redis/go-redis as its README makes it: https://github.com/redis/go-redis, "Quickstart".
func NewGoRedis(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: addr})
}

// NewRedisOnly is go-redis/cache without a local part, https://github.com/go-redis/cache.
func NewRedisOnly(c *redis.Client) *cache.Cache { return cache.New(&cache.Options{Redis: c}) }

// NewRueidisClient is rueidis as its README makes it: https://github.com/redis/rueidis, "Getting Started".
func NewRueidisClient(addr string) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}})
}

// DecodeJSON is what one writes around a client by hand.
func DecodeJSON[V any](text []byte) (v V, err error) {
	err = json.Unmarshal(text, &v)
	return v, err
}

// GetJSON is a Get of gomemcache, decoded.
func GetJSON[V any](_ context.Context, c *memcache.Client, key string) (v V, err error) {
	item, err := c.Get(key)
	if err != nil {
		return v, err
	}
	return DecodeJSON[V](item.Value)
}
