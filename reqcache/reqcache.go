// Package reqcache is the memory of one request: each key is computed once,
// and the result is shared by the goroutines of the request until it ends.
// It needs no cache below it. Package memo uses the same memory as its first
// tier.
//
// A middleware, or a job, opens the memory and ends it; whatever the request
// calls then uses it through its ctx:
//
//	ctx, end := reqcache.Begin(r.Context())
//	defer end()
//	next.ServeHTTP(w, r.WithContext(ctx))
//
// # What is promised
//
// In one request, fn of [Do] succeeds at most once for a key, unless the key is
// forgotten. Errors are not kept. What was kept does not change until the
// request ends, calls [Put], or forgets it.
//
// Values are shared by the goroutines of the request, not copied: treat them as
// read-only. A nil, a typed nil and a zero value are values like any other.
//
// A request keeps at most 10 000 keys. After that, and after its end, Do still
// answers, by calling fn, and keeps nothing: a goroutine that outlives its
// request cannot leave anything in the memory of another.
//
// All functions are safe for concurrent use. Where ctx has no open Scope, Do
// calls fn and all others do nothing.
package reqcache

import (
	"context"
	"strings"

	"github.com/tiermemo/tiermemo/internal/scope"
)

// Scope is the memory of one request.
type Scope scope.Scope

// Len is the number of keys in s, those that package memo keeps there included.
// A nil or ended Scope has none.
func (s *Scope) Len() int {
	if s == nil {
		return 0
	}
	return (*scope.Scope)(s).Len()
}

// From returns the open Scope of ctx, or nil.
func From(ctx context.Context) *Scope { return (*Scope)(open(ctx)) }

// Begin opens a Scope in ctx, or joins the one that is open; end closes it if
// this call opened it, and drops what it holds. Only the ctx that Begin
// returns, and those made from it, have the Scope. end may be called more than
// once and from any goroutine; deferred, it also runs when the handler panics.
func Begin(ctx context.Context) (_ context.Context, end func()) {
	if ctx == nil {
		ctx = context.Background()
	}
	if open(ctx) != nil {
		return ctx, func() {}
	}
	r := &request{Context: ctx}
	return r, r.scope.Close
}

// request is the context of Begin. It holds the Scope by value: together they
// cost a request one allocation.
type request struct {
	context.Context
	scope scope.Scope
}

func (r *request) Value(key any) any {
	if _, ok := key.(scope.Key); ok {
		return &r.scope
	}
	return r.Context.Value(key)
}

// String keeps a context that is printed from showing what the request
// remembers, and from reading it without its lock.
func (r *request) String() string { return "reqcache.Begin" }

// Do returns the value of key, computing it by fn if the request has none.
//
// The first caller of a key computes: fn runs on its goroutine, with its ctx.
// Goroutines that ask for the key meanwhile wait for that run and share what it
// returns, also an error, which is not kept otherwise. Each waits no longer than
// its own ctx, and then returns an error that is ctx.Err and the cause of it
// (errors.Is). If the ctx of the one that computes has ended when fn fails, its
// error is nobody else's business: those who wait try again, and one of them
// computes. (A caller cannot leave its own fn running; package memo, which runs it
// on a goroutine apart, can.)
//
// If fn panics, Do panics with the same value, and those who wait get a
// [*PanicError]; likewise if fn calls runtime.Goexit. The key is free again.
//
// Errors of Do itself: [ErrRecursive] if fn, by way of others or not, asks for
// the key that it computes; [*TypeError] if key has a value that is no T;
// [ErrUsage] if fn or ctx is nil, or key is empty or one that memo.Key has
// refused; fn does not run then. A key is to say all that its value depends on, and
// its kind: "user", 7 and "order", 7 must differ.
//
// A hit takes no lock and allocates nothing.
func Do[T any](ctx context.Context, key string, fn func(context.Context) (T, error)) (T, error) {
	if s := scope.FromContext(ctx); s != nil && fn != nil {
		if v, ok := found[T](s.Table(owner).Get(key)); ok {
			return *v, nil
		}
	}
	return miss(ctx, strings.Clone(key), fn)
}

// owner is what this package's keys are kept under: apart from those of the
// caches of package memo.
var owner = new(scope.Owner)

// kept is a value with what says where it is kept, in one allocation.
type kept[T any] struct {
	item  scope.Item
	value T
}

func keep[T any](key string, v T) *scope.Item {
	k := &kept[T]{value: v}
	k.item = scope.Item{Key: key, Value: &k.value}
	return &k.item
}

// found returns the T of it, where there is one.
func found[T any](it *scope.Item) (v *T, ok bool) {
	if it != nil {
		v, ok = it.Value.(*T)
	}
	return v, ok
}

// open returns the open Scope of ctx, or nil.
func open(ctx context.Context) *scope.Scope {
	if s := scope.FromContext(ctx); s != nil && !s.Closed() {
		return s
	}
	return nil
}
