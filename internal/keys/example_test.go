package keys_test

import (
	"fmt"

	"github.com/tiermemo/tiermemo/internal/keys"
)

func ExampleJoin() {
	fmt.Println(keys.Join("user", 7))
	fmt.Println(keys.Join("user", "7"))
	fmt.Println(keys.Join("user", 7, "orders"))
	fmt.Println(keys.Join("file", "a:b"), keys.Join("file", "a", "b"))
	fmt.Println(keys.Join("sum", []int{1, 2}, 1.0))
	// Output:
	// user:7
	// user:'7
	// user:7:orders
	// file:a%3Ab file:a:b
	// sum:[1,2]:1.0
}

// Filter is an argument of a search, by its exported fields.
type Filter struct {
	Text string
	Page int
	Tags map[string]bool
}

func ExampleJoin_struct() {
	fmt.Println(keys.Join("search", Filter{"red shoes", 2, map[string]bool{"new": true, "cheap": false}}))
	// Output: search:{Text=red%20shoes,Page=2,Tags=map{cheap=false,new=true}}
}

// Viewer has a field that Join cannot read, and says itself what it is.
type Viewer struct {
	id    int
	token string
}

func (v Viewer) CacheKey() string { return fmt.Sprint(v.id) }

func ExampleJoin_cacheKey() {
	fmt.Println(keys.Join("feed", Viewer{7, "secret"}))
	// Output: feed:@7
}

func ExampleRefused() {
	kind, problem, refused := keys.Refused(keys.Join("user", make(chan int)))
	fmt.Println(refused, kind, problem)
	// Output: true user part 2 (chan int) has no value to make a key of
}

func ExampleUnder() {
	user := keys.Join("user", 7)
	fmt.Println(keys.Under("user:7:orders", user), keys.Under("user:70", user))
	fmt.Println(keys.Name("user:7:orders"))
	// Output:
	// true false
	// user
}

func ExampleSpace() {
	space, err := keys.NewSpace("shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(space.Value("user:7"))
	fmt.Println(space.Value("a key\r\n"))
	fmt.Println(space.Record(1_000_000), space.Seq())
	// Output:
	// shop:v:user:7
	// shop:e:a%20key%0D%0A
	// shop:g:lfls shop:seq
}
