package frameworks_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	fiberrecover "github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/reqcache"
)

// serveFiber starts app, and returns what it answers to a GET.
func serveFiber(t *testing.T, app *fiber.App) func(path string) (string, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := errors.Join(app.Shutdown(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return func(path string) (string, error) {
		r, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		return string(body), err
	}
}

// memory is the middleware that docs/frameworks.md shows.
func memory(cache *memo.Cache) fiber.Handler {
	return func(c fiber.Ctx) error {
		ctx, end := cache.Begin(c.Context())
		defer end()
		c.SetContext(ctx)
		return c.Next()
	}
}

func TestFiberFreesEveryRequest(t *testing.T) {
	t.Parallel()
	cache, err := memo.New(memo.Config{Local: lru.New(1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close(context.Background()) })
	var all census.Census
	app := fiber.New()
	app.Use(fiberrecover.New(), memory(cache))
	app.Get("/:ending", func(c fiber.Ctx) error {
		if err := all.Visit(c.Context()); err != nil {
			t.Error(err)
		}
		switch c.Params("ending") {
		case "fails":
			return fiber.ErrConflict
		case "panics":
			panic("broken")
		}
		return c.SendString("done")
	})
	get := serveFiber(t, app)
	const rounds = 20
	for range rounds {
		for path, want := range map[string]string{"/returns": "done", "/fails": "Conflict", "/panics": "broken"} {
			if got, err := get(path); got != want || err != nil {
				t.Errorf("%s is answered %q, %v; want %q", path, got, err, want)
			}
		}
	}
	if all.Visits() != 3*rounds {
		t.Errorf("%d visits, want %d", all.Visits(), 3*rounds)
	}
	// fasthttp keeps its RequestCtx, and with it the last request's ctx, for as
	// long as the connection stays: the scope has ended, and is empty.
	if scopes, values := all.Left(1, 1, patience); scopes > 1 || values > 1 {
		t.Errorf("%d scopes and %d values are left, want at most the connection's scope and the process's value", scopes, values)
	}
}

// The strings of fiber are the buffer of the request, which the next request
// overwrites. Keys are copied; what fn uses is its author's to copy, as fn may
// go on when the request has ended.
func TestFibersBuffersAreNotKept(t *testing.T) {
	t.Parallel()
	cache := newCache(t)
	app := fiber.New()
	app.Use(memory(cache))
	loads := 0
	app.Get("/:key", func(c fiber.Ctx) error {
		_, err := memo.Do(c.Context(), c.Params("key"), func(context.Context) (int, error) { loads++; return loads, nil })
		return err
	})
	get := serveFiber(t, app)
	for _, path := range []string{"/aaaa", "/bbbb", "/cccc", "/aaaa", "/bbbb", "/cccc"} {
		if _, err := get(path); err != nil {
			t.Fatal(err)
		}
	}
	if loads != 3 {
		t.Errorf("%d loads of 3 keys: a key has changed with the buffer that it came in", loads)
	}
	for i, key := range []string{"aaaa", "bbbb", "cccc"} {
		if n, err := memo.Get[int](cache.With(context.Background()), key); n != i+1 || err != nil {
			t.Errorf("under %s is %d, %v; want %d", key, n, err, i+1)
		}
	}
}

// What fiber's own contexts and its adaptor do to the request's memory. Should
// this fail after an update of fiber, docs/frameworks.md can be shorter.
func TestFibersTraps(t *testing.T) {
	t.Parallel()
	cache := newCache(t)
	app := fiber.New()
	app.Get("/own", memory(cache), func(c fiber.Ctx) error {
		return c.SendString(fmt.Sprint(memo.From(c.Context()) == cache, memo.From(c) == cache))
	})
	app.Get("/adaptor", adaptor.HTTPMiddleware(nethttp.Middleware(cache)), func(c fiber.Ctx) error {
		return c.SendString(fmt.Sprint(reqcache.From(c.Context()) != nil, reqcache.From(c) != nil))
	})
	returned := make(chan struct{})
	app.Get("/stream", func(c fiber.Ctx) error { defer close(returned); return c.Next() }, memory(cache), func(c fiber.Ctx) error {
		ctx := c.Context()
		return c.SendStreamWriter(func(w *bufio.Writer) { // in a goroutine of its own, from now on
			<-returned
			fmt.Fprint(w, memo.From(ctx) == cache, reqcache.From(ctx) != nil)
		})
	})
	get := serveFiber(t, app)
	for path, want := range map[string]string{
		"/own":     "true false",  // fiber.Ctx is a context.Context that does not have what SetContext was given
		"/adaptor": "false false", // the middleware has returned when the handler runs
		"/stream":  "true false",  // the stream goes on when the handler has returned
	} {
		if got, err := get(path); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", strings.TrimPrefix(path, "/"), got, err, want)
		}
	}
}
