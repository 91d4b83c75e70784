package frameworks_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimw "github.com/go-chi/chi/v5/middleware"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/adaptertest"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
	"github.com/tiermemo/tiermemo/reqcache"
)

// chiFramework is chi with the adapter of net/http.
func chiFramework(c *memo.Cache, skip func(*http.Request) bool, h adaptertest.Handler) http.Handler {
	var opts []middleware.Option
	if skip != nil {
		opts = append(opts, middleware.Skip(skip))
	}
	r := chi.NewRouter()
	r.Use(nethttp.Middleware(c, opts...))
	r.HandleFunc("/*", func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return r
}

func TestChi(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, chiFramework)
}

func TestChiFreesEveryRequestHoweverItEnds(t *testing.T) {
	t.Parallel()
	adaptertest.Freed(t, chiFramework)
}

func TestChisHeapIsBackAtItsBase(t *testing.T) { adaptertest.Heap(t, chiFramework) }

// chi copies the request too, and hands nothing back, so that the server does not
// find what it has to remove: without an adapter as well. Should this fail after
// an update of chi, docs/frameworks.md can be shorter.
func TestChiLeavesTheFilesOfAnUpload(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]adaptertest.Framework{"with the adapter": chiFramework, "chi alone": func(_ *memo.Cache, _ func(*http.Request) bool, h adaptertest.Handler) http.Handler {
		r := chi.NewRouter()
		r.HandleFunc("/*", func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				t.Error(err)
			}
		})
		return r
	}} {
		if left := adaptertest.UploadsLeft(t, f); len(left) != 2 {
			t.Errorf("%s: of 2 files %d are left, want both", name, len(left))
		}
	}
}

// A router as chi's own examples build it: what stands outside makes responses of
// panics and deadlines, and what stands inside reads the same memory.
func TestChiAmongItsOwnMiddleware(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	api := chi.NewRouter()
	api.Use(nethttp.Middleware(c)) // once more: it joins
	api.Get("/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		user, _ := reqcache.Peek[string](r.Context(), "user")
		_, _ = io.WriteString(w, user+" "+chi.URLParam(r, "id")+" "+r.Pattern)
	})
	r := chi.NewRouter()
	r.Use(
		chimw.RequestID,
		func(next http.Handler) http.Handler { // as chimw.Logger, and silent
			return chimw.RequestLogger(&chimw.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0), NoColor: true})(next)
		},
		chimw.Timeout(50*time.Millisecond),
		nethttp.Middleware(c),
		func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reqcache.Put(r.Context(), "user", "alice")
				next.ServeHTTP(w, r)
			})
		},
	)
	r.Mount("/api", api)
	r.Get("/slow", func(_ http.ResponseWriter, r *http.Request) {
		_, err := memo.Do(r.Context(), "slow", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if err != context.DeadlineExceeded {
			t.Errorf("a load that takes longer than the request may: %v", err)
		}
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if reqcache.From(r.Context()) == nil {
			t.Error("a request without a route has no memory")
		}
		w.WriteHeader(http.StatusNotFound)
	})
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/api/users/7": {http.StatusOK, "alice 7 /api/users/{id}"},
		"/slow":        {http.StatusGatewayTimeout, ""},
		"/nowhere":     {http.StatusNotFound, ""},
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != want.status || w.Body.String() != want.body {
			t.Errorf("%s is answered %d, %q; want %d, %q", path, w.Code, w.Body, want.status, want.body)
		}
	}
}
