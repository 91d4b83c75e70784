package main

// broken_test.go breaks the service, or what it stands on, one thing at a time:
// the story must end at the very line that tells of it.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

const forever = time.Hour

func TestStoryEndsWhereTheServiceIsBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shop newHandler
		says string
	}{
		"no middleware": {
			func(_ *memo.Cache, db *database) http.Handler { return (&shop{db}).routes() },
			`line 1 did not happen: A: one request needs book 1 100 times: seen "100 queries`,
		},
		"no memory of the request": {
			func(c *memo.Cache, db *database) http.Handler {
				routes := (&shop{db}).routes()
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					routes.ServeHTTP(w, r.WithContext(c.With(r.Context())))
				})
			},
			`line 1 did not happen: A: one request needs book 1 100 times: seen "1 query    A: loader 1, L2 99"`,
		},
		"no memory of the process": {
			replace("/books/1", func(c *memo.Cache, _ *database, next http.Handler) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					_ = c.Invalidate(r.Context(), memo.Key("book", ordinary))
					next.ServeHTTP(w, r)
				}
			}),
			`line 2 did not happen: A: another request for book 1: seen "1 query    A: loader 1`,
		},
		"no middleware where the crowd is": {
			replace("/books/2", func(_ *memo.Cache, db *database, _ http.Handler) http.HandlerFunc {
				return (&shop{db}).routes().ServeHTTP
			}),
			`line 4 did not happen: A+B: 1,000 requests for book 2, 100 at once: seen "1000 queries  loader 0, joined or cached 0"`,
		},
		"a write without Invalidate": {
			writing(func(context.Context, *memo.Cache) error { return nil }),
			`line 5 did not happen: A: a new price for book 1: seen "0 queries"`,
		},
		"a write that invalidates another key": {
			writing(func(ctx context.Context, c *memo.Cache) error { return c.Invalidate(ctx, memo.Key("price", ordinary)) }),
			`line 5 did not happen: A: the next request: seen "0 queries  A: L2 1, old price"`,
		},
		"A shows the old price": {
			showing("A", 900, 1000, forever),
			`line 5 did not happen: A: the next request: seen "1 query    A: loader 1, old price"`,
		},
		"B never shows the price": {
			showing("B", 900, 1000, forever),
			`line 5 did not happen: B: asked until it shows that price: seen "0 queries  B: L2 1, old price`,
		},
		"B shows the price too late": {
			showing("B", 900, 1000, staleBound+time.Second),
			`line 5 did not happen: B: asked until it shows that price: seen "0 queries  B: L2 1, new price, after StaleBound"`,
		},
		"a write that fails with the shared tier": {
			writing(func(ctx context.Context, c *memo.Cache) error { return c.Invalidate(ctx, memo.Key("book", ordinary)) }),
			`line 6 did not happen: PUT to A: 500 Internal Server Error: memo: invalidated here, queued for the shared tier`,
		},
		"A shows the old price while the shared tier hangs": {
			showing("A", 1000, 1100, forever),
			`line 6 did not happen: A: the next request: seen "1 query    A: loader 1, old price"`,
		},
		"B never shows the price of the outage": {
			showing("B", 1000, 1100, forever),
			`line 6 did not happen: L3 is back. B: asked until it shows it: seen "A: queued 0  B: old price"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, out, errs := quickstart(t.Context(), c.shop)
			if status != 1 || !strings.HasPrefix(errs, "quickstart: "+c.says) {
				t.Errorf("status %d, said\n%s\nwant 1, and\nquickstart: %s ...", status, errs, c.says)
			}
			if strings.Contains(out, allHappened) {
				t.Errorf("and it says that all is well:\n%s", out)
			}
		})
	}
}

func TestStoryEndsWhereTheSharedTierIsBroken(t *testing.T) {
	t.Parallel()
	t.Run("each instance has one of its own", func(t *testing.T) {
		t.Parallel()
		shared := inMemory()
		shared.connect = func() (tier.Shared, error) { return tiertest.NewMemory(), nil }
		ends(t, shared, `line 3 did not happen: B: a first request for book 1: seen "1 query    B: loader 1"`)
	})
	t.Run("it does not hang when told to", func(t *testing.T) {
		t.Parallel()
		shared := inMemory()
		shared.hang = func() error { return nil }
		ends(t, shared, `line 6 did not happen: L3 hangs. A: another price for book 1: seen "0 queries  A: invalidated 1"`)
	})
	t.Run("it cannot be reached", func(t *testing.T) {
		t.Parallel()
		shared := inMemory()
		shared.connect = func() (tier.Shared, error) { return nil, errors.New("no route") }
		ends(t, shared, "no route")
	})
}

// To stop an instance whose shared tier hangs takes as long as its time-outs.
func TestWhatHangsGoesOnBeforeTheInstancesStop(t *testing.T) {
	t.Parallel()
	shared := inMemory()
	var order []string
	connect, goOn := shared.connect, shared.goOn
	shared.connect = func() (tier.Shared, error) {
		s, err := connect()
		return closing{s, func() { order = append(order, "stop") }}, err
	}
	shared.goOn = func() error {
		order = append(order, "go on")
		return goOn()
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	err := play(ctx, shared, newShop, &interrupter{at: "\n6  ", interrupt: interrupt})
	if want := []string{"go on", "stop", "stop"}; !errors.Is(err, context.Canceled) || !slices.Equal(order, want) {
		t.Errorf("ended with %v, in the order %q, want %q", err, order, want)
	}
}

// closing is a Shared that tells when its cache closes it.
type closing struct {
	tier.Shared
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return nil
}

// ends tells the story of the service as it is, on shared.
func ends(t *testing.T, shared *sharedTier, says string) {
	t.Helper()
	var out bytes.Buffer
	err := play(t.Context(), shared, newShop, &out)
	if err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(out.String(), allHappened) {
		t.Errorf("ended with %v, want %s ...; printed\n%s", err, says, &out)
	}
}

// replace is the bookshop with another handler for path.
func replace(path string, with func(c *memo.Cache, db *database, next http.Handler) http.HandlerFunc) newHandler {
	return func(c *memo.Cache, db *database) http.Handler {
		next := newShop(c, db)
		other := with(c, db, next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				other(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// writing is the bookshop with a write handler that commits, and then calls
// committed.
func writing(committed func(ctx context.Context, c *memo.Cache) error) newHandler {
	return func(c *memo.Cache, db *database) http.Handler {
		next := newShop(c, db)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPut {
				next.ServeHTTP(w, r)
				return
			}
			var price int
			if _, err := fmt.Sscan(r.FormValue("price"), &price); err != nil {
				fail(w, err)
				return
			}
			if err := errors.Join(db.setPrice(r.Context(), ordinary, price), committed(r.Context(), c)); err != nil {
				fail(w, err)
			}
		})
	}
}

// showing is the bookshop with an instance that for some time shows one price
// instead of another, as if something above the cache had kept it.
func showing(instance string, price, instead int, long time.Duration) newHandler {
	return replace("/books/1", func(c *memo.Cache, _ *database, next http.Handler) http.HandlerFunc {
		first := sync.OnceValue(time.Now) // when the other price was first hidden
		return func(w http.ResponseWriter, r *http.Request) {
			if c.Snapshot().Name != instance {
				next.ServeHTTP(w, r)
				return
			}
			var b Book
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			if err := json.Unmarshal(answer.Body.Bytes(), &b); err != nil {
				fail(w, err)
				return
			}
			if b.Price == instead && time.Since(first()) < long {
				b.Price = price
			}
			_ = json.NewEncoder(w).Encode(b)
		}
	})
}
