package middleware_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/middleware"
	"github.com/tiermemo/tiermemo/reqcache"
)

// An adapter for a framework is these few lines; adapters/nethttp is one.
func ExampleMiddleware_Begin() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	m := middleware.New(c)
	serve := func(w http.ResponseWriter, r *http.Request, handler http.HandlerFunc) {
		r, end := m.Begin(r)
		defer end()
		handler(w, r)
	}

	serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), func(_ http.ResponseWriter, r *http.Request) {
		for range 2 {
			greeting, _ := memo.Do(r.Context(), "greeting", func(context.Context) (string, error) {
				fmt.Println("load")
				return "hello", nil
			})
			fmt.Println(greeting)
		}
	})
	// Output:
	// load
	// hello
	// hello
}

// Where the handler is an http.Handler, this is all of an adapter.
func ExampleMiddleware_Serve() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	m := middleware.New(c)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		greeting, _ := memo.Do(r.Context(), "greeting", func(context.Context) (string, error) { return "hello", nil })
		fmt.Println(greeting, reqcache.From(r.Context()).Len())
	})
	m.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), handler)
	// Output: hello 1
}

// A second middleware of one request joins the first: it may stand before the
// router and in a group, and the request has one memory all the same.
func ExampleNew() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	m := middleware.New(c)
	r, end := m.Begin(httptest.NewRequest("GET", "/admin/", nil))
	defer end()
	inner, endInner := m.Begin(r)
	_, _ = memo.Do(inner.Context(), "rights", func(context.Context) (string, error) { return "all", nil })
	endInner() // ends nothing: the memory is r's
	fmt.Println(reqcache.From(r.Context()).Len())
	// Output: 1
}

// A stream of events lives for hours: what it read first would be all it ever
// sees.
func ExampleSkip() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	m := middleware.New(c, middleware.Skip(func(r *http.Request) bool { return r.URL.Path == "/events" }))
	version := 1
	load := func(context.Context) (int, error) { return version, nil }
	for _, path := range []string{"/page", "/events"} {
		r, end := m.Begin(httptest.NewRequest("GET", path, nil))
		before, _ := memo.Do(r.Context(), "version", load)
		version++
		if err := c.Invalidate(context.Background(), "version"); err != nil { // another request
			log.Fatal(err)
		}
		after, _ := memo.Do(r.Context(), "version", load)
		end()
		fmt.Println(path, before, after)
	}
	// Output:
	// /page 1 1
	// /events 2 3
}
