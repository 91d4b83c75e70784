package memo

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// A Func is a way into everything else with a name, a key and options that were
// declared once (declare.go). Do, with its hit, is in hit.go; all else goes the way of the
// function of the same name that takes a string.

// Func is a memoized function of one comparable argument: a loader with its name, key
// and options. It is safe for concurrent use. NewFunc makes it.
//
// Its keys are Key(name, k); the fields of a struct k, unless it has a CacheKey or
// MarshalText method, are parts of their own, as in Key(name, k.A, k.B). So functions
// that take strings reach its entries, from any process: InvalidateTree(ctx, Key(name))
// is InvalidateAll, and InvalidateTree(ctx, Key(name, k.A)) forgets all values of one
// owner A. What Key says of equal parts holds here too: what Key refuses in a value of
// an interface in k is a *UsageError of the call.
type Func[K comparable, V any] struct {
	name   string
	cache  *Cache // nil: that of ctx
	loader func(context.Context, K) (V, error)
	batch  func(ctx context.Context, missing []K) (map[K]V, error) // nil: loader is one of one value
	form   *keys.Form
	opts   []Option
	clone  func(V) V           // of opts; nil: none
	quick  bool                // for a hit the options need not be looked at, and the key takes no reflection
	ttl    atomic.Int64        // of SetTTL; 0: the declared one
	known  atomic.Pointer[met] // the cache that f has met last
}

// Refresh runs the loader of k now, whatever the tiers hold, and stores the value; see
// the package's Refresh.
func (f *Func[K, V]) Refresh(ctx context.Context, k K, opts ...Option) (V, error) {
	return f.read("Refresh", ctx, k, opts, true)
}

// read is out of Do for the same reason as do is out of the package's: k may move to
// the heap here.
//
//go:noinline
func (f *Func[K, V]) read(op string, ctx context.Context, k K, opts []Option, forced bool) (v V, err error) {
	n, err := f.under(op, ctx)
	if err != nil {
		return v, err
	}
	if t := f.terms(n, opts); t != nil {
		return f.readBy(t, op, ctx, n, k, forced)
	}
	all, err := f.options(k, opts)
	if err != nil {
		return v, misuse(err, op, f.name)
	}
	if f.batch != nil {
		b := &many[K, V]{op: op, keys: []string{f.Key(k)}, args: []K{k}, load: f.batch, opts: all}
		return b.one(ctx, n, f, forced)
	}
	load := func(ctx context.Context) (V, error) { return f.loader(ctx, k) }
	return read(op, ctx, n, f.Key(k), load, all, forced)
}

// Get returns the value of k if any tier has it; see the package's Get. It does not run
// the loader.
func (f *Func[K, V]) Get(ctx context.Context, k K) (v V, err error) {
	n, err := f.under("Get", ctx)
	if err != nil {
		return v, err
	}
	all, err := f.options(k, nil)
	if err != nil {
		return v, misuse(err, "Get", f.name)
	}
	return get[V](ctx, n, f.Key(k), all)
}

// Peek returns the value of k if L1 or L2 has it; see the package's Peek.
func (f *Func[K, V]) Peek(ctx context.Context, k K) (v V, ok bool) {
	n, err := f.under("Peek", ctx)
	if err != nil {
		return v, false
	}
	if v, ok = peek[V](ctx, n, f.Key(k), f.unless(k)); ok && f.clone != nil {
		v = f.clone(v)
	}
	return v, ok
}

// Set stores v as the value of k in all tiers; see the package's Set.
func (f *Func[K, V]) Set(ctx context.Context, k K, v V, opts ...Option) error {
	_, err := f.store("Set", ctx, k, v, opts, false)
	return err
}

// Add is Set for a k that has no value, and reports whether it stored v; see the
// package's Add.
func (f *Func[K, V]) Add(ctx context.Context, k K, v V, opts ...Option) (added bool, err error) {
	return f.store("Add", ctx, k, v, opts, true)
}

func (f *Func[K, V]) store(op string, ctx context.Context, k K, v V, opts []Option, absent bool) (bool, error) {
	if _, err := f.under(op, ctx); err != nil {
		return false, err
	}
	all, err := f.options(k, opts)
	if err != nil {
		return false, misuse(err, op, f.name)
	}
	return store(op, ctx, f.cache, f.Key(k), v, all, absent)
}

// Uncached runs the loader with ctx and touches no cache. Under a cache that is off, or
// by way of Bypass, Do does the same and counts it.
func (f *Func[K, V]) Uncached(ctx context.Context, k K) (v V, err error) {
	if n := find(ctx); n != nil {
		ctx = n.around(ctx)
	}
	return f.loader(ctx, k)
}

// Invalidate forgets the values of ks in this request, this process and the shared
// tier, and tells the other processes; see the package's Invalidate.
func (f *Func[K, V]) Invalidate(ctx context.Context, ks ...K) error {
	if len(ks) == 1 {
		if done, err := f.forgets(ctx, ks[0]); done {
			return err
		}
	}
	return f.invalidate("Invalidate", ctx, wire.Keys, f.keys(ks))
}

// Expire ends the freshness of the values of ks; see the package's Expire.
func (f *Func[K, V]) Expire(ctx context.Context, ks ...K) error {
	return f.invalidate("Expire", ctx, wire.Expired, f.keys(ks))
}

// InvalidateAll forgets every value of f, in one step, however many there are. What is
// promised is the same as for Invalidate.
func (f *Func[K, V]) InvalidateAll(ctx context.Context) error {
	return f.invalidate("InvalidateAll", ctx, wire.Trees, []string{Key(f.name)})
}

// invalidate forgets names also where f has no right to its own: the write behind it is
// committed.
func (f *Func[K, V]) invalidate(op string, ctx context.Context, about wire.Subject, names []string) error {
	_, err := f.under(op, ctx)
	if ctx == nil {
		return err
	}
	return joined(err, invalidate(ctx, f.cache, op, about, names))
}

// Key returns the key of k, for the functions that take strings.
func (f *Func[K, V]) Key(k K) string {
	if !f.form.Quick() {
		return f.form.Key(k)
	}
	var stack [128]byte
	return string(f.form.Append(stack[:0], unsafe.Pointer(&k)))
}

func (f *Func[K, V]) keys(ks []K) []string {
	all := make([]string, len(ks))
	for i, k := range ks {
		all[i] = f.Key(k)
	}
	return all
}

// Name returns the name that f was declared with.
func (f *Func[K, V]) Name() string { return strings.Clone(f.name) }

// SetTTL changes the lifetime of what f stores from now on; d of 0 or less goes back to
// the declared one. A TTL among the options of a call comes before it, and so does one
// by Amend. What is stored keeps the lifetime that it has.
func (f *Func[K, V]) SetTTL(d time.Duration) { f.ttl.Store(int64(max(d, 0))) }

// under is the node for a call under ctx: of f's own cache, or else of ctx's; nil if
// there is neither.
func (f *Func[K, V]) under(op string, ctx context.Context) (*node, error) {
	if err := checkContext(op, ctx); err != nil {
		return nil, err
	}
	n := find(ctx)
	switch {
	case f.cache == nil && n == nil:
		return nil, nil
	case f.cache == nil && f.known.Load().of(n.cache):
		return n, nil
	case f.cache == nil:
		return n, f.meet(op, n.cache)
	case n == nil || n.cache != f.cache:
		n = f.cache.bind(ctx, n, asksOf(ctx, n))
		n.table = f.cache.tableOf(ctx)
	}
	return n, nil
}
