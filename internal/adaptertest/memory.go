package adaptertest

// memory.go is about whose memory a handler has.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

// shared: four goroutines of a request load each key once; the next request
// loads it again, as no tier below has room for both keys.
func shared(t *testing.T, f Framework) {
	c := newCache(t)
	var loads atomic.Int64
	s := serve(t, f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		before := loads.Load()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for _, key := range []string{"user", "cart"} {
					if _, err := memo.Do(r.Context(), key, func(context.Context) (int64, error) { return loads.Add(1), nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		_, err := fmt.Fprint(w, loads.Load()-before)
		return err
	}))
	if got, err := get(s, "/"); got != "2" || err != nil {
		t.Errorf("a request of two keys made %s loads, %v", got, err)
	}
}

// me is the user of the request of ctx, as its memory has it.
func me(ctx context.Context, r *http.Request) string {
	name, _ := reqcache.Do(ctx, "me", func(context.Context) (string, error) { return r.URL.Path, nil })
	return name
}

func apart(t *testing.T, f Framework) {
	c := newCache(t)
	s := serve(t, f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		before := reqcache.From(r.Context()).Len()
		first := me(r.Context(), r)
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
		_, err := fmt.Fprint(w, before, first, me(r.Context(), r))
		return err
	}))
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for n := range 25 {
				path := fmt.Sprintf("/%d/%d", client, n)
				if got, err := get(s, path); got != "0"+path+path || err != nil {
					t.Errorf("the client of %s is answered %q, %v", path, got, err)
					return
				}
			}
		})
	}
	clients.Wait()
}

// outlives:
//  1. Alice's handler starts a goroutine and returns.
//  2. Bob's handler begins, and has read nothing yet.
//  3. The goroutine asks, and keeps what it gets in nobody's memory.
func outlives(t *testing.T, f Framework) {
	c := newCache(t)
	bobs, done := make(chan struct{}), make(chan string, 1)
	s := serve(t, f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/alice" {
			ctx := context.WithoutCancel(r.Context())
			reqcache.Put(ctx, "theme", "dark")
			go func() {
				<-bobs
				reqcache.Put(ctx, "theme", "late")
				_, kept := reqcache.Peek[string](ctx, "theme")
				_, err := memo.Do(ctx, "late", func(context.Context) (int, error) { return 1, nil })
				done <- fmt.Sprint(kept, err, c.Invalidate(ctx, "late"))
			}()
			return nil
		}
		close(bobs)
		if got := await(t, done, "Alice's goroutine ends"); got != "false <nil> <nil>" {
			t.Errorf("a goroutine that has outlived its request: %s, want to keep nothing, and to read and write all the same", got)
		}
		_, kept := reqcache.Peek[string](r.Context(), "theme")
		_, err := fmt.Fprint(w, kept, reqcache.From(r.Context()).Len())
		return err
	}))
	if _, err := get(s, "/alice"); err != nil {
		t.Fatal(err)
	}
	if got, err := get(s, "/bob"); got != "false 0" || err != nil {
		t.Errorf("Bob has of Alice's: %s, %v; want nothing", got, err)
	}
}

func skipped(t *testing.T, f Framework) {
	c := newCache(t)
	h := f(c, func(r *http.Request) bool { return r.URL.Path == "/events" }, func(_ http.ResponseWriter, r *http.Request) error {
		if memo.From(r.Context()) != c {
			t.Errorf("%s: the cache is not in the ctx", r.URL.Path)
		}
		if has := reqcache.From(r.Context()) != nil; has != (r.URL.Path == "/page") {
			t.Errorf("%s: has a memory: %t", r.URL.Path, has)
		}
		return nil
	})
	for _, path := range []string{"/page", "/events", "/page"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
}

// writes: what a skipped request invalidates is forgotten for everybody.
func writes(t *testing.T, f Framework) {
	c := newCache(t)
	ctx := c.With(context.Background())
	if err := memo.Set(ctx, "k", 1); err != nil {
		t.Fatal(err)
	}
	f(c, func(*http.Request) bool { return true }, func(_ http.ResponseWriter, r *http.Request) error {
		if err := memo.Invalidate(r.Context(), "k"); err != nil {
			t.Error(err)
		}
		return nil
	}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
	if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after Invalidate: %d, %v", v, err)
	}
}

// joined: who opened the memory ends it, as where a group of routes has the
// middleware once more, or a mount stands in a larger server.
func joined(t *testing.T, f Framework) {
	c := newCache(t)
	ctx, end := c.Begin(context.Background())
	defer end()
	reqcache.Put(ctx, "me", "outer")
	f(c, nil, func(_ http.ResponseWriter, r *http.Request) error {
		if got := me(r.Context(), r); got != "outer" {
			t.Errorf("the handler reads %q, want what the outer middleware's request has", got)
		}
		return nil
	}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	if reqcache.From(ctx) == nil {
		t.Error("the adapter has ended a memory that it has not opened")
	}
}
