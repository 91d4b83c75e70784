package lru_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Most programs hand a Cache to memo.New and do not touch it again.
func ExampleNew() {
	local := lru.New(50_000)
	cache, err := memo.New(memo.Config{Local: local})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(context.Background())

	ctx := cache.With(context.Background())
	for range 2 {
		name, err := memo.Do(ctx, memo.Key("user", 7), func(context.Context) (string, error) {
			fmt.Println("query")
			return "Ada", nil
		})
		fmt.Println(name, err)
	}
	fmt.Println(local.Len(), "of", local.Cap())
	// Output:
	// query
	// Ada <nil>
	// Ada <nil>
	// 1 of 50000
}

// An entry that was not used leaves. Get is a use, Peek is none.
func ExampleCache() {
	c := lru.New(2)
	c.OnEvict(func(key string, e *tier.Entry) { fmt.Println(key, "leaves with", e.Value) })
	c.Set("a", &tier.Entry{Key: "a", Value: 1})
	c.Set("b", &tier.Entry{Key: "b", Value: 2})
	c.Get("a")
	c.Peek("b")
	c.Set("c", &tier.Entry{Key: "c", Value: 3})

	c.Delete("a") // OnEvict does not hear of it
	fmt.Println(c.Get("a") == nil, c.Get("c").Value)
	c.Clear()
	fmt.Println(c.Len())
	// Output:
	// b leaves with 2
	// true 3
	// 0
}

// Take is for who has to know what a Delete has removed.
func ExampleCache_Take() {
	c := lru.New(10)
	c.Set("a", &tier.Entry{Key: "a", Value: 1})
	fmt.Println(c.Take("a").Value, c.Take("a") == nil)
	// Output: 1 true
}
