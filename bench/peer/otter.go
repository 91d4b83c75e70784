package peer

import (
	"context"

	"github.com/maypok86/otter/v2"
)

// maypok86/otter v2: https://github.com/maypok86/otter README, "API Usage Example", and
// the Options of https://pkg.go.dev/github.com/maypok86/otter/v2: MaximumSize with
// ExpiryWriting, and RefreshWriting where entries are refreshed. The README has ExpiryAccessing.
// ExpiryWriting is taken on purpose: it is the cheaper one, as a hit prolongs nothing, and ours
// counts from the writing, too.

type otterCache[K comparable, V any] struct {
	plain
	cache *otter.Cache[K, V]
	one   otter.Loader[K, V]
	many  otter.BulkLoader[K, V]
}

func newOtter[K comparable, V any](o Options[K, V]) (*otterCache[K, V], error) {
	options := &otter.Options[K, V]{MaximumSize: o.Size, ExpiryCalculator: otter.ExpiryWriting[K, V](o.TTL)}
	if o.Refresh != 0 {
		options.RefreshCalculator = otter.RefreshWriting[K, V](o.Refresh)
	}
	if o.InLine {
		options.Executor = func(fn func()) { fn() }
	}
	c, err := otter.New(options)
	return &otterCache[K, V]{cache: c, one: otter.LoaderFunc[K, V](o.Load), many: otter.BulkLoaderFunc[K, V](o.LoadMany)}, err
}

// NewOtter asks with a loader that was built once.
func NewOtter[K comparable, V any](o Options[K, V]) (Cache[K, V], error) { return newOtter(o) }

func (c *otterCache[K, V]) Get(ctx context.Context, k K) (V, error) {
	return c.cache.Get(ctx, k, c.one)
}

func (c *otterCache[K, V]) GetMany(ctx context.Context, ks []K) (Found[K, V], error) {
	m, err := c.cache.BulkGet(ctx, ks, c.many)
	return Found[K, V]{Map: m}, err
}

func (c *otterCache[K, V]) Delete(_ context.Context, k K) error {
	c.cache.Invalidate(k)
	return nil
}

func (c *otterCache[K, V]) Close() error {
	c.cache.StopAllGoroutines()
	return nil
}

// otterClosure makes a loader for every call, as its README does.
type otterClosure[K comparable, V any] struct {
	*otterCache[K, V]
	load func(context.Context, K) (V, error)
}

// NewOtterClosure asks with a loader that captures what the call is about.
func NewOtterClosure[K comparable, V any](o Options[K, V]) (Cache[K, V], error) {
	c, err := newOtter(o)
	return otterClosure[K, V]{c, o.Load}, err
}

func (c otterClosure[K, V]) Get(ctx context.Context, k K) (V, error) {
	return c.cache.Get(ctx, k, otter.LoaderFunc[K, V](func(ctx context.Context, _ K) (V, error) { return c.load(ctx, k) }))
}
