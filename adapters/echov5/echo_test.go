package memoecho_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"
	"go.uber.org/goleak"

	memoecho "github.com/tiermemo/tiermemo/adapters/echov5"
	"github.com/tiermemo/tiermemo/internal/adaptertest"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRouter() *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	return e
}

func framework(c *memo.Cache, skip func(*http.Request) bool, h adaptertest.Handler) http.Handler {
	cfg := memoecho.Config{Cache: c}
	if skip != nil {
		cfg.Skipper = func(c *echo.Context) bool { return skip(c.Request()) }
	}
	e := newRouter()
	e.Use(memoecho.MiddlewareWithConfig(cfg))
	e.Any("/*", func(c *echo.Context) error { return h(c.Response(), c.Request()) })
	return e
}

func TestAdapter(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, framework)
}

func TestEveryRequestIsFreedHoweverItEnds(t *testing.T) {
	t.Parallel()
	adaptertest.Freed(t, framework)
}

func TestTheFilesOfAnUploadAreRemoved(t *testing.T) {
	t.Parallel()
	adaptertest.Upload(t, framework)
}

func TestHeapIsBackAtItsBase(t *testing.T) { adaptertest.Heap(t, framework) }

func newCache(tb testing.TB) *memo.Cache {
	tb.Helper()
	c, err := memo.New(memo.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// send returns what the router answers.
func send(e http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestConfigWithoutACache(t *testing.T) {
	t.Parallel()
	const want = "memoecho: Config.Cache is nil: set it to the cache that memo.New returned"
	mw, err := memoecho.DefaultConfig.ToMiddleware()
	if mw != nil || err == nil || err.Error() != want {
		t.Errorf("ToMiddleware: %v", err)
	}
	for name, f := range map[string]func(){
		"Middleware":           func() { memoecho.Middleware(nil) },
		"MiddlewareWithConfig": func() { memoecho.MiddlewareWithConfig(memoecho.Config{}) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != want {
					t.Errorf("%s panics with %s", name, got)
				}
			}()
			f()
		}()
	}
}

// The middleware around the adapter and the error handler see the error that the
// handler returned, with no response made of it yet.
func TestErrorIsHandedOnAsItIs(t *testing.T) {
	t.Parallel()
	c, e := newCache(t), newRouter()
	conflict := echo.NewHTTPError(http.StatusConflict, "taken")
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			response, unwrapErr := echo.UnwrapResponse(c.Response())
			if unwrapErr != nil {
				t.Fatal(unwrapErr)
			}
			if err != error(conflict) || response.Committed {
				t.Errorf("around the adapter the error is %v, and a response was made of it: %t", err, response.Committed)
			}
			return err
		}
	}, memoecho.Middleware(c))
	e.GET("/", func(*echo.Context) error { return conflict })
	defaultHandler := e.HTTPErrorHandler
	e.HTTPErrorHandler = func(c *echo.Context, err error) {
		defaultHandler(c, err)
		if err != error(conflict) {
			t.Errorf("the error handler gets %v", err)
		}
	}
	if w := send(e, "/"); w.Code != http.StatusConflict {
		t.Errorf("the client is answered %d, want 409", w.Code)
	}
}

// The error handler runs after the end: it has the cache, and not the memory.
func TestErrorHandlerHasTheCache(t *testing.T) {
	t.Parallel()
	c, e := newCache(t), newRouter()
	e.Use(memoecho.Middleware(c))
	e.GET("/", func(*echo.Context) error { return io.ErrUnexpectedEOF })
	e.HTTPErrorHandler = func(ec *echo.Context, _ error) {
		ctx := ec.Request().Context()
		if memo.From(ctx) != c || reqcache.From(ctx) != nil {
			t.Errorf("the error handler has the cache: %t, and a memory: %t", memo.From(ctx) == c, reqcache.From(ctx) != nil)
		}
		page, err := memo.Do(ctx, "page", func(context.Context) (string, error) { return "sorry", nil })
		_ = ec.String(http.StatusInternalServerError, page)
		if err != nil {
			t.Error(err)
		}
	}
	if w := send(e, "/"); w.Body.String() != "sorry" {
		t.Errorf("the client is answered %q", w.Body)
	}
}

// What stands inside the adapter gives the handler a ctx of its own.
func TestContextTimeoutInside(t *testing.T) {
	t.Parallel()
	c, e := newCache(t), newRouter()
	e.Use(memoecho.Middleware(c), echomw.ContextTimeout(time.Millisecond))
	e.GET("/", func(ec *echo.Context) error {
		_, err := memo.Do(ec.Request().Context(), "slow", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a load that takes longer than the request may: %v", err)
		}
		return err
	})
	if w := send(e, "/"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("the client is answered %d, want 503", w.Code)
	}
}

// A group may have the middleware once more, and Pre is before the router.
func TestPreAndGroups(t *testing.T) {
	t.Parallel()
	c, e := newCache(t), newRouter()
	e.Pre(memoecho.Middleware(c))
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			reqcache.Put(c.Request().Context(), "user", "alice")
			return next(c)
		}
	})
	g := e.Group("/api", memoecho.Middleware(c))
	g.GET("/users/:id", func(c *echo.Context) error {
		user, _ := reqcache.Peek[string](c.Request().Context(), "user")
		return c.String(http.StatusOK, user+" "+c.Path())
	})
	if w := send(e, "/api/users/7"); w.Body.String() != "alice /api/users/:id" {
		t.Errorf("the handler has %q", w.Body)
	}
}
