package memo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo"
)

// Statistics say which part of a program does what, and to whom that is shown nothing
// of the keys.
func ExampleName() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	ctx := c.With(context.Background())
	query := func(context.Context) (int, error) { return 1, nil }

	user := memo.Key("user", 7)
	_, _ = memo.Do(ctx, user, query)                          // counted for "user"
	_, _ = memo.Do(ctx, user, query, memo.Name("front page")) // for "front page"
	_, _ = memo.Do(ctx, "qR7yX2", query)                      // a session's token, perhaps: for "other"

	for _, f := range c.Snapshot().Funcs {
		fmt.Println(f.Name+":", f.Calls, "calls,", f.L2, "by L2,", f.Entries, "entries")
	}
	// Output:
	// front page: 1 calls, 1 by L2, 0 entries
	// other: 1 calls, 0 by L2, 1 entries
	// user: 1 calls, 0 by L2, 1 entries
}

func ExampleFuncStats() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())
	ctx := context.Background()

	square := memo.NewFunc(c, "square", func(_ context.Context, n int) (int, error) { return n * n, nil })
	for range 4 {
		_, _ = square.Do(ctx, 3)
	}
	_ = square.Invalidate(ctx, 3)

	f := c.Snapshot().Funcs[0]
	fmt.Printf("%s: %d of %d calls answered at once, %d invalidated\n", f.Name, f.L2, f.Calls, f.Invalidations.Keys)
	// Output: square: 3 of 4 calls answered at once, 1 invalidated
}
