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
