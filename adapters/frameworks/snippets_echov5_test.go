package frameworks_test

import (
	"net/http"

	"github.com/labstack/echo/v5"

	memoecho "github.com/tiermemo/tiermemo/adapters/echov5"
	"github.com/tiermemo/tiermemo/memo"
)

func echov5Router(cache *memo.Cache) http.Handler {
	e := echo.New()
	e.Use(memoecho.Middleware(cache))
	e.GET("/users/:id", func(c *echo.Context) error {
		name, err := user(c.Request().Context(), c.Param("id"))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, "hello, "+name)
	})
	return e
}
