package memo

import (
	"context"
	"sync/atomic"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The hit: what Do, Func.Do and a batch do before anything else, and nearly always all that they
// do: before a closure is built or a lock is taken, and mostly without an option to look at. What is
// rarer is in functions of its own, so that the frames of these stay small. Its parts elsewhere are
// scope/find.go (L1), lru/index.go, lru/key.go and lru/numbers.go (L2), keys/words.go, numbers.go,
// context.go (wrapped), local.go (usable) and stripe (counters). What each trick gains, and how that
// was measured, is in docs/performance.md, "Tricks of the hit path".

// Do returns the value of key, running fn at most once a request, once at a time
// in this process, and once in the fleet. fn runs on a goroutine of its own,
// with a ctx that lives as long as anyone waits for it. Use that one in fn, and
// not the request's: by it, calls of Do inside of fn know that they are a part
// of this load.
//
// Do returns when ctx ends, with an error that is ctx.Err and the cause of it
// (errors.Is), whatever fn does; a value at hand is returned even then. An error of
// fn is returned to everyone who waits for this run, and not kept (see NegativeTTL
// and StaleIfError). If fn panics, the caller that started it panics with the same
// value and the others get a *PanicError. A tier that fails is never the caller's
// error. A key that holds a value of another type is a *TypeError, and a mistake in
// the call a *UsageError.
//
// What Do returns is shared with other callers: treat it as read-only, or use
// Clone. Without a cache in ctx, under Bypass, and where the cache is off or closed,
// Do runs fn on the caller's goroutine, with ctx.
func Do[T any](ctx context.Context, key string, fn func(context.Context) (T, error), opts ...Option) (T, error) {
	n, ok := ctx.(*node)
	if !ok {
		n = wrapped(ctx)
	}
	if n != nil && fn != nil {
		// L1 from here and not from answer: a call less makes such a hit 1.28 times as fast.
		if n.table != nil && n.quick(key, opts) {
			if e := entryOf(n.table.Get(key)); e != nil {
				if v, ok := e.Value.(T); ok {
					e.Kind.Tally.(*tally).count(outcomeL1)
					return v, nil
				}
			}
		}
		if e, counter := n.answer(key, opts, nil); e != nil {
			if v, ok := e.Value.(T); ok {
				counter.Add(1)
				return v, nil
			}
		}
	}
	return do(ctx, n, key, fn, opts)
}

// Do returns the value of k; see the package's Do. A batch loader that leaves k out
// gives ErrNotFound.
func (f *Func[K, V]) Do(ctx context.Context, k K, opts ...Option) (v V, err error) {
	n, ok := ctx.(*node)
	if !ok {
		n = wrapped(ctx)
	}
	if m := f.known.Load(); n != nil && f.quick && m.of(n.cache) {
		// By the number, without the text of a key: 2.4 times as fast in L2, 2.1 times in L1.
		if number, ok := f.form.Number(unsafe.Pointer(&k)); ok && m.numbers != nil && n.plain(opts) {
			if n.table == nil && n.load == nil { // inside of a load not all that L2 has will do: need.go. Two calls less than inProcess: 1.1 times as fast
				if e := m.numbers.Get(number); e != nil && n.cache.usable(e) {
					if v, ok := e.Value.(V); ok {
						m.tally.count(outcomeL2)
						return v, nil
					}
				}
			} else if n.table != nil {
				// Whatever lies where the number would: an entry says itself which number of which name it has.
				e := entryOf(n.table.At(m.from + number))
				if !m.is(e, number) {
					e = m.inRequest(n.table, f.form, number)
				}
				if e != nil {
					if v, ok := e.Value.(V); ok {
						m.tally.count(outcomeL1)
						return v, nil
					}
				}
			}
			if e, from := m.inProcess(n, f.form, number); e != nil { // it had no slot, or the request not the key
				if v, ok := e.Value.(V); ok {
					m.tally.count(from)
					return v, nil
				}
			}
		}
		if f.form.IsText(unsafe.Pointer(&k)) && n.plain(opts) {
			// By the words of its key, which are not written anywhere: 1.2 to 1.5 times as fast.
			if e, from := n.byWords(f.form.Words(unsafe.Pointer(&k))); e != nil {
				if v, ok := e.Value.(V); ok {
					m.tally.count(from)
					return v, nil
				}
			}
		}
		var stack [128]byte
		key := keys.View(f.form.Append(stack[:0], unsafe.Pointer(&k)))
		if n.table != nil && n.quick(key, opts) {
			if e := entryOf(n.table.Get(key)); e != nil {
				if v, ok := e.Value.(V); ok {
					m.tally.count(outcomeL1)
					return v, nil
				}
			}
		}
		if e, counter := n.answer(key, opts, m.tally); e != nil {
			if v, ok := e.Value.(V); ok {
				counter.Add(1)
				return v, nil
			}
		}
		if n.cache.flights.InFlight() > 0 { // who joins a load that runs needs no load of his own: joins.go
			if v, err, ok := join[V](ctx, n, key, opts, m.tally); ok {
				return v, err
			}
		}
	}
	return f.read("Do", ctx, k, opts, false)
}

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
	var name string
	if n.quick(key, opts) {
		e, from = n.inProcess(key)
	} else if said, ok := heard(opts); ok {
		name = said
		e, from = n.hit(key)
	}
	if e == nil {
		return nil, nil
	}
	if name != "" {
		t = n.cache.tallyOf(name)
	} else if t == nil {
		t = e.Kind.Tally.(*tally)
	}
	return e, t.counter(from)
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
