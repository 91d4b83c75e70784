package main

import (
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// What a user writes by hand, as one writes it: each of these is the usual
// thirty lines, without coherence, typed errors, panics or leaving callers.

// requestMap is the memory of a request: a map with a mutex in a context value.
type requestMap struct {
	mu sync.Mutex
	m  map[string]any
}

type requestMapKey struct{}

func withRequestMap(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestMapKey{}, &requestMap{m: map[string]any{}})
}

func requestDo[T any](ctx context.Context, key string, fn func(context.Context) (T, error)) (T, error) {
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
	r.m[key] = t
	r.mu.Unlock()
	return t, nil
}

// processLRU is golang-lru with a deadline in each entry, and singleflight.
type processLRU struct {
	entries *lru.Cache[string, timed]
	flights singleflight.Group
	ttl     time.Duration
}

type timed struct {
	value any
	until time.Time
}

func newProcessLRU(size int, ttl time.Duration) *processLRU {
	entries, err := lru.New[string, timed](size)
	if err != nil {
		panic(err)
	}
	return &processLRU{entries: entries, ttl: ttl}
}

func processDo[T any](ctx context.Context, p *processLRU, key string, fn func(context.Context) (T, error)) (T, error) {
	if e, ok := p.entries.Get(key); ok && time.Now().Before(e.until) {
		return e.value.(T), nil
	}
	v, err, _ := p.flights.Do(key, func() (any, error) {
		t, err := fn(ctx)
		if err == nil {
			p.entries.Add(key, timed{t, time.Now().Add(p.ttl)})
		}
		return t, err
	})
	t, _ := v.(T)
	return t, err
}
