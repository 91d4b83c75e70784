package main

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"

	memoecho "github.com/tiermemo/tiermemo/adapters/echov5"
)

func echov5(s *service) http.Handler {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(memoecho.Middleware(s.cache))
	for path := range endings {
		var use []echo.MiddlewareFunc
		switch path {
		case recovers:
			use = append(use, echomw.Recover())
		case deadline:
			use = append(use, echomw.ContextTimeout(slow))
		}
		e.GET(path, func(c *echo.Context) error { return s.serve(c.Response(), c.Request()) }, use...)
	}
	return withLate(e)
}
