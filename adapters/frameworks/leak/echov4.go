package main

import (
	"io"
	"net/http"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	memoecho "github.com/tiermemo/tiermemo/adapters/echo"
)

func echov4(s *service) http.Handler {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(memoecho.Middleware(s.cache))
	for path := range endings {
		var use []echo.MiddlewareFunc
		switch path {
		case recovers:
			use = append(use, echomw.Recover())
		case deadline:
			use = append(use, echomw.ContextTimeout(slow))
		}
		e.GET(path, func(c echo.Context) error { return s.serve(c.Response(), c.Request()) }, use...)
	}
	return withLate(e)
}

// withLate puts one route behind http.TimeoutHandler, which cannot hijack.
func withLate(routes http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", routes)
	mux.Handle(late, http.TimeoutHandler(routes, slow, "late"))
	return mux
}
