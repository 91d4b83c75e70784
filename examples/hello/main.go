// Command hello is the program of the README: a handler that reads, and one that writes.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
)

func main() {
	cache, err := memo.New(memo.Config{}) // with memcached: Prefix: "hello", Shared: shared
	if err != nil {
		log.Fatal(err)
	}
	var db sync.Map // stands for the database that hurts
	http.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		name, err := memo.Do(r.Context(), memo.Key("user", id), func(ctx context.Context) (any, error) { v, _ := db.Load(id); return v, nil })
		fmt.Fprintln(w, name, err)
	})
	http.HandleFunc("PUT /users/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		db.Store(r.PathValue("id"), r.PathValue("name"))
		err := memo.Invalidate(r.Context(), memo.Key("user", r.PathValue("id"))) // after the commit
		fmt.Fprintln(w, err)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nethttp.Middleware(cache)(http.DefaultServeMux)))
}
