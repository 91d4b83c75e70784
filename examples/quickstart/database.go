package main

// database.go stands in for the database, below everything: two rows, the time
// that a query takes, and a count of the queries.

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errNoBook = errors.New("no such book")

// The books of the story: an ordinary row, and one that takes long to read.
const ordinary, slow = 1, 2

type database struct {
	mu    sync.Mutex
	rows  map[int]*row
	asked int
}

type row struct {
	book  Book
	takes time.Duration
}

func newDatabase() *database {
	return &database{rows: map[int]*row{
		ordinary: {Book{ordinary, "The Odyssey", 900}, 2 * time.Millisecond},
		slow:     {Book{slow, "Moby-Dick", 1200}, 50 * time.Millisecond},
	}}
}

func (d *database) book(ctx context.Context, id int) (Book, error) {
	d.mu.Lock()
	d.asked++
	r, ok := d.rows[id]
	d.mu.Unlock()
	if !ok {
		return Book{}, errNoBook
	}
	select {
	case <-time.After(r.takes):
	case <-ctx.Done():
		return Book{}, context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return r.book, nil
}

func (d *database) setPrice(_ context.Context, id, price int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.rows[id]
	if !ok {
		return errNoBook
	}
	r.book.Price = price
	return nil
}

// queries is how often a book was asked for.
func (d *database) queries() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}
