// Package middleware is the start and the end of a request, for adapters of any
// framework.
package middleware

import (
	"context"
	"net/http"

	"github.com/tiermemo/tiermemo/memo"
)

// Middleware opens and closes the request scope of one cache.
type Middleware struct {
	cache *memo.Cache
	skip  func(*http.Request) bool
}

// An Option changes what a Middleware does; a nil one nothing.
type Option func(*Middleware)

// Skip opens no scope for the requests for which f is true; they use L2 and L3,
// and can invalidate. It suits handlers that live for hours. A nil f skips nothing.
func Skip(f func(*http.Request) bool) Option { return func(m *Middleware) { m.skip = f } }

// New returns the Middleware of c. It panics if c is nil.
func New(c *memo.Cache, opts ...Option) *Middleware {
	if c == nil {
		panic("middleware: New(nil): pass the cache that memo.New returned")
	}
	m := &Middleware{cache: c}
	for _, o := range opts {
		if o != nil {
			o(m)
		}
	}
	return m
}

// Serve has next serve r, with the cache in its ctx, and ends the request's scope when
// next returns, or panics. What Begin says holds here too; Serve is for whoever calls the
// handler himself, and costs two allocations less, as nothing has to be kept for later.
func (m *Middleware) Serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if m.skip != nil && m.skip(r) {
		served := r.WithContext(m.cache.With(r.Context()))
		defer handBack(r, served)
		next.ServeHTTP(w, served)
		return
	}
	ctx, end := m.cache.Begin(r.Context())
	served := r.WithContext(ctx)
	defer handBack(r, served)
	defer end()
	next.ServeHTTP(w, served)
}

// Begin returns the request to serve, a copy of r with the cache in its ctx, and
// the function that ends it, to be deferred: it then runs on a panic and on
// http.ErrAbortHandler too. A request that has a scope already keeps it, and its
// opener ends it. The ResponseWriter is left alone: what it can do (flush,
// hijack), it still can.
func (m *Middleware) Begin(r *http.Request) (_ *http.Request, end func()) {
	ctx, endScope := m.open(r)
	served := r.WithContext(ctx)
	return served, func() {
		endScope()
		handBack(r, served)
	}
}

func (m *Middleware) open(r *http.Request) (_ context.Context, end func()) {
	if m.skip != nil && m.skip(r) {
		return m.cache.With(r.Context()), func() {}
	}
	return m.cache.Begin(r.Context())
}

// handBack notes in r what others have noted in its copy. The server removes the
// files of an upload that it finds in r, and no others; and middleware asks for
// the form, or the pattern of the route, after next. What nobody has noted is not
// written: r may be in use by whoever answers early for a handler that is late.
func handBack(r, served *http.Request) {
	if r.Form == nil && served.Form != nil {
		r.Form = served.Form
	}
	if r.PostForm == nil && served.PostForm != nil {
		r.PostForm = served.PostForm
	}
	if r.MultipartForm == nil && served.MultipartForm != nil {
		r.MultipartForm = served.MultipartForm
	}
	if r.Pattern != served.Pattern {
		r.Pattern = served.Pattern
	}
}
