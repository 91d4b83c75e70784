package frameworks_test

// snippets_test.go is the code that docs/frameworks.md shows. It compiles here,
// and every router is asked twice.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v4"

	memoecho "github.com/tiermemo/tiermemo/adapters/echo"
	memogin "github.com/tiermemo/tiermemo/adapters/gin"
	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
	"github.com/tiermemo/tiermemo/reqcache"
)

func muxRouter(cache *memo.Cache) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		name, err := user(r.Context(), r.PathValue("id"))
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "hello, ", name)
	})
	return nethttp.Middleware(cache)(mux)
}

func chiRouter(cache *memo.Cache) http.Handler {
	r := chi.NewRouter()
	r.Use(nethttp.Middleware(cache))
	r.Get("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		name, err := user(r.Context(), chi.URLParam(r, "id"))
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "hello, ", name)
	})
	return r
}

func echoRouter(cache *memo.Cache) http.Handler {
	e := echo.New()
	e.Use(memoecho.Middleware(cache))
	e.GET("/users/:id", func(c echo.Context) error {
		name, err := user(c.Request().Context(), c.Param("id"))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, "hello, "+name)
	})
	return e
}

func ginRouter(cache *memo.Cache) http.Handler {
	r := gin.New()
	r.Use(memogin.Middleware(cache))
	r.GET("/users/:id", func(c *gin.Context) {
		name, err := user(c.Request.Context(), c.Param("id"))
		if err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.String(http.StatusOK, "hello, %s", name)
	})
	return r
}

func fiberApp(cache *memo.Cache) *fiber.App {
	app := fiber.New()
	app.Use(func(c fiber.Ctx) error {
		ctx, end := cache.Begin(c.Context())
		defer end()
		c.SetContext(ctx)
		return c.Next()
	})
	app.Get("/users/:id", func(c fiber.Ctx) error {
		id := strings.Clone(c.Params("id")) // the load may outlive the request, and its buffer
		name, err := user(c.Context(), id)
		if err != nil {
			return err
		}
		return c.SendString("hello, " + name)
	})
	return app
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		name, err := user(r.Context(), "7")
		if err != nil {
			return // among others, when the client has left
		}
		fmt.Fprintf(w, "data: %s\n\n", name)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
			reqcache.Reset(r.Context())
		case <-r.Context().Done():
			return
		}
	}
}

func skipStreams(cache *memo.Cache, routes http.Handler) http.Handler {
	isStream := middleware.Skip(func(r *http.Request) bool { return r.URL.Path == "/events" })
	return nethttp.Middleware(cache, isStream)(routes)
}

func order(w http.ResponseWriter, r *http.Request) {
	ctx := context.WithoutCancel(r.Context()) // the values of the request, and not its end
	go func() { _, _ = user(ctx, "7") }()
	w.WriteHeader(http.StatusAccepted)
}

func user(ctx context.Context, id string) (string, error) {
	return memo.Do(ctx, memo.Key("user", id), func(context.Context) (string, error) {
		return "Ada", nil
	})
}

func TestDocumentsRouters(t *testing.T) {
	t.Parallel()
	for name, router := range map[string]func(*memo.Cache) http.Handler{
		"mux": muxRouter, "chi": chiRouter, "echo": echoRouter, "echo v5": echov5Router, "gin": ginRouter,
	} {
		c := newCache(t)
		h := router(c)
		for range 2 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/users/7", nil))
			if w.Body.String() != "hello, Ada" {
				t.Errorf("%s answers %q", name, w.Body)
			}
		}
		readOnce(t, name, c)
	}
	c := newCache(t)
	get := serveFiber(t, fiberApp(c))
	for range 2 {
		if got, err := get("/users/7"); got != "hello, Ada" || err != nil {
			t.Errorf("fiber answers %q, %v", got, err)
		}
	}
	readOnce(t, "fiber", c)
}

// readOnce: of two requests, one made the load, and the other had the cache.
func readOnce(t *testing.T, name string, c *memo.Cache) {
	t.Helper()
	if n := c.Snapshot().Total; n.Loads != 1 || n.L2 != 1 {
		t.Errorf("%s: two requests are %d loads and %d hits, want 1 and 1", name, n.Loads, n.L2)
	}
}

func TestDocumentsHandlers(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/events", events)
	mux.HandleFunc("/order", order)
	for name, h := range map[string]http.Handler{"a memory": nethttp.Middleware(c)(mux), "no memory": skipStreams(c, mux)} {
		s := httptest.NewServer(h)
		r, err := s.Client().Get(s.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		event := make([]byte, len("data: Ada\n\n"))
		if _, err := io.ReadFull(r.Body, event); string(event) != "data: Ada\n\n" || err != nil {
			t.Errorf("the stream with %s begins with %q, %v", name, event, err)
		}
		r.Body.Close() // the client leaves
		if r, err = s.Client().Get(s.URL + "/order"); err != nil || r.StatusCode != http.StatusAccepted {
			t.Fatalf("the order is answered %v, %v", r, err)
		}
		r.Body.Close()
		s.Close()
	}
}
