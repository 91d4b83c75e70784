package tier_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// example_test.go is what a backend author has to know beside the interfaces.

// A server that says no was reached. Any other error may hide a write that was
// applied, or still will be: who gets one can only read again.
func ExampleIsAnswer() {
	ctx := context.Background()
	shared := tiertest.NewFaulty(tiertest.NewMemory())
	node := shared.Nodes()[0]
	add := func() error { return node.Add(ctx, "greeting", []byte("hello"), time.Minute) }

	remove := shared.Inject(tiertest.Fault{Lost: errors.New("connection reset")})
	fmt.Println(tier.IsAnswer(add())) // applied, as it happens
	remove()
	err := add()
	fmt.Println(tier.IsAnswer(err), err)
	// Output:
	// false
	// true tier: item exists
}

// An item that is absent is no error: it has no CAS id. An empty value has one.
func ExampleItem_Found() {
	ctx := context.Background()
	node := tiertest.NewMemory().Nodes()[0]
	if err := node.Add(ctx, "empty", nil, time.Minute); err != nil {
		fmt.Println(err)
	}
	keys := []string{"empty", "absent"}
	items := make([]tier.Item, len(keys))
	if err := node.GetMulti(ctx, keys, items); err != nil {
		fmt.Println(err)
	}
	for i, key := range keys {
		fmt.Println(key, items[i].Found())
	}
	// Output:
	// empty true
	// absent false
}

// Most entries have a value, and an end.
func ExampleEntry_Took() {
	e := &tier.Entry{Key: "user:7", Value: "Ada", Micros: 1500}
	fmt.Println(e.Value, "was loaded in", e.Took())
	// Output: Ada was loaded in 1.5ms
}

// An entry says that there is no value, where the loader said so.
func ExampleEntry_Err() {
	e := &tier.Entry{Key: "user:7", More: &tier.More{Err: errors.New("not found")}}
	fmt.Println(e.Value, e.Err())
	// Output: <nil> not found
}

func ExampleEntry_Tags() {
	plain := &tier.Entry{Key: "user:7", Value: "Ada"}
	tagged := &tier.Entry{Key: "user:8", Value: "Bob", More: &tier.More{Tags: []string{"users"}}}
	fmt.Println(plain.Tags(), tagged.Tags())
	// Output: [] [users]
}

func ExampleEntry_Stale() {
	e := &tier.Entry{Key: "user:7", Value: "Ada", More: &tier.More{Stale: time.Minute}}
	fmt.Println("served for", e.Stale(), "while it is refreshed")
	// Output: served for 1m0s while it is refreshed
}

func ExampleEntry_StaleIfError() {
	e := &tier.Entry{Key: "user:7", Value: "Ada", More: &tier.More{StaleIfError: time.Hour}}
	fmt.Println("served for", e.StaleIfError(), "in place of an error")
	// Output: served for 1h0m0s in place of an error
}

// What may be refreshed before its time says how long it is fresh after that.
func ExampleEntry_Fresh() {
	e := &tier.Entry{Key: "user:7", Value: "Ada", Early: int64(time.Minute), More: &tier.More{Last: time.Second}}
	fmt.Println(time.Duration(e.Fresh()))
	// Output: 1m1s
}

// The later end of the two windows counts.
func ExampleEntry_Expires() {
	fresh := time.Minute
	e := &tier.Entry{Key: "user:7", Value: "Ada", Early: int64(fresh), More: &tier.More{Stale: time.Minute, StaleIfError: time.Hour}}
	fmt.Println(time.Duration(e.Expires()))
	// Output: 1h1m0s
}
