// Package memogin opens a request scope for every request of a gin engine.
//
//	r.Use(memogin.Middleware(cache))
//
// Handlers pass c.Request.Context() to package memo. The *gin.Context itself is
// a ctx with the scope only if Engine.ContextWithFallback is set; without it a
// read runs its function every time, and an invalidation is memo.ErrNoCache. And
// gin uses the *gin.Context again for another request: a goroutine that may
// outlive its own takes c.Request.Context() before it starts, never c.
//
// The scope ends when the handlers return, panic or exit. The ResponseWriter is
// not wrapped.
package memogin

import (
	"github.com/gin-gonic/gin"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
)

// Middleware returns the middleware of c. Of opts, middleware.Skip leaves
// requests without a scope. It panics if c is nil.
func Middleware(c *memo.Cache, opts ...middleware.Option) gin.HandlerFunc {
	m := middleware.New(c, opts...)
	return func(g *gin.Context) {
		r, end := m.Begin(g.Request)
		defer end()
		g.Request = r
		g.Next()
	}
}
