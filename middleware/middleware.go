// Package middleware is the start and the end of a request, for adapters of any
// framework.
package middleware

import (
	"net/http"

	"github.com/tiermemo/tiermemo/memo"
)

// Middleware opens and closes the request scope of one cache.
type Middleware struct {
	cache *memo.Cache
	skip  func(*http.Request) bool
}

// An Option changes what a Middleware does.
type Option func(*Middleware)

// Skip opens no scope for the requests for which f is true; they use L2 and L3,
// and can invalidate. It suits handlers that live for hours.
func Skip(f func(*http.Request) bool) Option { return func(m *Middleware) { m.skip = f } }

// New returns the Middleware of c. It panics if c is nil.
func New(c *memo.Cache, opts ...Option) *Middleware {
	if c == nil {
		panic("middleware: New(nil): pass the cache that memo.New returned")
	}
	m := &Middleware{cache: c}
	for _, o := range opts {
		o(m)
	}
	return m
}

// Begin returns the request to serve and the function that ends it, to be
// deferred: it then runs on a panic and on http.ErrAbortHandler too. A request
// that has a scope already keeps it, and its opener ends it. The ResponseWriter
// is left alone: what it can do (flush, hijack), it still can.
func (m *Middleware) Begin(r *http.Request) (_ *http.Request, end func()) {
	if m.skip != nil && m.skip(r) {
		return r.WithContext(m.cache.With(r.Context())), func() {}
	}
	ctx, end := m.cache.Begin(r.Context())
	return r.WithContext(ctx), end
}
