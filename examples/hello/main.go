// Command hello is the program of the README: a handler that reads, and one that writes.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
)

func main() {
	cache, err := memo.New(memo.Config{}) // with memcached: Prefix: "hello", Shared: shared
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		key := memo.Key("user", r.PathValue("id"))
		user, err := memo.Do(r.Context(), key, func(ctx context.Context) (string, error) {
			return "loaded at " + time.Now().String(), nil // in place of a slow query
		})
		fmt.Fprintln(w, user, err)
	})
	http.HandleFunc("PUT /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		key := memo.Key("user", r.PathValue("id"))
		fmt.Fprintln(w, memo.Invalidate(r.Context(), key)) // after the commit
	})
	handler := nethttp.Middleware(cache)(http.DefaultServeMux)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}
