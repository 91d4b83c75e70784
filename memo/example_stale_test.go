package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// example_stale_test.go: values past their time, and what is not there. Expire takes
// the place of a TTL that ends.

// report is a query that counts its editions, and may be made to fail.
type report struct {
	edition atomic.Int32
	down    atomic.Bool
}

func (r *report) load(context.Context) (string, error) {
	if r.down.Load() {
		return "", errors.New("the database is down")
	}
	return fmt.Sprint("edition ", r.edition.Add(1)), nil
}

// end ends the time of key.
func end(ctx context.Context, key string) {
	if err := memo.Expire(ctx, key); err != nil {
		log.Fatal(err)
	}
}

// After its TTL a value is served on while the next one is loaded, and nobody waits.
func ExampleStale() {
	ctx, done := begin()
	defer done()
	var r report
	read := func(ctx context.Context) {
		fmt.Println(memo.Do(ctx, "report", r.load, memo.TTL(time.Minute), memo.Stale(time.Hour)))
	}
	read(ctx)
	end(ctx, "report")    // the minute is over
	read(ctx)             // at once, and the next edition is loaded behind it
	read(memo.Fresh(ctx)) // waits for that one
	// Output:
	// edition 1 <nil>
	// edition 1 <nil>
	// edition 2 <nil>
}

// After its TTL a value stands in for the error of the loader.
func ExampleStaleIfError() {
	ctx, done := begin()
	defer done()
	var r report
	read := func() {
		fmt.Println(memo.Do(ctx, "report", r.load, memo.TTL(time.Minute), memo.StaleIfError(24*time.Hour)))
	}
	read()
	end(ctx, "report")
	r.down.Store(true)
	read()
	fmt.Println(memo.Invalidate(ctx, "report")) // the value is wrong, and not just old
	read()
	// Output:
	// edition 1 <nil>
	// edition 1 <nil>
	// <nil>
	//  the database is down
}

// A value that is read all the time is refreshed shortly before its end. Long before
// it, nothing is.
func ExampleEarlyRefresh() {
	ctx, done := begin()
	defer done()
	var r report
	for range 1000 {
		_, _ = memo.Do(ctx, "report", r.load, memo.TTL(time.Minute), memo.EarlyRefresh(1))
	}
	fmt.Println(r.edition.Load())
	// Output: 1
}

// Each value ends after 9 to 10 minutes. It is a fraction, and no percentage.
func ExampleJitter() {
	ctx, done := begin()
	defer done()
	var r report
	fmt.Println(memo.Do(ctx, "report", r.load, memo.TTL(10*time.Minute), memo.Jitter(0.1)))
	_, err := memo.Do(ctx, "report", r.load, memo.TTL(10*time.Minute), memo.Jitter(10))
	fmt.Println(err)
	// Output:
	// edition 1 <nil>
	// memo: Do: Jitter of 10; give the part of a TTL that chance may take off it, from 0 to 1, as 0.1
}

// That there is nothing is asked once in ten seconds.
func ExampleNegativeTTL() {
	ctx, done := begin()
	defer done()
	find := func(context.Context) (string, error) {
		fmt.Println("query")
		return "", fmt.Errorf("user 7: %w", memo.ErrNotFound)
	}
	for range 2 {
		_, err := memo.Do(ctx, memo.Key("user", 7), find, memo.NegativeTTL(10*time.Second))
		fmt.Println(errors.Is(err, memo.ErrNotFound))
	}
	// Output:
	// query
	// true
	// true
}

// A title that may be old for a moment longer: whoever reads next does not wait.
func ExampleExpire() {
	ctx, done := begin()
	defer done()
	var title atomic.Value
	title.Store("The Hobit")
	load := func(context.Context) (string, error) { return title.Load().(string), nil }
	read := func(ctx context.Context) {
		fmt.Println(memo.Do(ctx, memo.Key("title", 7), load, memo.Stale(time.Hour)))
	}
	read(ctx)
	title.Store("The Hobbit") // the commit
	fmt.Println(memo.Expire(ctx, memo.Key("title", 7)))
	read(ctx)
	read(memo.Fresh(ctx))
	// Output:
	// The Hobit <nil>
	// <nil>
	// The Hobit <nil>
	// The Hobbit <nil>
}

// A key without Stale and StaleIfError is invalidated: there is no use for the old
// value.
func ExampleCache_Expire() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	var r report
	ctx := c.With(context.Background())
	fmt.Println(memo.Do(ctx, "report", r.load))
	fmt.Println(c.Expire(context.Background(), "report")) // a message, and no request
	fmt.Println(memo.Do(ctx, "report", r.load))
	// Output:
	// edition 1 <nil>
	// <nil>
	// edition 2 <nil>
}

// A job keeps a value warm, so that no request ever loads it. When the database is
// down, the last edition stays.
func ExampleRefresh() {
	ctx, done := begin()
	defer done()
	var r report
	for range 2 { // a ticker
		_, err := memo.Refresh(ctx, "report", r.load, memo.TTL(time.Hour))
		fmt.Println(err)
		r.down.Store(true)
	}
	fmt.Println(memo.Get[string](ctx, "report"))
	// Output:
	// <nil>
	// the database is down
	// edition 1 <nil>
}
