package nethttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/adaptertest"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
	"github.com/tiermemo/tiermemo/reqcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// framework is net/http, where a handler that fails writes the response itself.
func framework(c *memo.Cache, skip func(*http.Request) bool, h adaptertest.Handler) http.Handler {
	var opts []middleware.Option
	if skip != nil {
		opts = append(opts, middleware.Skip(skip))
	}
	return nethttp.Middleware(c, opts...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
}

func TestAdapter(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, framework)
}

func TestG11_EveryRequestIsFreedHoweverItEnds(t *testing.T) {
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

// bare is a ResponseWriter that can do nothing else.
type bare struct{ http.ResponseWriter }

func TestResponseWriterIsTheServers(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	for _, w := range []http.ResponseWriter{httptest.NewRecorder(), &bare{httptest.NewRecorder()}} {
		served := false
		nethttp.Middleware(c)(http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
			served = true
			if got != w {
				t.Errorf("the handler got a %T, want the server's own %T", got, w)
			}
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if !served {
			t.Error("the handler did not run")
		}
	}
}

func TestNilCache(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := fmt.Sprint(recover()); got != "middleware: New(nil): pass the cache that memo.New returned" {
			t.Errorf("Middleware(nil): %s", got)
		}
	}()
	nethttp.Middleware(nil)
}

// As in chi: r.Use(outer, nethttp.Middleware(c), inner), where a group uses it
// once more.
func TestAmongOtherMiddleware(t *testing.T) {
	t.Parallel()
	type key string
	c := newCache(t)
	loads, order := 0, ""
	read := func(r *http.Request) {
		_, err := memo.Do(r.Context(), "k", func(context.Context) (int, error) { loads++; return 1, nil })
		if err != nil {
			t.Error(err)
		}
	}
	with := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				order += name + " "
				if memo.From(r.Context()) == c {
					read(r)
				}
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key(name), name)))
			})
		}
	}
	var h http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"outer", "inner", "group"} {
			if r.Context().Value(key(name)) != name {
				t.Errorf("the handler does not see the value of %s", name)
			}
		}
		must(c.InvalidateAll(context.Background()))
		read(r) // its snapshot, whatever happened to the process's
	})
	use := []func(http.Handler) http.Handler{with("outer"), nethttp.Middleware(c), with("inner"), nethttp.Middleware(c), with("group")}
	for i := len(use) - 1; i >= 0; i-- {
		h = use[i](h)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if loads != 1 || order != "outer inner group " {
		t.Errorf("%d loads in the order %q, want 1: all of a request share its memory", loads, order)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// The mux writes r.Pattern into the request that it is given, which is the
// adapter's copy. Who reads it after next finds it on either side.
func TestPatternsOfServeMux(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	var inside, outside string
	pattern := func(next http.Handler, after *string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			*after = r.Pattern
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(_ http.ResponseWriter, r *http.Request) {
		id, err := memo.Do(r.Context(), r.Pattern, func(context.Context) (string, error) { return r.PathValue("id"), nil })
		if id != "7" || err != nil || r.Pattern != "GET /users/{id}" {
			t.Errorf("the handler of %q reads the id %q, %v", r.Pattern, id, err)
		}
	})
	mux.Handle("/one/route/", nethttp.Middleware(c)(http.StripPrefix("/one/route", mux)))
	h := pattern(nethttp.Middleware(c)(pattern(mux, &inside)), &outside)
	for path, want := range map[string]string{"/users/7": "GET /users/{id}", "/one/route/users/7": "/one/route/"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		if inside != want || outside != want {
			t.Errorf("%s: middleware inside the adapter reads the pattern %q, outside %q; want %q", path, inside, outside, want)
		}
	}
}

// Inside the adapter, http.TimeoutHandler lets a handler go on when its request
// has ended.
func TestTimeoutHandlerInside(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	answered, done := make(chan struct{}), make(chan struct{})
	late := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		defer close(done)
		<-answered
		if reqcache.From(r.Context()) != nil {
			t.Error("the request has ended, and its memory has not")
		}
		if err := memo.Invalidate(r.Context(), "k"); err != nil {
			t.Errorf("Invalidate after the end: %v", err)
		}
	})
	w := httptest.NewRecorder()
	nethttp.Middleware(c)(http.TimeoutHandler(late, time.Millisecond, "")).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("the client is answered %d, want 503", w.Code)
	}
	close(answered)
	<-done
}

func TestMiddlewareInFrontOfNothingPanicsWhenItIsMade(t *testing.T) {
	t.Parallel()
	c, err := memo.New(memo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	wrap := nethttp.Middleware(c)
	defer func() {
		if p := recover(); p != "nethttp: the handler behind the middleware is nil" {
			t.Errorf("Middleware(c)(nil) panicked with %v", p)
		}
	}()
	wrap(nil)
}
