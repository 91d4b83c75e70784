package peer

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Ours: https://github.com/tiermemo/tiermemo README, "what is read is declared once".

// Of ours there are two, which others are compared with.
const (
	Func = "tiermemo Func"
	Do   = "tiermemo Do"
)

type declared[K comparable, V any] struct {
	cache *memo.Cache
	f     *memo.Func[K, V]
	ctx   context.Context
}

// newCache gives the TTL to the cache, as the peers' options do.
func newCache[K comparable, V any](o Options[K, V]) (*memo.Cache, error) {
	opts := []memo.Option{memo.TTL(o.TTL)}
	if o.Refresh != 0 {
		opts = []memo.Option{memo.TTL(o.Refresh), memo.Stale(o.TTL)}
	}
	return memo.New(memo.Config{Local: lru.New(o.Size)}, opts...)
}

// NewFunc is a function with a cache, declared once.
func NewFunc[K comparable, V any](o Options[K, V]) (Cache[K, V], error) {
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	return &declared[K, V]{c, memo.NewFunc(nil, "user", o.Load), c.With(context.Background())}, nil
}

func (d *declared[K, V]) Context() context.Context                { return d.ctx }
func (d *declared[K, V]) Get(ctx context.Context, k K) (V, error) { return d.f.Do(ctx, k) }
func (d *declared[K, V]) Delete(ctx context.Context, k K) error   { return d.f.Invalidate(ctx, k) }
func (d *declared[K, V]) Close() error                            { return d.cache.Close(context.Background()) }

// declaredMany has a loader for many keys.
type declaredMany[K comparable, V any] struct{ declared[K, V] }

// NewBatchFunc is a function of many keys with a cache, declared once.
func NewBatchFunc[K comparable, V any](o Options[K, V]) (Cache[K, V], error) {
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	f := memo.NewBatchFunc(nil, "user", o.LoadMany)
	return &declaredMany[K, V]{declared[K, V]{c, f, c.With(context.Background())}}, nil
}

func (d *declaredMany[K, V]) GetMany(ctx context.Context, ks []K) (Found[K, V], error) {
	m, err := d.f.DoMany(ctx, ks)
	return Found[K, V]{Map: m}, err
}

// called is memo.Do with a loader that captures its key.
type called[K comparable, V any] struct {
	cache *memo.Cache
	ctx   context.Context
	key   func(K) string
	load  func(context.Context, K) (V, error)
}

// NewDo is the call with a key and a function, for string keys.
func NewDo[V any](o Options[string, V]) (Cache[string, V], error) {
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	return &called[string, V]{c, c.With(context.Background()), func(k string) string { return k }, o.Load}, nil
}

// NewDoTTL is the same with a TTL at each call.
func NewDoTTL[V any](o Options[string, V]) (Cache[string, V], error) {
	c, err := NewDo(o)
	if err != nil {
		return nil, err
	}
	return &calledTTL[V]{c.(*called[string, V]), o.TTL}, nil
}

type calledTTL[V any] struct {
	*called[string, V]
	ttl time.Duration
}

func (d *calledTTL[V]) Get(ctx context.Context, k string) (V, error) {
	return memo.Do(ctx, k, func(ctx context.Context) (V, error) { return d.load(ctx, k) }, memo.TTL(d.ttl))
}

// NewDoKey is NewDo with a key made by memo.Key.
func NewDoKey[V any](o Options[int, V]) (Cache[int, V], error) {
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	key := func(k int) string { return memo.Key("user", k) }
	return &keyed[V]{called[int, V]{c, c.With(context.Background()), key, o.Load}}, nil
}

// keyed makes the key where it is used, as an application does.
type keyed[V any] struct{ called[int, V] }

func (d *keyed[V]) Get(ctx context.Context, k int) (V, error) {
	return memo.Do(ctx, memo.Key("user", k), func(ctx context.Context) (V, error) { return d.load(ctx, k) })
}

func (d *called[K, V]) Context() context.Context              { return d.ctx }
func (d *called[K, V]) Delete(ctx context.Context, k K) error { return memo.Invalidate(ctx, d.key(k)) }
func (d *called[K, V]) Close() error                          { return d.cache.Close(context.Background()) }
func (d *called[K, V]) Get(ctx context.Context, k K) (V, error) {
	return memo.Do(ctx, d.key(k), func(ctx context.Context) (V, error) { return d.load(ctx, k) })
}
