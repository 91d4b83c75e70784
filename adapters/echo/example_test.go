package memoecho_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/labstack/echo/v4"

	memoecho "github.com/tiermemo/tiermemo/adapters/echo"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

func ExampleMiddleware() {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(context.Background())

	e := echo.New()
	e.Use(memoecho.Middleware(cache))
	e.GET("/users/:id", func(c echo.Context) error {
		id := c.Param("id")
		name, err := memo.Do(c.Request().Context(), memo.Key("user", id), func(context.Context) (string, error) {
			fmt.Println("query", id)
			return "Ada", nil
		})
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, "hello, "+name)
	})

	for range 2 {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest("GET", "/users/7", nil))
		fmt.Println(w.Body)
	}
	// Output:
	// query 7
	// hello, Ada
	// hello, Ada
}

// A stream of events lives for hours: what it read first would be all it ever
// sees. Skipped, it uses what the process has, and can invalidate.
func ExampleMiddlewareWithConfig() {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(context.Background())

	e := echo.New()
	e.Use(memoecho.MiddlewareWithConfig(memoecho.Config{
		Cache:   cache,
		Skipper: func(c echo.Context) bool { return strings.HasPrefix(c.Path(), "/events") },
	}))
	handler := func(c echo.Context) error {
		ctx := c.Request().Context()
		fmt.Println(c.Path(), "has the cache:", memo.From(ctx) == cache, "and a memory:", reqcache.From(ctx) != nil)
		return nil
	}
	e.GET("/page", handler)
	e.GET("/events", handler)

	for _, path := range []string{"/page", "/events"} {
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	// Output:
	// /page has the cache: true and a memory: true
	// /events has the cache: true and a memory: false
}

// A program that makes its middleware of a file of settings has an error rather
// than a panic.
func ExampleConfig_ToMiddleware() {
	cfg := memoecho.DefaultConfig
	_, err := cfg.ToMiddleware()
	fmt.Println(err)
	// Output:
	// memoecho: Config.Cache is nil: set it to the cache that memo.New returned
}
