package memo

import (
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside L2: the only place that changes it, and what each name has there. A Local
// says how many entries it has, and not whose. Reads look into it without this.

// keepLocal stores e in L2. Under the lock of its flight, as all that is about one key
// here. What it replaces is looked for before, as Set does not say. Others have the
// locks of their own keys, and evict this one's entry meanwhile, so that an entry knows
// whether it is counted:
//
//  1. the old entry is seen here
//  2. another key's Set has it evicted, and counts it out
//  3. it is replaced here, and would be counted out once more
func (c *Cache) keepLocal(e *tier.Entry) {
	old := c.cfg.Local.Peek(e.Key)
	if old == e {
		return
	}
	c.enters(e) // before it can be evicted
	c.cfg.Local.Set(e.Key, e)
	c.leaves(old)
}

// dropLocal removes key from L2. Under the lock of its flight.
func (c *Cache) dropLocal(key string) {
	if c.lru != nil {
		c.takeLocal(key)
		return
	}
	old := c.cfg.Local.Peek(key)
	c.cfg.Local.Delete(key)
	c.leaves(old)
}

// takeLocal is dropLocal where L2 is an lru.Cache. It does not keep key.
func (c *Cache) takeLocal(key string) { c.leaves(c.lru.Take(key)) }

// clearLocal empties L2. Under the locks of all flights. What was there belongs to an
// era that is over: it is not looked for.
func (c *Cache) clearLocal() {
	c.cfg.Local.Clear()
	c.era.Add(1)
}

// evicted is the Local's OnEvict.
func (c *Cache) evicted(_ string, e *tier.Entry) {
	c.tallyFor(e).evictions.Add(1)
	c.leaves(e)
}

// enters counts e as one that L2 has.
func (c *Cache) enters(e *tier.Entry) {
	era := c.era.Load()
	atomic.StoreUint32(&e.Held, era)
	c.tallyFor(e).held.add(era)
}

// leaves counts e out, once, however often it is seen to leave.
func (c *Cache) leaves(e *tier.Entry) {
	if e == nil {
		return
	}
	t := c.tallyFor(e)
	if since := atomic.SwapUint32(&e.Held, 0); since != 0 {
		t.held.remove(since)
	}
	if n := t.numbers.Load(); n != nil {
		n.Forget(e)
	}
}

// held is how many entries of one name L2 has, in an era: the era in the upper half,
// the number in the lower. That an era is over is seen by whoever comes next, so that
// to empty L2 takes no step for each name, and none that others could come between.
type held struct{ n atomic.Uint64 }

func (h *held) add(era uint32) {
	for {
		n := h.n.Load()
		next := n + 1
		if uint32(n>>32) != era {
			next = uint64(era)<<32 | 1
		}
		if h.n.CompareAndSwap(n, next) {
			return
		}
	}
}

// remove removes one that came in era.
func (h *held) remove(era uint32) {
	for n := h.n.Load(); uint32(n>>32) == era; n = h.n.Load() {
		if h.n.CompareAndSwap(n, n-1) {
			return
		}
	}
}

// in is the number in era.
func (h *held) in(era uint32) int {
	if n := h.n.Load(); uint32(n>>32) == era {
		return int(uint32(n))
	}
	return 0
}
