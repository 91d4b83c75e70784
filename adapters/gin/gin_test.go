package memogin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	memogin "github.com/tiermemo/tiermemo/adapters/gin"
	"github.com/tiermemo/tiermemo/internal/adaptertest"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
	"github.com/tiermemo/tiermemo/reqcache"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = io.Discard
	goleak.VerifyTestMain(m)
}

func framework(c *memo.Cache, skip func(*http.Request) bool, h adaptertest.Handler) http.Handler {
	var opts []middleware.Option
	if skip != nil {
		opts = append(opts, middleware.Skip(skip))
	}
	r := gin.New()
	r.Use(memogin.Middleware(c, opts...))
	r.Any("/*path", func(g *gin.Context) {
		if err := h(g.Writer, g.Request); err != nil {
			_ = g.AbortWithError(http.StatusInternalServerError, err)
		}
	})
	return r
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
func send(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w
}

func TestNilCache(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := fmt.Sprint(recover()); got != "middleware: New(nil): pass the cache that memo.New returned" {
			t.Errorf("Middleware(nil): %s", got)
		}
	}()
	memogin.Middleware(nil)
}

// With gin's default a *gin.Context hides the request's ctx. Nothing that
// anybody reads is wrong then, and a write says what is.
func TestContextOfGinItself(t *testing.T) {
	t.Parallel()
	for _, fallback := range []bool{false, true} {
		c, r := newCache(t), gin.New()
		r.ContextWithFallback = fallback
		r.Use(memogin.Middleware(c))
		loads := 0
		r.GET("/", func(g *gin.Context) {
			for range 2 {
				if _, err := memo.Do(g, "k", func(context.Context) (int, error) { loads++; return 1, nil }); err != nil {
					t.Error(err)
				}
			}
			if found := reqcache.From(g) != nil; found != fallback {
				t.Errorf("with fallback %t the memory is found through the gin.Context: %t", fallback, found)
			}
			if err := memo.Invalidate(g, "k"); errors.Is(err, memo.ErrNoCache) == fallback {
				t.Errorf("with fallback %t, Invalidate through the gin.Context: %v", fallback, err)
			}
		})
		send(r, "/")
		if want := map[bool]int{false: 2, true: 1}[fallback]; loads != want {
			t.Errorf("with fallback %t, %d loads, want %d", fallback, loads, want)
		}
	}
}

// A goroutine that keeps the *gin.Context finds, through it, the memory of
// whoever gin serves with it next; one that keeps the request's ctx, its own,
// which has ended. Copy keeps the request's too.
func TestGoroutineThatOutlivesAGinContext(t *testing.T) {
	t.Parallel()
	c, r := newCache(t), gin.New()
	r.ContextWithFallback = true
	r.Use(memogin.Middleware(c))
	var own, copied context.Context
	r.GET("/:user", func(g *gin.Context) {
		if own == nil {
			own, copied = g.Request.Context(), g.Copy()
		}
		reqcache.Put(g, "user", g.Param("user"))
		for name, ctx := range map[string]context.Context{"request's ctx": own, "copy": copied} {
			user, ok := reqcache.Peek[string](ctx, "user")
			if ok != (g.Param("user") == "alice") || ok && user != "alice" {
				t.Errorf("while %s is served, Alice's %s has the user %q, %t", g.Param("user"), name, user, ok)
			}
			if memo.From(ctx) != c {
				t.Errorf("Alice's %s has lost the cache", name)
			}
		}
	})
	for _, path := range []string{"/alice", "/bob", "/carol"} {
		send(r, path)
	}
}

// Abort ends the chain and not the request; the engine's own 404 is a request
// like any other.
func TestAbortAndNoRoute(t *testing.T) {
	t.Parallel()
	c, r := newCache(t), gin.New()
	check := func(g *gin.Context) {
		if reqcache.From(g.Request.Context()) == nil {
			t.Errorf("%s has no memory", g.Request.URL.Path)
		}
	}
	r.Use(memogin.Middleware(c), func(g *gin.Context) {
		defer check(g)
		if g.Request.URL.Path == "/forbidden" {
			g.AbortWithStatus(http.StatusForbidden)
			return
		}
		g.Next()
	})
	r.NoRoute(check)
	for path, want := range map[string]int{"/forbidden": http.StatusForbidden, "/nowhere": http.StatusNotFound} {
		if w := send(r, path); w.Code != want {
			t.Errorf("%s is answered %d, want %d", path, w.Code, want)
		}
	}
}
