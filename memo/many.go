package memo

import (
	"context"
	"errors"
	"slices"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// DoMany is where a read of several keys begins. What L1 and L2 have is answered in one
// pass; each of the other keys goes the way of Do, and they travel together (gather.go).

// DoMany is Do for a set of keys: it returns the values of those that exist, and calls fn
// for those that no tier has. The order of keys is theirs in missing, and a key that is
// named twice is there once. fn is called with at least one key, and with BatchSize at
// most; more keys make more calls, four of them at once.
//
// A key that fn leaves out is absent, here and in the result: that is no error, and with
// NegativeTTL it is remembered. What fn returns for a key that it was not asked for is
// ignored. Where fn returns values and an error, the values count, and the error is that
// of the keys which have none. An ErrNotFound is the same as leaving those out.
//
// Each key is a load of its own, of which DoMany promises what Do does: calls that share
// keys share their loads, also with Do, and an invalidation keeps back the values that it
// is about. Where keys could not be answered, the map holds the others and the error is a
// *BatchError: because fn returned an error, or the load of another caller which they
// joined has; because ctx has ended; or because a key is no key. If fn panics, so does
// DoMany. Options are those of each key, and TagsFunc sees the key; Amend in fn is about
// all keys of the call, and AmendKey about one.
//
// Without a cache in ctx, under Bypass, and where the cache is off or closed, fn runs on
// the caller's goroutine, with ctx.
func DoMany[T any](ctx context.Context, keys []string, fn func(ctx context.Context, missing []string) (map[string]T, error), opts ...Option) (map[string]T, error) {
	b := &many[string, T]{op: "DoMany", keys: keys, args: keys, load: fn, opts: opts, quick: silent(opts)}
	fixed, err := bindable[string](opts)
	if err != nil {
		return nil, misuse(err, b.op, "")
	}
	if len(fixed) < len(opts) {
		b.bound = boundTo[string](slices.Clone(opts))
	}
	results := make([]Result[T], len(keys))
	if err := b.answer(ctx, find(ctx), results); err != nil {
		return nil, err
	}
	values := make(map[string]T, len(keys))
	for i := range results {
		if results[i].Err == nil {
			values[keys[i]] = results[i].Value
		}
	}
	return values, failures(keys, results)
}

// boundTo returns what opts come to for an argument.
func boundTo[K any](opts []Option) func(k K) ([]Option, error) {
	return func(k K) ([]Option, error) { return appendFor(nil, opts, k) }
}

// Result is the answer for one key of a batch. Err is nil, ErrNotFound for an absent
// key, or what its load failed with.
type Result[V any] struct {
	Value V
	Err   error
}

// many is one call about several keys. The zero options are those of a function that
// takes strings, whose keys are its arguments.
type many[K comparable, V any] struct {
	op   string
	keys []string // of args
	args []K
	load func(ctx context.Context, missing []K) (map[K]V, error)

	single func(ctx context.Context, k K) (V, error) // in place of load: a loader of one value

	opts     []Option
	declared []Option                    // of the function, before opts
	bound    func(k K) ([]Option, error) // the options of k, where they depend on it; nil: opts
	quick    bool                        // a hit need not look at them
	own      bool                        // keys were made for this call
	lent     *load                       // about one key after the other; nil: each has its own
	tally    *tally                      // of the function that is called; nil: of the key
}

// answer puts the answer for each key in its place among results. The error is one of
// the whole call.
func (b *many[K, V]) answer(ctx context.Context, n *node, results []Result[V]) error {
	if err := b.check(ctx); err != nil {
		return err
	}
	var missed []int
	for i, key := range b.keys {
		if n == nil || !b.quick || !hit(n, key, b.opts, b.tally, &results[i]) {
			missed = addPlace(missed, i, len(b.keys))
		}
	}
	return b.rest(ctx, n, missed, results)
}

// addPlace is missed with i, the first of which may be followed by all to n.
func addPlace(missed []int, i, n int) []int {
	if missed == nil {
		missed = make([]int, 0, n-i)
	}
	return append(missed, i)
}

func (b *many[K, V]) check(ctx context.Context) error {
	if err := checkContext(b.op, ctx); err != nil {
		return err
	}
	if b.load == nil && b.single == nil {
		return &UsageError{Op: b.op, Problem: "fn is nil", Fix: "pass the function that loads what is missing"}
	}
	return nil
}

// rest is answer for the keys at missed, which L1 and L2 could not answer.
func (b *many[K, V]) rest(ctx context.Context, n *node, missed []int, results []Result[V]) error {
	if len(missed) == 0 {
		return nil
	}
	first := firstsOf(b.keys, len(missed))
	different := make([]int, 0, len(missed))
	again := false
	for _, i := range missed {
		key := b.keys[i]
		if first.of(i) != i {
			again = true
			continue
		}
		problem := keyProblem(key)
		if problem == nil {
			problem = b.argProblem(i)
		}
		if problem != nil {
			problem.Op, results[i].Err = b.op, problem
			continue
		}
		different = append(different, i)
	}
	err := b.miss(ctx, n, different, results)
	if !again {
		return err
	}
	for _, i := range missed {
		if at := first.of(i); at != i { // named twice
			results[i] = results[at]
			b.again(n, b.keys[i], results[i].Err)
		}
	}
	return err
}

// argProblem says what is wrong with the i-th argument: a loader of many keys has no way
// to answer for one that its map cannot find again.
func (b *many[K, V]) argProblem(i int) *UsageError {
	if k, again := b.args[i], b.args[i]; b.load == nil || k == again {
		return nil
	}
	return &UsageError{
		Name: keys.Kind(b.keys[i]), Problem: "the argument is not equal to itself, as a NaN, and a map has no value for it",
		Fix: "look at it before the call, or use a loader of one value",
	}
}

// hit puts what L1 or L2 has for key into r, if that can be answered without asking
// anyone. The read counts for the name in opts, or for t, or, where t is nil, for that of
// the key.
func hit[V any](n *node, key string, opts []Option, t *tally, r *Result[V]) bool {
	e, from := inHand(n, key, r)
	if e == nil {
		return false
	}
	if t == nil {
		t = e.Kind.Tally.(*tally)
	}
	if len(opts) > 0 {
		t = n.cache.tallyNamed(opts, t)
	}
	t.count(from)
	return true
}

// inHand is hit without the count: it returns the entry, or nil, and what the read is.
func inHand[V any](n *node, key string, r *Result[V]) (*tier.Entry, outcome) {
	e, from := n.hit(key)
	return taken(e, from, r)
}

// taken puts what e, which is the answer to a read or nil, has into r.
func taken[V any](e *tier.Entry, from outcome, r *Result[V]) (*tier.Entry, outcome) {
	if e == nil {
		return nil, 0
	}
	if v, ok := e.Value.(V); ok {
		r.Value = v
		return e, from
	}
	if err := e.Err(); err != nil {
		r.Err = err
		return e, outcomeNegative
	}
	return nil, 0
}

// again counts the read of a key that was named before.
func (b *many[K, V]) again(n *node, key string, err error) {
	misused := (*UsageError)(nil)
	switch {
	case n == nil, errors.As(err, &misused):
	case n.bypassed():
		b.count(n, key, outcomeBypass)
	case err == nil || errors.Is(err, ErrNotFound):
		b.count(n, key, outcomeJoined)
	default:
		b.count(n, key, outcomeError)
	}
}

// count counts the read of key, of which there is no load.
func (b *many[K, V]) count(n *node, key string, from outcome) {
	t := b.tally
	if t == nil {
		t = n.cache.tallyOfKey(key)
	}
	n.cache.tallyNamed(b.opts, t).count(from)
}
