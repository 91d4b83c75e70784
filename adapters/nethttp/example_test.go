package nethttp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
)

func ExampleMiddleware() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		name, err := memo.Do(r.Context(), memo.Key("user", id), func(context.Context) (string, error) {
			fmt.Println("query", id)
			return "Ada", nil
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Println("hello,", name)
	})
	handler := nethttp.Middleware(c)(mux) // for http.ListenAndServe, or r.Use(nethttp.Middleware(c)) with chi

	for range 2 {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7", nil))
	}
	// Output:
	// query 7
	// hello, Ada
	// hello, Ada
}
