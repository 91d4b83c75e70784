package reqcache

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
)

// What Do does when the request does not have the value yet: lead, or wait for
// who leads. The memory itself, and the search for circles, are in
// internal/scope.

func miss[T any](ctx context.Context, key string, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	switch {
	case ctx == nil:
		return zero, errNilContext
	case fn == nil:
		return zero, errNilFunc
	case key == "":
		return zero, errEmptyKey
	}
	if err := refused(key); err != nil {
		return zero, err
	}
	s := scope.FromContext(ctx)
	r := &run{Context: ctx, scope: s, key: key}
	r.up, _ = ctx.Value(runKey{}).(*run)
	if r.up.computes(s, key) {
		return zero, recursive(key)
	}
	if s == nil {
		return compute(r, nil, fn)
	}
	t := s.Table(owner)
	for {
		it, call, lead := t.BeginWithin(r.up.part(), key)
		if lead {
			return compute(r, call, fn)
		}
		if it != nil {
			return typed[T](it)
		}
		it, err, again := call.WaitWithin(ctx, r.up.part())
		switch {
		case err == scope.ErrCircle:
			return zero, recursive(key)
		case err != nil:
			return zero, err
		case !again:
			return typed[T](it)
		case ctx.Err() != nil:
			return zero, ended.Err(ctx)
		}
	}
}

// compute runs fn as the leader of call, which is nil where nothing is kept.
func compute[T any](r *run, call *scope.Call, fn func(context.Context) (T, error)) (T, error) {
	r.call.Store(call)
	returned := false
	defer func() {
		r.ended.Store(true)
		r.call.Store(nil) // it refers to the value; a goroutine left behind may hold r
		if returned {
			return
		}
		// To recover is the only way to tell a panic from Goexit, of which
		// there is nothing to recover; the panic goes on with its own value,
		// for net/http knows http.ErrAbortHandler by it.
		p := recover()
		call.Fail(&PanicError{Value: p, Stack: debug.Stack()})
		if p != nil {
			panic(p)
		}
	}()
	v, err := fn(r)
	returned = true
	switch {
	case err == nil:
		call.Done(keep(r.key, v))
	case r.Err() != nil:
		// Whatever err says: drivers report a ctx that ended in their own words.
		call.Fail(nil)
	default:
		call.Fail(err)
	}
	return v, err
}

// run is the context of an fn: it says which computations the caller is a part of.
type run struct {
	context.Context
	up    *run // the computation that asked for this one, or nil
	scope *scope.Scope
	key   string
	call  atomic.Pointer[scope.Call] // nil: nothing is kept, or ended
	ended atomic.Bool
}

type runKey struct{}

func (r *run) Value(key any) any {
	if _, ok := key.(runKey); ok {
		return r
	}
	return r.Context.Value(key)
}

func (r *run) String() string { return "reqcache.Do" }

// computes reports whether r is a part of the computation of key. It finds what
// the search for circles cannot: runs that have no Call because nothing is
// kept, or that forgot their own key. A run that has ended asks for nothing; a
// goroutine that it left behind does.
func (r *run) computes(s *scope.Scope, key string) bool {
	for ; r != nil; r = r.up {
		if r.scope == s && r.key == key && !r.ended.Load() {
			return true
		}
	}
	return false
}

// part returns the innermost Call that cannot end before r does, or nil.
func (r *run) part() *scope.Call {
	for ; r != nil; r = r.up {
		if c := r.call.Load(); c != nil {
			return c
		}
	}
	return nil
}

// typed returns the T of it.
func typed[T any](it *scope.Item) (T, error) {
	if p, ok := found[T](it); ok {
		return *p, nil
	}
	var zero T
	return zero, &TypeError{Key: it.Key, Have: reflect.TypeOf(it.Value).Elem(), Want: reflect.TypeFor[T]()}
}

// refused is the error of a key that memo.Key has made of parts that have no key.
// Two calls with the same problem have the same such key:
//
//		type Session struct{ user string }
//
//	 1. the key of rights and Session{"root"} is that of rights and a field that cannot be read
//	 2. so is that of rights and Session{"alice"}, who would get root's
func refused(key string) error {
	kind, problem, ok := keys.Refused(key)
	if !ok {
		return nil
	}
	return fmt.Errorf("%w: the key%s is none: %s", ErrUsage, of(kind), problem)
}

func recursive(key string) error {
	if kind := keys.Kind(key); kind != "" {
		return fmt.Errorf("%w: one%s", ErrRecursive, of(kind))
	}
	return ErrRecursive
}

// of names the kind of a key, where it has one that may be shown.
func of(kind string) string {
	if kind == "" {
		return ""
	}
	return fmt.Sprintf(" of %q", kind)
}
