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

var findUser = memo.NewFunc(nil, "user", func(ctx context.Context, id string) (string, error) {
	return "loaded at " + time.Now().String(), nil // in place of a slow query
}, memo.TTL(time.Minute))

func main() {
	cache, err := memo.New(memo.Config{}) // with memcached: Prefix: "hello", Shared: shared
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		user, err := findUser.Do(r.Context(), r.PathValue("id"))
		fmt.Fprintln(w, user, err)
	})
	http.HandleFunc("PUT /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		err := findUser.Invalidate(r.Context(), r.PathValue("id")) // after the commit
		fmt.Fprintln(w, err)
	})
	handler := nethttp.Middleware(cache)(http.DefaultServeMux)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}
