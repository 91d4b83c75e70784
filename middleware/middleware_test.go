package middleware_test

import (
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/middleware"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCache(tb testing.TB) *memo.Cache {
	tb.Helper()
	c, err := memo.New(memo.Config{Local: lru.New(100)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// hits is in how many reads of key L1 answered.
func hits(tb testing.TB, c *memo.Cache, ctx context.Context, key string) uint64 {
	tb.Helper()
	before := c.Snapshot().Total.L1
	for range 2 {
		if _, err := memo.Do(ctx, key, func(context.Context) (int, error) { return 1, nil }); err != nil {
			tb.Fatal(err)
		}
	}
	return c.Snapshot().Total.L1 - before
}

func TestRequestEndsWithItsOpener(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	m := middleware.New(c)
	outer, endOuter := m.Begin(httptest.NewRequest("GET", "/", nil))
	inner, endInner := m.Begin(outer)
	other, endOther := middleware.New(c).Begin(inner)
	hits(t, c, outer.Context(), "k")
	if n := hits(t, c, other.Context(), "k"); n != 2 {
		t.Errorf("the inner middleware has %d hits in the memory of the outer one, want 2", n)
	}
	endOther()
	endInner()
	if n := hits(t, c, outer.Context(), "k"); n != 2 {
		t.Errorf("after the inner middleware's end %d hits in L1, want 2: it joined, and ends nothing", n)
	}
	endOuter()
	if n := hits(t, c, outer.Context(), "k"); n != 0 {
		t.Errorf("after the request's end %d hits in L1, want 0", n)
	}
	next, end := m.Begin(outer)
	defer end()
	if n := hits(t, c, next.Context(), "new"); n != 1 {
		t.Errorf("a request that begins in an ended one's ctx has %d hits in L1, want 1", n)
	}
}

func TestSkipBindsTheCache(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	m := middleware.New(c, middleware.Skip(func(r *http.Request) bool { return r.URL.Path == "/events" }))
	page, end := m.Begin(httptest.NewRequest("GET", "/", nil))
	defer end()
	events, endEvents := m.Begin(httptest.NewRequest("GET", "/events", nil))
	defer endEvents()
	if n := hits(t, c, page.Context(), "k"); n != 1 {
		t.Errorf("a request that is not skipped has %d hits in L1, want 1", n)
	}
	before := c.Snapshot().Total
	if n := hits(t, c, events.Context(), "k"); n != 0 || memo.From(events.Context()) != c {
		t.Errorf("a skipped request has %d hits in L1 and the cache %p, want 0 and %p", n, memo.From(events.Context()), c)
	}
	if l2 := c.Snapshot().Total.L2 - before.L2; l2 != 2 {
		t.Errorf("a skipped request has %d hits in L2, want 2", l2)
	}
	if err := memo.Invalidate(events.Context(), "k"); err != nil {
		t.Errorf("Invalidate in a skipped request: %v", err)
	}
	if _, err := memo.Get[int](c.With(context.Background()), "k"); err == nil {
		t.Error("Invalidate in a skipped request forgot nothing")
	}
}

func TestNewOfNil(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := fmt.Sprint(recover()); got != "middleware: New(nil): pass the cache that memo.New returned" {
			t.Errorf("New(nil): %s", got)
		}
	}()
	middleware.New(nil)
}

func TestContextIsTheRequests(t *testing.T) {
	t.Parallel()
	type key string
	c := newCache(t)
	for name, m := range map[string]*middleware.Middleware{
		"a request": middleware.New(c),
		"a skipped": middleware.New(c, middleware.Skip(func(*http.Request) bool { return true })),
	} {
		deadline := time.Now().Add(time.Hour)
		outer, cancel := context.WithDeadline(context.WithValue(context.Background(), key("user"), "alice"), deadline)
		r, end := m.Begin(httptest.NewRequest("GET", "/users/7", nil).WithContext(outer))
		ctx := r.Context()
		if ctx.Value(key("user")) != "alice" || r.URL.Path != "/users/7" {
			t.Errorf("%s: the handler sees the user %v at %s", name, ctx.Value(key("user")), r.URL.Path)
		}
		if d, ok := ctx.Deadline(); !ok || !d.Equal(deadline) || ctx.Err() != nil {
			t.Errorf("%s: the deadline is %v, want %v", name, d, deadline)
		}
		cancel()
		<-ctx.Done()
		if ctx.Err() != context.Canceled {
			t.Errorf("%s: after the client has left: %v", name, ctx.Err())
		}
		end()
		end() // a framework's hooks may run it twice
	}
}

func TestOptionsThatAreNilChangeNothing(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	r, end := middleware.New(c, nil, middleware.Skip(nil)).Begin(httptest.NewRequest("GET", "/", nil))
	defer end()
	if n := hits(t, c, r.Context(), "k"); n == 0 {
		t.Error("the request has no memory")
	}
}

func TestMiddlewareOfNoCachePanicsWhenItIsMade(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p != "middleware: New(nil): pass the cache that memo.New returned" {
			t.Errorf("New(nil) panicked with %v", p)
		}
	}()
	middleware.New(nil)
}

// A log outside of the adapter reads what the handler has parsed: the body can be
// read once.
func TestFormThatAHandlerHasParsedIsThereAfterwards(t *testing.T) {
	t.Parallel()
	m := middleware.New(newCache(t))
	for name, body := range map[string]func() (string, string){
		"a form": func() (string, string) { return "user=ada", "application/x-www-form-urlencoded" },
		"a form in parts": func() (string, string) {
			var b strings.Builder
			w := multipart.NewWriter(&b)
			_ = w.WriteField("user", "ada")
			_ = w.Close()
			return b.String(), w.FormDataContentType()
		},
	} {
		text, kind := body()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
		r.Header.Set("Content-Type", kind)
		served, end := m.Begin(r)
		_ = served.FormValue("user")
		end()
		if got := r.FormValue("user"); got != "ada" {
			t.Errorf("%s: outside, after the handler, it has %q", name, got)
		}
	}
}

// Somebody outside serves on a goroutine, and answers without it. The race detector
// fails this test if the late end writes to what is in use.
func TestLateHandlerLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	m := middleware.New(newCache(t))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var ended atomic.Bool
	var late sync.WaitGroup
	late.Go(func() {
		_, end := m.Begin(r)
		end()
		ended.Store(true)
	})
	for !ended.Load() {
		_, _, _ = r.Pattern, r.Form, r.MultipartForm
	}
	late.Wait()
}
