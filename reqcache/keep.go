package reqcache

import (
	"context"
	"strings"
)

// Peek returns the value of key if this request has it already. It waits for
// nobody. A value that is no T is no value: ok is false.
func Peek[T any](ctx context.Context, key string) (v T, ok bool) {
	s := open(ctx)
	if s == nil {
		return v, false
	}
	p, ok := found[T](s.Table(owner).Get(key))
	if !ok {
		return v, false
	}
	return *p, true
}

// Put gives key a value for the rest of the request, in place of any before, of
// whatever type, and of what a Do that is still running would keep: that one
// and those who wait for it get what it computes. A key that is empty, or that
// memo.Key has refused, is ignored: Peek finds nothing there, and Do says why.
func Put[T any](ctx context.Context, key string, v T) {
	s := open(ctx)
	if s == nil || key == "" || refused(key) != nil {
		return
	}
	s.Table(owner).Put(keep(strings.Clone(key), v))
}

// Forget drops keys, so that the next Do computes them again. A Do that is
// running is not kept, and is joined by nobody who asks from now on; those who
// asked before get its result.
func Forget(ctx context.Context, keys ...string) {
	if s := open(ctx); s != nil {
		s.Table(owner).Forget(keys...)
	}
}

// ForgetFunc drops the keys for which drop is true, those still being computed
// included. A key that is first asked for while it runs may be dropped or not.
// drop is called without a lock and may use this package.
func ForgetFunc(ctx context.Context, drop func(key string) bool) {
	if s := open(ctx); s != nil && drop != nil {
		s.Table(owner).ForgetFunc(drop)
	}
}

// Reset drops every key, and what package memo keeps for this request.
// Handlers that live for hours (SSE, WebSocket) call it when they want to see
// the present.
func Reset(ctx context.Context) {
	if s := open(ctx); s != nil {
		s.Reset()
	}
}
