package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// orders are the arguments of a function: the orders of one user, a page at a time.
type orders struct {
	User int
	Page int
}

// findOrders has no cache of its own: it takes that of the request.
var findOrders = memo.NewFunc(nil, "orders", func(_ context.Context, o orders) (string, error) {
	fmt.Println("query", o.User, o.Page)
	return fmt.Sprintf("orders of %d, page %d", o.User, o.Page), nil
}, memo.TTL(time.Minute))

func ExampleNewFunc() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	greeting := memo.NewFunc(c, "greeting", func(_ context.Context, name string) (string, error) {
		fmt.Println("made for", name)
		return "Hello, " + name, nil
	}, memo.TTL(time.Hour))

	for range 2 {
		text, err := greeting.Do(context.Background(), "Ada")
		fmt.Println(text, err)
	}
	// Output:
	// made for Ada
	// Hello, Ada <nil>
	// Hello, Ada <nil>
}

func ExampleNewBatchFunc() {
	ctx, end := begin()
	defer end()
	names := map[int]string{7: "Ada", 8: "Grace"}
	findNames := memo.NewBatchFunc(nil, "name", func(_ context.Context, ids []int) (map[int]string, error) {
		found := map[int]string{}
		for _, id := range ids {
			if name, ok := names[id]; ok {
				found[id] = name
			}
		}
		return found, nil
	}, memo.NegativeTTL(time.Minute))

	name, err := findNames.Do(ctx, 8)
	fmt.Println(name, err)
	_, err = findNames.Do(ctx, 9)
	fmt.Println(errors.Is(err, memo.ErrNotFound))
	// Output:
	// Grace <nil>
	// true
}

func ExampleFunc_Do() {
	ctx, end := begin()
	defer end()
	for range 2 {
		text, err := findOrders.Do(ctx, orders{User: 7, Page: 1})
		fmt.Println(text, err)
	}
	// Output:
	// query 7 1
	// orders of 7, page 1 <nil>
	// orders of 7, page 1 <nil>
}

func ExampleFunc_Get() {
	ctx, end := begin()
	defer end()
	_, err := findOrders.Get(ctx, orders{7, 1})
	fmt.Println(errors.Is(err, memo.ErrMiss))
	// Output: true
}

func ExampleFunc_Peek() {
	ctx, end := begin()
	defer end()
	_, ok := findOrders.Peek(ctx, orders{7, 1})
	fmt.Println(ok)
	// Output: false
}

func ExampleFunc_Set() {
	ctx, end := begin()
	defer end()
	if err := findOrders.Set(ctx, orders{7, 1}, "none yet"); err != nil {
		log.Fatal(err)
	}
	text, err := findOrders.Do(ctx, orders{7, 1})
	fmt.Println(text, err)
	// Output: none yet <nil>
}

func ExampleFunc_Add() {
	ctx, end := begin()
	defer end()
	for _, text := range []string{"the first", "the second"} {
		added, err := findOrders.Add(ctx, orders{7, 1}, text)
		fmt.Println(added, err)
	}
	text, err := findOrders.Do(ctx, orders{7, 1})
	fmt.Println(text, err)
	// Output:
	// true <nil>
	// false <nil>
	// the first <nil>
}

func ExampleFunc_Invalidate() {
	ctx, end := begin()
	defer end()
	findOrders.Do(ctx, orders{7, 1})
	if err := findOrders.Invalidate(ctx, orders{7, 1}); err != nil && !errors.Is(err, memo.ErrDeferred) {
		log.Fatal(err)
	}
	findOrders.Do(ctx, orders{7, 1})
	// Output:
	// query 7 1
	// query 7 1
}

// What one user has is one tree, and all of the function another one.
func ExampleFunc_InvalidateAll() {
	ctx, end := begin()
	defer end()
	all := []orders{{7, 1}, {7, 2}, {8, 1}}
	read := func() {
		for _, o := range all {
			findOrders.Do(ctx, o)
		}
	}
	read()
	memo.InvalidateTree(ctx, memo.Key(findOrders.Name(), 7))
	fmt.Println("user 7 has ordered")
	read()
	findOrders.InvalidateAll(ctx)
	fmt.Println("prices have changed")
	read()
	// Output:
	// query 7 1
	// query 7 2
	// query 8 1
	// user 7 has ordered
	// query 7 1
	// query 7 2
	// prices have changed
	// query 7 1
	// query 7 2
	// query 8 1
}

func ExampleFunc_Expire() {
	ctx, end := begin()
	defer end()
	findOrders.Do(ctx, orders{7, 1})
	findOrders.Expire(ctx, orders{7, 1}) // it has no Stale window: the same as Invalidate
	findOrders.Do(ctx, orders{7, 1})
	// Output:
	// query 7 1
	// query 7 1
}

func ExampleFunc_Refresh() {
	ctx, end := begin()
	defer end()
	for range 2 {
		text, err := findOrders.Refresh(ctx, orders{7, 1})
		fmt.Println(text, err)
	}
	// Output:
	// query 7 1
	// orders of 7, page 1 <nil>
	// query 7 1
	// orders of 7, page 1 <nil>
}

func ExampleFunc_Uncached() {
	ctx, end := begin()
	defer end()
	for range 2 {
		findOrders.Uncached(ctx, orders{7, 1})
	}
	// Output:
	// query 7 1
	// query 7 1
}

func ExampleFunc_Key() {
	fmt.Println(findOrders.Key(orders{7, 1}))
	// Output: orders:7:1
}

func ExampleFunc_Name() {
	fmt.Println(findOrders.Name())
	// Output: orders
}

func ExampleFunc_SetTTL() {
	ctx, end := begin()
	defer end()
	findOrders.SetTTL(time.Hour)     // say by an operator, on a busy day
	defer findOrders.SetTTL(0)       // back to the declared one
	findOrders.Do(ctx, orders{7, 1}) // is kept for an hour
	// Output: query 7 1
}

func ExampleTagsFunc() {
	ctx, end := begin()
	defer end()
	load := func(_ context.Context, o orders) (int, error) {
		fmt.Println("query", o.User, o.Page)
		return 0, nil
	}
	total := memo.NewFunc(nil, "total", load, memo.TagsFunc(func(o orders) []string {
		return []string{memo.Key("user", o.User)}
	}))
	total.Do(ctx, orders{7, 1})
	memo.InvalidateTags(ctx, memo.Key("user", 7)) // of every function that has such a tag
	total.Do(ctx, orders{7, 1})
	// Output:
	// query 7 1
	// query 7 1
}

func ExampleUnlessFunc() {
	ctx, end := begin()
	defer end()
	search := memo.NewFunc(nil, "search", func(_ context.Context, words string) (int, error) {
		fmt.Printf("search for %q\n", words)
		return len(words), nil
	}, memo.UnlessFunc(func(_ context.Context, words string) bool { return len(words) > 100 })) // nobody asks for it twice
	search.Do(ctx, "cache")
	search.Do(ctx, "cache")
	// Output: search for "cache"
}
