package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// begin is what the middleware does for a handler: a cache, and a request in it.
func begin() (context.Context, func()) {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, end := c.Begin(context.Background())
	return ctx, func() {
		end()
		if err := c.Close(context.Background()); err != nil {
			log.Fatal(err)
		}
	}
}

func ExampleDo() {
	ctx, end := begin()
	defer end()
	findName := func(ctx context.Context, id int) (string, error) {
		return memo.Do(ctx, memo.Key("name", id), func(context.Context) (string, error) {
			fmt.Println("query", id)
			return "Ada", nil
		})
	}
	for range 3 {
		name, err := findName(ctx, 7)
		fmt.Println(name, err)
	}
	// Output:
	// query 7
	// Ada <nil>
	// Ada <nil>
	// Ada <nil>
}

func ExampleGet() {
	ctx, end := begin()
	defer end()
	_, err := memo.Get[int](ctx, "visits")
	fmt.Println(errors.Is(err, memo.ErrMiss))
	if err := memo.Set(ctx, "visits", 3); err != nil {
		log.Fatal(err)
	}
	visits, err := memo.Get[int](ctx, "visits")
	fmt.Println(visits, err)
	// Output:
	// true
	// 3 <nil>
}

// What was just written need not be read again.
func ExampleSet() {
	ctx, end := begin()
	defer end()
	rename := func(ctx context.Context, id int, name string) error {
		fmt.Println("commit", name)
		return memo.Set(ctx, memo.Key("name", id), name)
	}
	if err := rename(ctx, 7, "Grace"); err != nil {
		log.Fatal(err)
	}
	name, _ := memo.Do(ctx, memo.Key("name", 7), func(context.Context) (string, error) {
		fmt.Println("not reached")
		return "", nil
	})
	fmt.Println(name)
	// Output:
	// commit Grace
	// Grace
}

// After the commit, and not before: a read in between would keep the old value.
func ExampleInvalidate() {
	ctx, end := begin()
	defer end()
	stock := 5
	load := func(context.Context) (int, error) { return stock, nil }
	before, _ := memo.Do(ctx, "stock", load)
	stock = 4 // the commit
	if err := memo.Invalidate(ctx, "stock"); err != nil {
		log.Fatal(err)
	}
	after, _ := memo.Do(ctx, "stock", load)
	fmt.Println(before, after)
	// Output: 5 4
}

func ExampleInvalidateAll() {
	ctx, end := begin()
	defer end()
	for _, key := range []string{"prices", "stock"} {
		if err := memo.Set(ctx, key, 5); err != nil {
			log.Fatal(err)
		}
	}
	if err := memo.InvalidateAll(ctx); err != nil { // after an import, say
		log.Fatal(err)
	}
	for _, key := range []string{"prices", "stock"} {
		_, err := memo.Get[int](ctx, key)
		fmt.Println(err)
	}
	// Output:
	// memo: not cached
	// memo: not cached
}

func ExampleKey() {
	fmt.Println(memo.Key("user", 7, "orders"))
	fmt.Println(memo.Key("user", "7"))
	fmt.Println(memo.Key("a:b") == memo.Key("a", "b"))
	// Output:
	// user:7:orders
	// user:'7
	// false
}

// In production Shared is memcached.New("10.0.0.2:11211").
func ExampleNew() {
	c, err := memo.New(memo.Config{
		Prefix: "shop",
		Shared: tiertest.NewMemory(),
	}, memo.TTL(10*time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	_, err = memo.New(memo.Config{Shared: tiertest.NewMemory()})
	var mistake *memo.UsageError
	fmt.Println(errors.As(err, &mistake))
	// Output: true
}

// A job has no middleware: each unit of its work is a request.
func ExampleCache_Begin() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	handle := func(order int) {
		ctx, end := c.Begin(context.Background())
		defer end()
		rate, err := memo.Do(ctx, "rate", func(context.Context) (float64, error) { return 1.25, nil })
		fmt.Println(order, rate, err)
	}
	for _, order := range []int{1, 2} {
		handle(order)
	}
	// Output:
	// 1 1.25 <nil>
	// 2 1.25 <nil>
}

// Without a request nothing is remembered for its length: what lives long sees
// what others change.
func ExampleCache_With() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	ctx := c.With(context.Background()) // for http.Server.BaseContext, or a worker
	for version := range 2 {
		v, _ := memo.Do(ctx, "version", func(context.Context) (int, error) { return version, nil })
		fmt.Println(v)
		if err := c.Invalidate(context.Background(), "version"); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 0
	// 1
}

func ExampleFrom() {
	ctx, end := begin()
	defer end()
	fmt.Println(memo.From(ctx) != nil, memo.From(context.Background()) != nil)
	// Output: true false
}

func ExampleCache_Close() {
	c, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := c.With(context.Background())

	shutdown, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(c.Close(shutdown)) // after http.Server.Shutdown

	v, err := memo.Do(ctx, "k", func(context.Context) (string, error) { return "loaded, and not kept", nil })
	fmt.Println(v, err)
	fmt.Println(memo.Invalidate(ctx, "k"))
	// Output:
	// <nil>
	// loaded, and not kept <nil>
	// memo: cache is closed
}

func ExampleCache_Snapshot() {
	c, err := memo.New(memo.Config{Name: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(context.Background())

	load := func(context.Context) (int, error) { return 1, nil }
	for range 3 { // three requests that read two times
		ctx, end := c.Begin(context.Background())
		_, _ = memo.Do(ctx, "k", load)
		_, _ = memo.Do(ctx, "k", load)
		end()
	}
	s := c.Snapshot()
	fmt.Println(s.Name, "calls:", s.Total.Calls, "L1:", s.Total.L1, "L2:", s.Total.L2, "loads:", s.Total.Loads)
	// Output: shop calls: 6 L1: 3 L2: 2 loads: 1
}

func ExampleTTL() {
	ctx, end := begin()
	defer end()
	forecast, err := memo.Do(ctx, "weather", func(context.Context) (string, error) { return "sunny", nil }, memo.TTL(time.Minute))
	fmt.Println(forecast, err)
	capital, err := memo.Do(ctx, "capital", func(context.Context) (string, error) { return "Paris", nil }, memo.TTL(memo.NoExpiry))
	fmt.Println(capital, err)
	// Output:
	// sunny <nil>
	// Paris <nil>
}

func ExampleLoadTimeout() {
	ctx, end := begin()
	defer end()
	_, err := memo.Do(ctx, "report", func(ctx context.Context) (string, error) {
		<-ctx.Done() // a query that takes too long
		return "", ctx.Err()
	}, memo.LoadTimeout(10*time.Millisecond))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}

// Who writes to what Do returned writes to what others read. With Clone they get
// a copy.
func ExampleClone() {
	ctx, end := begin()
	defer end()
	load := func(context.Context) (map[string]int, error) { return map[string]int{"tea": 2}, nil }
	for range 2 {
		cart, err := memo.Do(ctx, "cart", load, memo.Clone(maps.Clone[map[string]int]))
		cart["tea"]++
		fmt.Println(cart["tea"], err)
	}
	// Output:
	// 3 <nil>
	// 3 <nil>
}
