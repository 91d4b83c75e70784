package main

// client.go sends the requests: HTTP over the loopback, as a browser or another
// service would.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type client struct {
	http *http.Client
}

// atOnce is how many requests are on their way at a time. More would wait for
// the operating system, which opens a connection for each, and not for a cache.
const atOnce = 100

// newClient has half of atOnce for each instance; further requests wait.
func newClient() *client {
	return &client{&http.Client{Transport: &http.Transport{MaxConnsPerHost: atOnce / 2, MaxIdleConnsPerHost: atOnce / 2}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

func (c *client) book(ctx context.Context, i *instance, id int) (b Book, err error) {
	body, err := c.send(ctx, http.MethodGet, i, fmt.Sprintf("/books/%d", id))
	if err != nil {
		return b, err
	}
	err = json.Unmarshal(body, &b)
	if err == nil && b.ID != id {
		err = fmt.Errorf("%s answered with book %d for book %d", i.name, b.ID, id)
	}
	return b, err
}

func (c *client) readReviews(ctx context.Context, i *instance, id int) error {
	body, err := c.send(ctx, http.MethodGet, i, fmt.Sprintf("/books/%d/reviews", id))
	if lines := strings.Count(string(body), "\n"); err == nil && lines != reviewsOnAPage {
		return fmt.Errorf("%s answered with %d reviews", i.name, lines)
	}
	return err
}

func (c *client) setPrice(ctx context.Context, i *instance, id, price int) error {
	_, err := c.send(ctx, http.MethodPut, i, fmt.Sprintf("/books/%d/price?price=%d", id, price))
	return err
}

func (c *client) send(ctx context.Context, method string, i *instance, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+i.address+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s to %s: %s: %s", method, i.name, answer.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}

// found is what askUntil ended with.
type found struct {
	book      Book
	lastOther time.Time // when the last request was sent that got something else
	before    mark      // the counters before the request that got book
}

// askUntil asks i for the ordinary book until it is as wanted, and gives up
// after a time that everything in the story is far below.
func (s *story) askUntil(ctx context.Context, i *instance, wanted func(Book) bool) (f found, err error) {
	giveUp := time.NewTimer(patience)
	defer giveUp.Stop()
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for {
		f.before = s.mark()
		if f.book, err = s.book(ctx, i, ordinary); err != nil || wanted(f.book) {
			return f, err
		}
		f.lastOther = f.before.at
		select {
		case <-pause.C:
		case <-giveUp.C:
			return f, nil // the report says what it got
		case <-ctx.Done():
			return f, ctx.Err()
		}
	}
}
