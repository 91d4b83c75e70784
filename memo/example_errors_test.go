package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What goes wrong, and what a program does about it.

// The write is committed and this process has forgotten the old value; the
// others will within StaleBound after the shared tier is back. There is nothing
// to repeat.
func ExampleInvalidate_deferred() {
	shared := tiertest.NewFaulty(tiertest.NewMemory())
	c, err := memo.New(memo.Config{Prefix: "shop", Shared: shared, Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	repair := shared.Inject(tiertest.Fault{Err: errors.New("connection refused")})
	ctx := c.With(context.Background())

	err = memo.Invalidate(ctx, "stock")
	switch {
	case errors.Is(err, memo.ErrDeferred):
		fmt.Println("the others see it later")
	case err != nil:
		log.Fatal(err)
	}

	repair()
	fmt.Println(c.Close(context.Background())) // which delivers what waits
	// Output:
	// the others see it later
	// <nil>
}

// A writer that has no request, and so no cache in its context.
func ExampleCache_Invalidate() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	onOrder := func(product int) error { // a message that came in
		return c.Invalidate(context.Background(), memo.Key("product", product), memo.Key("stock", product))
	}
	fmt.Println(onOrder(7))
	// Output: <nil>
}

func ExampleCache_InvalidateAll() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	fmt.Println(c.InvalidateAll(context.Background()))
	// Output: <nil>
}

// Two parts of a program gave one key to two things.
func ExampleTypeError() {
	ctx, end := begin()
	defer end()
	if err := memo.Set(ctx, "user:7", "Ada"); err != nil {
		log.Fatal(err)
	}
	_, err := memo.Get[int](ctx, "user:7")
	var clash *memo.TypeError
	fmt.Println(errors.As(err, &clash))
	fmt.Println(err)
	// Output:
	// true
	// memo: a key of "user" holds string, not int; give the two their own keys
}

// A mistake of the program says what to do about it.
func ExampleUsageError() {
	ctx, end := begin()
	defer end()
	_, err := memo.Do(ctx, "", func(context.Context) (int, error) { return 1, nil })
	var mistake *memo.UsageError
	if errors.As(err, &mistake) {
		fmt.Println(mistake.Problem)
		fmt.Println(mistake.Fix)
	}
	// Output:
	// the key is empty
	// give it a name, as in memo.Key("user", id)
}

// A loader that comes back to its own key would wait for itself.
func ExampleDo_recursive() {
	ctx, end := begin()
	defer end()
	var total func(context.Context) (int, error)
	total = func(ctx context.Context) (int, error) { return memo.Do(ctx, "total", total) }
	_, err := total(ctx)
	fmt.Println(errors.Is(err, memo.ErrRecursive))
	// Output: true
}
