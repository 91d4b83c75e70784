package memo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo"
)

// example_modes_test.go: reads that want more than a cached value, or less, and what
// stores one without a loader.

// A page shows one price throughout. Who is about to charge it looks again.
func ExampleFresh() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	price := 5
	load := func(context.Context) (int, error) { return price, nil }

	ctx, end := c.Begin(context.Background())
	defer end()
	fmt.Println(memo.Do(ctx, "price", load))
	price = 6 // another request's commit
	if err := c.Invalidate(context.Background(), "price"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(memo.Do(ctx, "price", load))
	fmt.Println(memo.Do(memo.Fresh(ctx), "price", load))
	fmt.Println(memo.Do(ctx, "price", load)) // and from now on
	// Output:
	// 5 <nil>
	// 5 <nil>
	// 6 <nil>
	// 6 <nil>
}

// An administrator asks for a page as the database has it, and changes nothing for
// others.
func ExampleBypass() {
	ctx, end := begin()
	defer end()
	stock := 5
	load := func(context.Context) (int, error) { return stock, nil }
	fmt.Println(memo.Do(ctx, "stock", load))
	stock = 4 // somebody at a console
	fmt.Println(memo.Do(memo.Bypass(ctx), "stock", load))
	fmt.Println(memo.Do(ctx, "stock", load))
	// Output:
	// 5 <nil>
	// 4 <nil>
	// 5 <nil>
}

// Is it the cache? Turn it off and see.
func ExampleCache_SetEnabled() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	ctx := c.With(context.Background())
	load := func(context.Context) (int, error) { fmt.Println("query"); return 1, nil }
	for _, on := range []bool{true, false, true} {
		c.SetEnabled(on)
		fmt.Println("on:", on)
		_, _ = memo.Do(ctx, "k", load)
	}
	// Output:
	// on: true
	// query
	// on: false
	// query
	// on: true
}

func ExampleCache_Enabled() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Enabled())
	c.SetEnabled(false)
	fmt.Println(c.Enabled())
	c.SetEnabled(true)
	_ = c.Close(context.Background())
	fmt.Println(c.Enabled())
	// Output:
	// true
	// false
	// false
}

// A number beside a link is shown if it costs nothing.
func ExamplePeek() {
	ctx, end := begin()
	defer end()
	link := func() {
		if n, ok := memo.Peek[int](ctx, memo.Key("unread", 7)); ok {
			fmt.Printf("Inbox (%d)\n", n)
			return
		}
		fmt.Println("Inbox")
	}
	link()
	_, _ = memo.Do(ctx, memo.Key("unread", 7), func(context.Context) (int, error) { return 3, nil })
	link()
	// Output:
	// Inbox
	// Inbox (3)
}

// What an import brings along is stored, and what somebody has loaded since is newer.
func ExampleAdd() {
	ctx, end := begin()
	defer end()
	if err := memo.Set(ctx, memo.Key("price", 8), 12); err != nil {
		log.Fatal(err)
	}
	for _, id := range []int{7, 8} {
		fmt.Println(memo.Add(ctx, memo.Key("price", id), 10))
	}
	fmt.Println(memo.Get[int](ctx, memo.Key("price", 8)))
	// Output:
	// true <nil>
	// false <nil>
	// 12 <nil>
}
