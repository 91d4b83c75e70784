package memo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

func ExampleDoMany() {
	ctx, end := begin()
	defer end()
	stock := func(_ context.Context, missing []string) (map[string]int, error) {
		fmt.Println("query", missing)
		return map[string]int{"apples": 3, "pears": 5}, nil
	}
	fmt.Println(memo.DoMany(ctx, []string{"pears", "apples"}, stock))
	fmt.Println(memo.DoMany(ctx, []string{"apples", "plums", "pears"}, stock)) // there are no plums
	// Output:
	// query [pears apples]
	// map[apples:3 pears:5] <nil>
	// query [plums]
	// map[apples:3 pears:5] <nil>
}

// What could be answered is there, and the error says what could not.
func ExampleDoMany_error() {
	ctx, end := begin()
	defer end()
	down := errors.New("the warehouse is closed")
	stock := func(context.Context, []string) (map[string]int, error) {
		return map[string]int{"apples": 3}, down
	}
	values, err := memo.DoMany(ctx, []string{"apples", "pears"}, stock)
	fmt.Println(values, errors.Is(err, down))
	fmt.Println(err)
	var batch *memo.BatchError
	if errors.As(err, &batch) {
		fmt.Println(batch.Errs["pears"])
	}
	// Output:
	// map[apples:3] true
	// memo: 1 key of a batch failed: the warehouse is closed
	// the warehouse is closed
}

// Each row says how long it may be kept, and what invalidates it.
func ExampleAmendKey() {
	ctx, end := begin()
	defer end()
	price := func(ctx context.Context, missing []string) (map[string]int, error) {
		prices := map[string]int{}
		for _, fruit := range missing {
			fmt.Println("ask for", fruit)
			prices[fruit] = 2
			memo.AmendKey(ctx, fruit, memo.TTL(time.Hour), memo.Tags("farm of "+fruit))
		}
		return prices, nil
	}
	fmt.Println(memo.DoMany(ctx, []string{"apples", "pears"}, price))
	fmt.Println(memo.InvalidateTags(ctx, "farm of pears"))
	fmt.Println(memo.DoMany(ctx, []string{"apples", "pears"}, price))
	// Output:
	// ask for apples
	// ask for pears
	// map[apples:2 pears:2] <nil>
	// <nil>
	// ask for pears
	// map[apples:2 pears:2] <nil>
}

// No query asks for more than the database can take.
func ExampleBatchSize() {
	ctx, end := begin()
	defer end()
	var sizes []int
	find := func(_ context.Context, missing []string) (map[string]bool, error) {
		sizes = append(sizes, len(missing))
		return nil, nil
	}
	_, err := memo.DoMany(memo.Bypass(ctx), []string{"a", "b", "c", "d", "e"}, find, memo.BatchSize(2))
	fmt.Println(sizes, err)
	// Output: [2 2 1] <nil>
}

// The goroutines of one request each ask for one user.
func ExampleBatchWindow() {
	ctx, end := begin()
	defer end()
	names := memo.NewBatchFunc(nil, "name", func(_ context.Context, ids []int) (map[int]string, error) {
		fmt.Println("one query for", len(ids))
		found := map[int]string{}
		for _, id := range ids {
			found[id] = fmt.Sprint("user ", id)
		}
		return found, nil
	}, memo.BatchWindow(time.Second), memo.BatchSize(3)) // three are a batch before the second is over
	var all sync.WaitGroup
	for id := range 3 {
		all.Go(func() {
			if _, err := names.Do(ctx, id); err != nil {
				fmt.Println(err)
			}
		})
	}
	all.Wait()
	fmt.Println(names.Do(ctx, 1))
	// Output:
	// one query for 3
	// user 1 <nil>
}

func ExampleFunc_DoMany() {
	ctx, end := begin()
	defer end()
	names := memo.NewBatchFunc(nil, "name", func(_ context.Context, ids []int) (map[int]string, error) {
		fmt.Println("query", ids)
		return map[int]string{7: "Ada", 8: "Grace"}, nil
	})
	fmt.Println(names.Do(ctx, 7))
	fmt.Println(names.DoMany(ctx, []int{7, 8, 9}))
	// Output:
	// query [7]
	// Ada <nil>
	// query [8 9]
	// map[7:Ada 8:Grace] <nil>
}

// One answer for each argument, in their order.
func ExampleFunc_AppendMany() {
	ctx, end := begin()
	defer end()
	names := memo.NewBatchFunc(nil, "name", func(context.Context, []int) (map[int]string, error) {
		return map[int]string{7: "Ada", 8: "Grace"}, nil
	})
	results, err := names.AppendMany(ctx, nil, []int{8, 9, 7})
	for _, r := range results {
		fmt.Println(r.Value, r.Err)
	}
	fmt.Println(err)
	// Output:
	// Grace <nil>
	//  memo: not found
	// Ada <nil>
	// <nil>
}
