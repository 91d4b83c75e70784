package memo

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Ahead of a Func's first call: what it was declared with is looked at once, where a
// mistake can stop the program at its start, and not at each call.

// NewFunc declares a memoized function. Its values are cached in c, or, with a nil c,
// in the cache bound to the ctx of each call: declare such a Func where the loader is,
// as a variable of the package, and let the middleware bind the cache.
//
// The name is the first part of its keys, and stands in statistics. K must make keys: a
// pointer does not unless it has a CacheKey or MarshalText method, nor does a struct
// with an unexported field. opts are those of Do; options of New come before them, and
// those of a call after.
//
// A mistake in the declaration (an empty name, a name that the cache has already, a K
// that makes no key, an option of another K or V, options that contradict each other)
// panics with a *UsageError, as regexp.MustCompile does. A mistake that shows only when
// a Func with a nil c first meets its cache (a name that is taken) is a *UsageError that
// every call returns, Peek apart; an invalidation is done all the same.
func NewFunc[K comparable, V any](c *Cache, name string, fn func(context.Context, K) (V, error), opts ...Option) *Func[K, V] {
	return must(declare("NewFunc", c, name, fn, fn == nil, opts))
}

// NewBatchFunc is NewFunc for a loader of many keys, which DoMany calls with those that
// no tier has, each once and at least one. A key that fn leaves out is absent: see
// NegativeTTL. Where fn returns values and an error, the values count, and the error is
// that of the keys that have none.
func NewBatchFunc[K comparable, V any](c *Cache, name string, fn func(ctx context.Context, missing []K) (map[K]V, error), opts ...Option) *Func[K, V] {
	one := func(ctx context.Context, k K) (v V, err error) {
		found, err := fn(ctx, []K{k})
		if v, ok := found[k]; ok {
			return v, nil
		}
		if err == nil {
			err = ErrNotFound
		}
		return v, err
	}
	f := must(declare("NewBatchFunc", c, name, one, fn == nil, opts))
	f.batch = fn
	return f
}

func must[K comparable, V any](f *Func[K, V], err error) *Func[K, V] {
	if err != nil {
		panic(err)
	}
	return f
}

func declare[K comparable, V any](op string, c *Cache, name string, loader func(context.Context, K) (V, error), none bool, opts []Option) (*Func[K, V], error) {
	refuse := func(problem, fix string) (*Func[K, V], error) {
		return nil, &UsageError{Op: op, Name: name, Problem: problem, Fix: fix}
	}
	switch {
	case name == "":
		return refuse("the name is empty", `name what it returns, as in NewFunc(c, "user", …)`)
	case len(name) > maxTag:
		return refuse(fmt.Sprintf("the name has %d bytes, more than %d", len(name), maxTag), "give it a short one: it is the first part of every key")
	case none:
		return refuse("fn is nil", "pass the function that loads the value")
	case c != nil && c.none():
		return refuse("the cache was not made by New", "pass what New returned, or nil for the cache of the ctx")
	}
	form, problem := keys.FormOf(name, reflect.TypeFor[K]())
	if problem != "" {
		return refuse(problem, "use a number, a string or a struct of such, or give the type a method CacheKey() string")
	}
	f := &Func[K, V]{name: name, cache: c, loader: loader, form: form, opts: opts}
	if err := f.check(); err != nil {
		return nil, misuse(err, op, name)
	}
	f.quick = form.Quick() && silent(opts)
	if c != nil {
		return f, f.meet(op, c)
	}
	return f, nil
}

// check looks at the options as the calls will.
func (f *Func[K, V]) check() error {
	p := policy{ttl: defaultTTL, loadTimeout: defaultLoadTimeout, batchSize: defaultBatchSize}
	if f.cache != nil {
		p = f.cache.policy
	}
	typed, err := bindable[K](f.opts)
	if err != nil {
		return err
	}
	t := reflect.TypeFor[V]()
	if err := p.applyTo(t, typed); err != nil {
		return err
	}
	if p.name != "" {
		return &UsageError{Problem: "Name beside the name of the function", Fix: "leave it out, or give it to the calls that are to be counted apart"}
	}
	if f.clone, err = cloner[V](&p); err != nil {
		return err
	}
	if _, err = tagger[V](&p); err != nil {
		return err
	}
	if f.cache != nil {
		_, err = f.cache.typeOf(t, p.codec, p.shares())
	}
	return err
}

// meet gives f its name in c, or says that another function has it.
func (f *Func[K, V]) meet(op string, c *Cache) error {
	if other, taken := c.funcs.LoadOrStore(f.name, f); taken && other != any(f) {
		return &UsageError{
			Op: op, Name: f.name,
			Problem: "the cache has another function of this name, and they would take each other's values",
			Fix:     "give one of the two another name, or declare it once",
		}
	}
	t := c.declare(f.name)
	f.known.Store(&met{c, t, c.numbersOf(t, f.form), apart(), f.agree(c, t)})
	return nil
}

// met is a cache in which a Func has its name, and is counted.
type met struct {
	cache   *Cache
	tally   *tally
	numbers *lru.Numbers // nil: its keys are no numbers, or there is no such L2
	from    uint64       // where a request looks for the number 0
	terms   *terms       // nil: not the same for all calls
}

// of reports whether m is c.
func (m *met) of(c *Cache) bool { return m != nil && m.cache == c }

// in returns the terms of m if it is c's.
func (m *met) in(c *Cache) *terms {
	if m.of(c) {
		return m.terms
	}
	return nil
}

// options are those of a call on k: f's, then the call's.
func (f *Func[K, V]) options(k K, opts []Option) ([]Option, error) {
	all := make([]Option, 0, 1+len(f.opts)+2+len(opts))
	all, err := appendFor(append(all, Name(f.name)), f.opts, k)
	if err != nil {
		return nil, err
	}
	if ttl := f.ttl.Load(); ttl > 0 {
		all = append(all, TTL(time.Duration(ttl)))
	}
	return appendFor(append(all, Option{kind: optionNearer}), opts, k)
}

// unless is the declared Unless for k, or nil.
func (f *Func[K, V]) unless(k K) (fn func(context.Context) bool) {
	for _, o := range f.opts {
		if o.kind == optionUnless || o.kind == optionUnlessFunc {
			o, _ = bind(o, k) // which check has tried
			fn, _ = o.fn.(func(context.Context) bool)
		}
	}
	return fn
}
