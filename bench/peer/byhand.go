package peer

import (
	"context"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// What one writes by hand in front of a database: golang-lru with a deadline in each
// entry, and singleflight. https://pkg.go.dev/github.com/hashicorp/golang-lru/v2 and
// https://pkg.go.dev/golang.org/x/sync/singleflight, as in their examples. It is the usual
// thirty lines, without coherence, typed errors, panics or callers that leave.

// ByHand is its name in the tables.
const ByHand = "golang-lru + singleflight"

type byHand[K comparable, V any] struct {
	plain
	entries *lru.Cache[K, timed[V]]
	flights singleflight.Group
	ttl     time.Duration
	load    func(context.Context, K) (V, error)
	many    func(context.Context, []K) (map[K]V, error)
}

type timed[V any] struct {
	value V
	until time.Time
}

// NewByHand is golang-lru with singleflight.
func NewByHand[K comparable, V any](o Options[K, V]) (Cache[K, V], error) {
	entries, err := lru.New[K, timed[V]](o.Size)
	return &byHand[K, V]{entries: entries, ttl: o.TTL, load: o.Load, many: o.LoadMany}, err
}

func (c *byHand[K, V]) Get(ctx context.Context, k K) (V, error) {
	if e, ok := c.entries.Get(k); ok && time.Now().Before(e.until) {
		return e.value, nil
	}
	return c.miss(ctx, k)
}

func (c *byHand[K, V]) miss(ctx context.Context, k K) (V, error) {
	name, ok := any(k).(string)
	if !ok {
		name = fmt.Sprint(k)
	}
	v, err, _ := c.flights.Do(name, func() (any, error) {
		v, err := c.load(ctx, k)
		if err == nil {
			c.entries.Add(k, timed[V]{v, time.Now().Add(c.ttl)})
		}
		return v, err
	})
	t, _ := v.(V)
	return t, err
}

// GetMany asks for one after the other, and loads together what is missing.
func (c *byHand[K, V]) GetMany(ctx context.Context, ks []K) (Found[K, V], error) {
	list := make([]V, len(ks))
	var missing []K
	for i, k := range ks {
		if e, ok := c.entries.Get(k); ok && time.Now().Before(e.until) {
			list[i] = e.value
		} else {
			missing = append(missing, k)
		}
	}
	if missing == nil {
		return Found[K, V]{List: list}, nil
	}
	loaded, err := c.many(ctx, missing)
	for k, v := range loaded {
		c.entries.Add(k, timed[V]{v, time.Now().Add(c.ttl)})
	}
	for i, k := range ks {
		if v, ok := loaded[k]; ok {
			list[i] = v
		}
	}
	return Found[K, V]{List: list}, err
}

func (c *byHand[K, V]) Delete(_ context.Context, k K) error {
	c.entries.Remove(k)
	return nil
}
