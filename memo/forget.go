package memo

import (
	"context"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// Ahead of invalidate.go: one key, of which nobody has to hear but this process and the
// request. Nearly all invalidations without a shared tier are that. It is done at once, with
// the caller's own key: no list of names is made, none is copied for who would keep it, and
// nothing is put on the heap. By invalidate.go it took four times as long.

// forgets is Invalidate of key in the cache of n, the node of ctx. It reports false, and
// has done nothing, where that is not c, or, for a nil c, where there is none; and where more has to be done:
// the key is another one to the tiers, or none at all, or somebody has to be told, be it the
// Tx of ctx. t is where it counts; nil: where key says. It keeps nothing of key.
func forgets(ctx context.Context, n *node, c *Cache, key string, t *tally) (done bool, err error) {
	if n == nil || c != nil && c != n.cache {
		return false, nil
	}
	if c = n.cache; c.cfg.Shared != nil || c.lru == nil || n.mode&(modeVary|modeTx) != 0 || !keptAsItIs(key) {
		return false, nil
	}
	if !c.writers.enter() {
		return true, ErrClosed
	}
	defer c.writers.leave()
	table := n.table
	if table == nil { // With, inside of a request, is no way around its memory
		table = c.tableOf(ctx)
	}
	c.flights.Invalidate(flight.Always, func() { c.takeLocal(key) }, key)
	if table != nil {
		table.Forget(key)
	}
	if t == nil {
		t = c.tallyOfKey(key)
	}
	t.invalidated(wire.Keys, 1)
	return true, nil
}

// keptAsItIs reports whether key is a key, and the one that the tiers have. Not by keyProblem,
// which quotes the key: to the compiler that would keep it.
func keptAsItIs(key string) bool {
	_, _, refused := keys.Refused(key)
	return key != "" && len(key) <= maxKey && !refused && !keys.Odd(key)
}

// forgets is the same for k, where the cache of ctx knows f.
func (f *Func[K, V]) forgets(ctx context.Context, k K) (done bool, err error) {
	n, m := find(ctx), f.known.Load()
	if n == nil || !m.of(n.cache) || !f.form.Quick() {
		return false, nil
	}
	var stack [128]byte
	return forgets(ctx, n, nil, keys.View(f.form.Append(stack[:0], unsafe.Pointer(&k))), m.tally)
}
