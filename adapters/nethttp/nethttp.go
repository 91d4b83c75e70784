// Package nethttp opens a request scope for every request of an http.Handler.
package nethttp

import (
	"net/http"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
)

// Middleware returns the middleware of c for net/http, chi and everything with
// the same signature. It panics if c is nil.
func Middleware(c *memo.Cache, opts ...middleware.Option) func(http.Handler) http.Handler {
	m := middleware.New(c, opts...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r, end := m.Begin(r)
			defer end()
			next.ServeHTTP(w, r)
		})
	}
}
