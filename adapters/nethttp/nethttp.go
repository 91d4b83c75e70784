// Package nethttp opens a request scope for every request of an http.Handler.
package nethttp

import (
	"net/http"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
)

// Middleware returns the middleware of c for net/http, chi and everything with
// the same signature. It panics if c is nil, and what it returns panics if the
// handler is: both when the routes are made.
func Middleware(c *memo.Cache, opts ...middleware.Option) func(http.Handler) http.Handler {
	m := middleware.New(c, opts...)
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("nethttp: the handler behind the middleware is nil")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.Serve(w, r, next)
		})
	}
}
