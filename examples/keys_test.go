package examples_test

// keys_test.go is the code of docs/keys.md: keys as they are written.

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiermemo/tiermemo/memo"
)

type Filter struct {
	Genre string
	Page  int
}

type Money struct{ cents int } // two of them with other cents must not share a key

func (m Money) CacheKey() string { return fmt.Sprint(m.cents) }

func Example_keys() {
	fmt.Println(memo.Key("user", 7))
	fmt.Println(memo.Key("user", 7, "orders")) // below user:7 in the tree of keys
	fmt.Println(memo.Key("user", "7"))         // a string that looks like a number is quoted
	fmt.Println(memo.Key("a:b", "c"))          // not memo.Key("a", "b:c")
	fmt.Println(memo.Key("page", Filter{Genre: "sf", Page: 2}))
	fmt.Println(memo.Key("shops above", Money{1250}))
	// Output:
	// user:7
	// user:7:orders
	// user:'7
	// a%3Ab:c
	// page:{Genre=sf,Page=2}
	// shops%20above:@1250
}

func Example_keysRefused() {
	key := memo.Key("report", func() {})
	_, err := memo.Do(context.Background(), key, func(context.Context) (int, error) { return 1, nil })
	var mistake *memo.UsageError
	fmt.Println(errors.As(err, &mistake))
	fmt.Println(err)
	// Output:
	// true
	// memo: Do report: part 2 (func()) has no value to make a key of; pass a number, a string or a struct of such, or give the type a method CacheKey() string
}
