package memo

import (
	"sync/atomic"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The hit: what Do, Func.Do and a batch do before anything else, and nearly always all
// that they do. A hit in L1 is two calls, here and scope.Table.Get, and one counter;
// what is rarer is in functions of its own, so that the frames of these stay small.

// quick reports whether key is kept as it is, and may be used: all that can be said
// against a hit, but for opts. It is so small that it becomes a part of its callers.
func (n *node) quick(key string, opts []Option) bool {
	return n.plain(opts) && !keys.Odd(key)
}

// plain is quick for a key that is kept as it is.
func (n *node) plain(opts []Option) bool {
	return len(opts) == 0 && n.mode == 0 && n.cache.off.Load() == 0 // closed: L1 too, as no invalidation reaches it any more
}

// answer returns the entry of key, and where the answer is to be counted, if L2, or L1
// under opts, can answer without asking anyone. t is where a function counts; nil: it is
// of the key. Where the call is quick, its caller has looked in L1.
func (n *node) answer(key string, opts []Option, t *tally) (e *tier.Entry, counter *atomic.Uint64) {
	var from outcome
	if n.quick(key, opts) {
		e, from = n.inProcess(key)
	} else if silent(opts) {
		e, from = n.hit(key)
	}
	if e == nil {
		return nil, nil
	}
	if t == nil {
		t = e.Kind.Tally.(*tally)
	}
	if len(opts) > 0 {
		t = n.cache.tallyNamed(opts, t)
	}
	return e, t.counter(n.lane, from)
}

// hit returns the entry of key if L1 or L2 can answer without asking anyone.
func (n *node) hit(key string) (*tier.Entry, outcome) {
	switch {
	case n.cache.off.Load() != 0:
		return nil, 0
	case n.mode == modeVary:
		return n.hitVaried(key)
	case n.mode != 0, keys.Odd(key): // it is kept under another one
		return nil, 0
	}
	if n.table != nil {
		if it := n.table.Get(key); it != nil {
			return entryOf(it), outcomeL1
		}
	}
	return n.inProcess(key)
}

// inProcess returns the entry of key if L2 can answer, and L1 keeps it then.
func (n *node) inProcess(key string) (*tier.Entry, outcome) {
	l2, t := n.local(), n.table
	if l2 == nil {
		return nil, 0
	}
	var epoch uint64
	if t != nil {
		epoch = t.Epoch()
	}
	e, from := n.cache.ready(l2.Get(key))
	if e == nil || t == nil {
		return e, from
	}
	return entryOf(t.AddSince(epoch, itemOf(e))), from
}

// inProcess is node.inProcess for the value k of a Func, whose key is not written anywhere. Only
// where there is no L1: nobody can tell that a request has not read the key.
func (m *met) inProcess(n *node, form *keys.Form, k unsafe.Pointer) (*tier.Entry, outcome) {
	number, ok := form.Number(k)
	if !ok || n.load != nil {
		return nil, 0
	}
	e := m.numbers.Get(number)
	if e == nil {
		w := form.Words(k)
		if w.Len == 0 {
			return nil, 0
		}
		e = m.numbers.Find(number, w)
	}
	return n.cache.ready(e)
}

// local is L2, or nil where a hit has to ask more than whether it has the key.
func (n *node) local() *lru.Cache {
	if n.load != nil {
		return nil
	}
	return n.cache.lru
}

// ready returns e, which L2 has or not, if it answers a hit.
func (c *Cache) ready(e *tier.Entry) (*tier.Entry, outcome) {
	if e == nil {
		return nil, 0
	}
	if c.usable(e) {
		return e, outcomeL2
	}
	return c.refreshing(e)
}
