package main

// service.go is the bookshop: the handlers of an ordinary service, with one line
// for the cache in the router, one in the read and one in the write.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
)

// Book is what is cached. Other instances get it as JSON, so a field that is not
// exported would be lost on the way; memo keeps such types out of the shared
// tier.
type Book struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
	Price int    `json:"price"` // in cents
}

// shop has no cache: the middleware puts it into the context of every request.
type shop struct {
	db *database
}

func newShop(cache *memo.Cache, db *database) http.Handler {
	return nethttp.Middleware(cache)((&shop{db}).routes())
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", s.show)
	mux.HandleFunc("GET /books/{id}/reviews", s.reviews)
	mux.HandleFunc("PUT /books/{id}/price", s.setPrice)
	return mux
}

// book is called from wherever a book is needed, as often as it is needed.
func (s *shop) book(ctx context.Context, id int) (Book, error) {
	// The inner ctx is not the request's: many requests may wait for this one
	// query, and it must not end with the one that came first.
	return memo.Do(ctx, memo.Key("book", id), func(ctx context.Context) (Book, error) {
		return s.db.book(ctx, id)
	})
}

func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	book, err := s.book(r.Context(), id)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(book) // an error here is a client that has left
}

const reviewsOnAPage = 100

// reviews asks for the same book at every line, as templates and resolvers do
// that know nothing of each other. The request remembers it.
func (s *shop) reviews(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	for line := range reviewsOnAPage {
		book, err := s.book(r.Context(), id)
		if err != nil {
			fail(w, err)
			return
		}
		fmt.Fprintf(w, "%3d. somebody on %q\n", line+1, book.Title)
	}
}

func (s *shop) setPrice(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	price, err := strconv.Atoi(r.FormValue("price"))
	if err != nil {
		http.Error(w, "the price is a number of cents", http.StatusBadRequest)
		return
	}
	if err := s.db.setPrice(r.Context(), id, price); err != nil {
		fail(w, err)
		return
	}
	// After the commit, never before: a read in between would cache the old row.
	// ErrDeferred is no failure of this request: the write is committed, this
	// instance shows it, and the others will when the shared tier is back.
	if err := memo.Invalidate(r.Context(), memo.Key("book", id)); err != nil && !errors.Is(err, memo.ErrDeferred) {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, errNoBook) {
		status = http.StatusNotFound
	}
	http.Error(w, err.Error(), status)
}
