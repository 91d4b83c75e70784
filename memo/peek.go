package memo

import "context"

// Peek is the hit path of Do, and no more of it.

// Peek returns the value of key if L1 has it, or L2 and it is fresh. It does no I/O,
// counts nothing, and does not keep the entry young. ok is false for a key of another
// type, for a cached ErrNotFound, where the cache is off or closed, in a loader, and
// under Fresh and Bypass: what is at hand says too little there.
func Peek[T any](ctx context.Context, key string) (v T, ok bool) {
	n := find(ctx)
	if n == nil || n.load != nil || n.mode != 0 || n.cache.off.Load() != 0 {
		return v, false
	}
	c := n.cache
	if n.table != nil {
		if e := entryIn(n.table, key); e != nil {
			v, err := value[T](key, e)
			return v, err == nil && e.Err == nil
		}
	}
	e, now := c.cfg.Local.Peek(key), c.clock.Now()
	if e == nil || e.Err != nil || ageOf(e, now, 0) != fresh || !sound(e, now) {
		return v, false
	}
	v, err := value[T](key, e)
	return v, err == nil
}
