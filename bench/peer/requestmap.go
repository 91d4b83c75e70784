package peer

import (
	"context"
	"sync"
)

// The memory of a request as one writes it by hand: a map with a mutex in a context
// value, made by a middleware of two lines. The map is made by the first who keeps
// something, so that a request which keeps nothing pays little.

type requestMap struct {
	mu sync.Mutex
	m  map[string]any
}

type requestMapKey struct{}

// WithRequestMap begins a request.
func WithRequestMap(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestMapKey{}, &requestMap{})
}

// RequestDo returns what the request has for key, or else loads it.
func RequestDo[T any](ctx context.Context, key string, fn func(context.Context) (T, error)) (T, error) {
	r, ok := ctx.Value(requestMapKey{}).(*requestMap)
	if !ok {
		return fn(ctx)
	}
	r.mu.Lock()
	v, ok := r.m[key]
	r.mu.Unlock()
	if ok {
		return v.(T), nil
	}
	t, err := fn(ctx)
	if err != nil {
		return t, err
	}
	r.mu.Lock()
	if r.m == nil {
		r.m = map[string]any{}
	}
	r.m[key] = t
	r.mu.Unlock()
	return t, nil
}
