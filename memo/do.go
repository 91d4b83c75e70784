package memo

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A read goes on here that was no hit (hit.go): the order of what it does is the order of
// how often it happens.

// do is the rest of Do. It stays out of it, so that Do's frame is small and a
// key that was made for the call can stay on the caller's stack: nothing below
// keeps it, but a clone of it, in a variable of its own. To the compiler a
// parameter that is assigned to once escapes from the start.
//
//go:noinline
func do[T any](ctx context.Context, n *node, asked string, fn func(context.Context) (T, error), opts []Option) (T, error) {
	if n != nil && fn != nil {
		if v, err, ok := join[T](ctx, n, asked, opts, nil); ok {
			return v, err
		}
	}
	key := strings.Clone(asked)
	return read("Do", ctx, n, key, fn, opts, false)
}

// read is Do for those who miss, and Refresh, which is forced.
func read[T any](op string, ctx context.Context, n *node, key string, fn func(context.Context) (T, error), opts []Option, forced bool) (v T, err error) {
	if err := checkCall(op, ctx, key); err != nil {
		return v, err
	}
	if fn == nil {
		return v, &UsageError{Op: op, Name: keys.Kind(key), Problem: "fn is nil", Fix: "pass the function that loads the value"}
	}
	if n == nil {
		uncached.note(key)
		return fn(ctx)
	}
	c := n.cache
	if n.bypassed() {
		c.tallyOfCall(key, opts).count(outcomeBypass)
		return fn(n.around(ctx))
	}
	l := new(load)
	clone, err := loadOf[T](l, c, n, key, opts)
	if err != nil {
		return v, misuse(err, op, keys.Kind(key))
	}
	l.forced = forced
	return goOn(ctx, n, l, fn, clone)
}

// goOn is the rest of a read, l, whose options are known.
func goOn[T any](ctx context.Context, n *node, l *load, fn func(context.Context) (T, error), clone func(T) T) (v T, err error) {
	if l.policy.exempt(ctx) {
		l.count(outcomeBypass)
		return fn(n.around(ctx))
	}
	l.fn = bodyOf[T](fn)
	e, from, err := n.cache.answers(ctx, n, l)
	if errors.Is(err, flight.ErrClosed) { // since we looked
		l.count(outcomeBypass)
		return fn(n.around(ctx))
	}
	v, err = answer[T](l, e, from, err)
	if err != nil {
		return v, l.failure(err)
	}
	if clone != nil {
		v = clone(v)
	}
	return v, nil
}

// answer counts a read that ended with e or err, and returns e's value.
func answer[T any](l *load, e *tier.Entry, from outcome, err error) (v T, _ error) {
	switch {
	case err != nil: // from says of what kind: ErrNotFound is an answer too, and not kept
	case e.Err() != nil:
		if err = e.Err(); from == outcomeL1 || from == outcomeL2 || from == outcomeL3 {
			from = outcomeNegative
		}
	default:
		if v, err = value[T](keys.Asked(l.key), e); err != nil {
			from = outcomeError
		}
	}
	l.count(from)
	return v, err
}

// value returns e's value as a T.
func value[T any](key string, e *tier.Entry) (v T, err error) {
	v, ok := e.Value.(T)
	if !ok {
		want := reflect.TypeFor[T]()
		if e.Value == nil && want.Kind() == reflect.Interface {
			return v, nil // a nil of an interface type forgets which
		}
		return v, &TypeError{Key: key, Have: reflect.TypeOf(e.Value), Want: want}
	}
	return v, nil
}

// failure is err as the caller gets it. The caller that led panics on with what
// its loader panicked with, so that http.ErrAbortHandler arrives and a recover
// sees what it would see without a cache.
func (l *load) failure(err error) error {
	if p := (*flight.Panic)(nil); errors.As(err, &p) {
		if l.led && p.Value != nil {
			panic(p.Value)
		}
		return &PanicError{Value: p.Value, Stack: p.Stack}
	}
	if errors.Is(err, flight.ErrRecursive) {
		return ErrRecursive
	}
	return err
}

// misuse completes a *UsageError with where it happened: name is a cache's, or the
// keys.Kind of a key.
func misuse(err error, op, name string) error {
	if u := (*UsageError)(nil); errors.As(err, &u) {
		u.Op, u.Name = op, name
	}
	return err
}
