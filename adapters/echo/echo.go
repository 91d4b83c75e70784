// Package memoecho opens a request scope for every request of an echo v4 router.
// The adapter of echo v5 has the same names, in adapters/echov5.
//
//	e.Use(memoecho.Middleware(cache))
//
// Handlers pass c.Request().Context() to package memo. The scope ends when the
// handler returns, panics or exits. An error that it returned is handed on as it
// is; echo makes the response of it later, so that an HTTPErrorHandler has the
// cache in its ctx and no longer the request's memory. The Response is not
// wrapped.
package memoecho

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
)

// Config configures Middleware. Cache is required.
type Config struct {
	// Skipper opens no scope for the requests for which it is true; they use L2
	// and L3, and can invalidate. It suits handlers that live for hours. nil:
	// skips nothing.
	Skipper echomw.Skipper
	Cache   *memo.Cache
}

// DefaultConfig skips nothing; its Cache is to be set.
var DefaultConfig = Config{Skipper: echomw.DefaultSkipper}

// Middleware returns the middleware of c. It panics if c is nil.
func Middleware(c *memo.Cache) echo.MiddlewareFunc {
	cfg := DefaultConfig
	cfg.Cache = c
	return MiddlewareWithConfig(cfg)
}

// MiddlewareWithConfig returns the middleware of cfg. It panics on an invalid
// cfg, as echo's own do.
func MiddlewareWithConfig(cfg Config) echo.MiddlewareFunc {
	mw, err := cfg.ToMiddleware()
	if err != nil {
		panic(err)
	}
	return mw
}

// ToMiddleware returns the middleware of cfg, or says what is wrong with it.
func (cfg Config) ToMiddleware() (echo.MiddlewareFunc, error) {
	if cfg.Cache == nil {
		return nil, errors.New("memoecho: Config.Cache is nil: set it to the cache that memo.New returned")
	}
	if cfg.Skipper == nil {
		cfg.Skipper = echomw.DefaultSkipper
	}
	whole := middleware.New(cfg.Cache)
	skipped := middleware.New(cfg.Cache, middleware.Skip(func(*http.Request) bool { return true }))
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			m := whole
			if cfg.Skipper(c) {
				m = skipped
			}
			r, end := m.Begin(c.Request())
			defer end()
			c.SetRequest(r)
			return next(c)
		}
	}, nil
}
