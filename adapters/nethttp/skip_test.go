package nethttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
	"github.com/tiermemo/tiermemo/middleware"
	"github.com/tiermemo/tiermemo/reqcache"
)

// What docs/frameworks.md says of a group that skips, inside of a middleware that
// does not: memo sees the present, and reqcache the request.
func TestASkipInsideOfAnOpenRequestIsMemosAlone(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	seen, run := 0, 0
	handler := func(_ http.ResponseWriter, r *http.Request) {
		for range 2 {
			now, err := memo.Do(r.Context(), "now", func(context.Context) (int, error) { seen++; return seen, nil })
			if err != nil || now != seen {
				t.Errorf("a skipped request read %d, %v, want what is stored now: %d", now, err, seen)
			}
			if err := cache.Invalidate(context.Background(), "now"); err != nil { // another request
				t.Error(err)
			}
			if _, err := reqcache.Do(r.Context(), "rights", func(context.Context) (int, error) { run++; return run, nil }); err != nil {
				t.Error(err)
			}
		}
	}
	group := nethttp.Middleware(cache.Cache, middleware.Skip(func(*http.Request) bool { return true }))(http.HandlerFunc(handler))
	nethttp.Middleware(cache.Cache)(group).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if seen != 2 || run != 1 {
		t.Errorf("memo loaded %d times, want 2, and reqcache %d times, want once", seen, run)
	}
}
