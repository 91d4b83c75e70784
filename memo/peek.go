package memo

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// Peek is the hit path of Do, and no more of it.

// Peek returns the value of key if L1 has it, or L2 and it is fresh. It does no I/O,
// counts nothing, and does not keep the entry young. ok is false for a key of another
// type, for a cached ErrNotFound, where the cache is off or closed, in a loader, and
// under Fresh and Bypass: what is at hand says too little there.
func Peek[T any](ctx context.Context, key string) (v T, ok bool) {
	return peek[T](ctx, find(ctx), key, nil)
}

// peek is Peek for who has an Unless that is nearer than New's, or nil.
func peek[T any](ctx context.Context, n *node, key string, unless func(context.Context) bool) (v T, ok bool) {
	if n == nil || n.load != nil || n.mode&^(modeVary|modeTx) != 0 || n.bypassed() {
		return v, false
	}
	if unless == nil {
		unless = n.cache.policy.unless
	}
	if unless != nil && unless(ctx) {
		return v, false
	}
	c := n.cache
	if n.mode != 0 || keys.Odd(key) {
		kept, problem := n.vary.keepKey(key)
		if problem != nil {
			return v, false
		}
		key = kept
	}
	if p := n.inTx(); p != nil {
		if e := entryIn(p.memory.Table(&c.owner), key); e != nil {
			v, err := value[T](key, e)
			return v, err == nil && e.Err() == nil
		}
		if p.wrote() {
			return v, false
		}
	}
	if n.table != nil {
		if e := entryIn(n.table, key); e != nil {
			v, err := value[T](key, e)
			return v, err == nil && e.Err() == nil
		}
	}
	e, now := c.cfg.Local.Peek(key), c.clock.Now()
	if e == nil || e.Err() != nil || ageOf(e, now, 0) != fresh || !sound(e, now) {
		return v, false
	}
	v, err := value[T](key, e)
	return v, err == nil
}
