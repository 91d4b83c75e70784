package memo

import (
	"context"
	"unsafe"
)

// ForgetUncached makes the package forget what it has logged about calls that
// found no cache, as in a process that begins.
func ForgetUncached() {
	uncached.mu.Lock()
	defer uncached.mu.Unlock()
	clear(uncached.seen)
}

// NewName is what a call does to the names of c that has looked for name when it was
// not there, and when there was room.
func (c *Cache) NewName(name string) { c.names.add(name) }

// DoOne is a call of the function id, whose loader is one of many keys, for k.
func DoOne[K comparable, V any](ctx context.Context, id any, key string, k K, load func(context.Context, []K) (map[K]V, error), opts ...Option) (V, error) {
	b := &many[K, V]{op: "Do", keys: []string{key}, args: []K{k}, load: load, opts: opts}
	return b.one(ctx, find(ctx), id, false)
}

// DoEach is a call for several keys of a function whose loader is one of one key.
func DoEach[K comparable, V any](ctx context.Context, keys []string, ks []K, load func(context.Context, K) (V, error), opts ...Option) ([]Result[V], error) {
	b := &many[K, V]{op: "DoMany", keys: keys, args: ks, single: load, opts: opts, quick: silent(opts)}
	results := make([]Result[V], len(keys))
	return results, b.answer(ctx, find(ctx), results)
}

// Busy reports whether anything goes on with key in c.
func (c *Cache) Busy(key string) bool { return c.flights.Busy(key) }

// LoadBytes is what a load of its own takes of the heap, less what the allocator adds.
const LoadBytes = unsafe.Sizeof(flown{})
