// Package adaptertest is what every adapter of a framework has to do, as tests:
// each adapter runs them on its own router. It stands beside the call's path.
package adaptertest

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// A Handler is a handler of any framework: it has the framework's own writer,
// and the request as the framework's handlers find it.
type Handler func(w http.ResponseWriter, r *http.Request) error

// A Framework returns a router that serves h at every path, behind the adapter.
// Requests for which skip is true are to be skipped; a nil skip is not to be
// passed on. What h returns, the framework makes a response of.
type Framework func(c *memo.Cache, skip func(*http.Request) bool, h Handler) http.Handler

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

// errHandler is what a handler returns that fails.
var errHandler = errors.New("the handler failed")

// Run runs all tests but Freed, Heap and Upload, which stand alone.
func Run(t *testing.T, f Framework) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Framework){
		"a request's goroutines share its memory":          shared,
		"nothing goes from one request to the next":        apart,
		"a goroutine outlives its request":                 outlives,
		"a skipped request has the cache alone":            skipped,
		"the context is the request's":                     sameContext,
		"panics pass through":                              panics,
		"the writer flushes and hijacks":                   writer,
		"a stream sees the present when it asks for it":    stream,
		"http.TimeoutHandler answers before the handler":   timeoutHandler,
		"a request that comes with a memory keeps to it":   joined,
		"a write without a memory reaches the other tiers": writes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

// newCache returns a cache whose process tier has room for one entry: what is
// kept longer than a request is kept by the request.
func newCache(tb testing.TB) *memo.Cache {
	tb.Helper()
	c, err := memo.New(memo.Config{Local: lru.New(1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// serve starts a server whose Close waits for its handlers.
func serve(tb testing.TB, h http.Handler) *httptest.Server {
	tb.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the panics that are served
	s.Start()
	tb.Cleanup(s.Close)
	return s
}

// get sends one request and returns the body of its response, if any came.
func get(s *httptest.Server, path string) (string, error) {
	r, err := s.Client().Get(s.URL + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

// await fails the test if what should happen does not.
func await[T any](tb testing.TB, happens <-chan T, what string) (v T) {
	tb.Helper()
	select {
	case v = <-happens:
	case <-time.After(patience):
		tb.Errorf("in %v never: %s", patience, what)
	}
	return v
}
