package nethttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newCache returns a cache whose process tier has room for one entry, which
// belongs to nobody: what is kept longer than a request is kept by the request.
func newCache(tb testing.TB) *memo.Cache {
	tb.Helper()
	c, err := memo.New(memo.Config{Local: lru.New(1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func serve(tb testing.TB, h http.Handler) *httptest.Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the panics that are served
	s.Start()
	tb.Cleanup(s.Close)
	return s
}

// get sends one request, and returns what came of it.
func get(tb testing.TB, s *httptest.Server, path string) (string, error) {
	tb.Helper()
	r, err := s.Client().Get(s.URL + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

// page is a value that is large enough to be missed.
type page [4096]byte

// memories are the scopes of requests and what was read in them, held weakly,
// and the contexts of some, held.
type memories struct {
	mu     sync.Mutex
	scopes []weak.Pointer[scope.Scope]
	pages  []weak.Pointer[page]
	held   []context.Context
}

func (m *memories) read(ctx context.Context, hold bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := memo.Do(ctx, memo.Key("page", len(m.pages)), func(context.Context) (*page, error) { return new(page), nil })
	if err != nil {
		panic(err)
	}
	if hold {
		m.held = append(m.held, ctx)
	} else {
		m.scopes = append(m.scopes, weak.Make(scope.FromContext(ctx)))
	}
	m.pages = append(m.pages, weak.Make(p))
}

// left counts what the collector cannot free.
func (m *memories) left() (scopes, pages int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range 50 {
		runtime.GC()
		if scopes, pages = count(m.scopes), count(m.pages); scopes+pages == 0 {
			break
		}
		runtime.Gosched()
	}
	return scopes, pages
}

func count[T any](pointers []weak.Pointer[T]) (n int) {
	for _, p := range pointers {
		if p.Value() != nil {
			n++
		}
	}
	return n
}

func TestG11_EveryRequestIsFreedHoweverItEnds(t *testing.T) {
	t.Parallel()
	const requests = 50
	for _, hold := range []bool{false, true} {
		for name, finish := range map[string]func(w http.ResponseWriter, r *http.Request){
			"returns": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "done") },
			"panics":  func(http.ResponseWriter, *http.Request) { panic("broken") },
			"aborts":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"exits":   func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
			"hijacks": func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					conn.Close()
				}
			},
		} {
			t.Run(fmt.Sprintf("%s, its ctx held %t", name, hold), func(t *testing.T) {
				t.Parallel()
				c, m := newCache(t), &memories{}
				s := serve(t, nethttp.Middleware(c)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					m.read(r.Context(), hold)
					finish(w, r)
				})))
				for range requests {
					_, err := get(t, s, "/")
					if (err == nil) != (name == "returns") {
						t.Fatalf("the client got %v", err)
					}
				}
				s.Close() // returns when every handler has
				if _, err := memo.Do(c.With(context.Background()), "other", func(context.Context) (int, error) { return 0, nil }); err != nil {
					t.Fatal(err)
				}
				if len(m.pages) < requests {
					t.Fatalf("%d requests were served, want %d", len(m.pages), requests)
				}
				if scopes, pages := m.left(); scopes+pages > 0 {
					t.Errorf("of %d requests, %d scopes and %d values are not freed", requests, scopes, pages)
				}
				runtime.KeepAlive(m.held)
				runtime.KeepAlive(c)
			})
		}
	}
}

func TestMemoryIsTheRequests(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	var loads atomic.Int64
	s := serve(t, nethttp.Middleware(c)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before := loads.Load()
		for range 3 {
			for _, key := range []string{"user", "cart"} { // the process tier has room for one
				_, err := memo.Do(r.Context(), key, func(context.Context) (int64, error) { return loads.Add(1), nil })
				if err != nil {
					t.Error(err)
				}
			}
		}
		fmt.Fprint(w, loads.Load()-before)
	})))
	for _, want := range []string{"2", "2", "2"} {
		if got, err := get(t, s, "/"); got != want || err != nil {
			t.Errorf("a request made %s loads, %v, want %s", got, err, want)
		}
	}
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

func TestFlushAndHijack(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	s := serve(t, nethttp.Middleware(c)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/flush" {
			fmt.Fprint(w, "a")
			w.(http.Flusher).Flush()
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "raw\n")
	})))
	if body, err := get(t, s, "/flush"); body != "a" || err != nil {
		t.Errorf("flushed: %q, %v", body, err)
	}
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "raw\n" || err != nil {
		t.Errorf("hijacked: %q, %v", line, err)
	}
}

// recovered runs h and returns what it panicked with.
func recovered(h http.Handler) (p any) {
	defer func() { p = recover() }()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	return nil
}

func TestPanicsPassThrough(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	broken := errors.New("broken")
	for _, want := range []any{"text", broken, http.ErrAbortHandler} {
		h := nethttp.Middleware(c)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(want) }))
		if got := recovered(h); got != want {
			t.Errorf("a handler panicked with %v, and its server sees %v", want, got)
		}
		h = nethttp.Middleware(c)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = memo.Do(r.Context(), "k", func(context.Context) (int, error) { panic(want) })
		}))
		if got := recovered(h); got != want {
			t.Errorf("a loader panicked with %v, and its server sees %v", want, got)
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
