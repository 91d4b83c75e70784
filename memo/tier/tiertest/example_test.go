package tiertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// example_test.go is the tour: what a test of an application does with the two.

// Two servers in memory, one of which forgets an item.
func ExampleNewMemory() {
	ctx := context.Background()
	shared := tiertest.NewMemory("10.0.0.1:11211", "10.0.0.2:11211")
	for _, key := range []string{"user:1", "user:2"} {
		if err := shared.Place(key).Add(ctx, key, []byte("Ada"), time.Minute); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(shared.Keys())

	shared.Evict("user:1")
	fmt.Println(shared.Keys())
	// Output:
	// [user:1 user:2]
	// [user:2]
}

// A write whose answer is lost on the way: the caller sees a failure, and the
// item is changed all the same.
func ExampleNewFaulty() {
	ctx := context.Background()
	shared := tiertest.NewFaulty(tiertest.NewMemory())
	node := shared.Place("visits")
	if err := node.Add(ctx, "visits", []byte("41"), tier.NoExpiry); err != nil {
		fmt.Println(err)
	}

	remove := shared.Inject(tiertest.Fault{
		Ops:  []tiertest.Op{tiertest.OpIncr},
		Lost: errors.New("connection reset"),
	})
	_, err := node.Incr(ctx, "visits", 1)
	fmt.Println(err)
	remove()

	var items [1]tier.Item
	if err := node.GetMulti(ctx, []string{"visits"}, items[:]); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s visits after %d call of Incr\n", items[0].Value, shared.Calls(tiertest.OpIncr))
	// Output:
	// connection reset
	// 42 visits after 1 call of Incr
}

// A backend author's test. open connects to a server that runs; the suite closes
// what it returns.
func ExampleTestShared() {
	connect := func() (tier.Node, error) { return tiertest.NewMemory().Nodes()[0], nil } // yours

	_ = func(t *testing.T) { // func TestMyTier(t *testing.T)
		tiertest.TestShared(t, func(t *testing.T) tier.Shared {
			node, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			return tier.Single(node)
		})
	}
}

// The test of a process tier.
func ExampleTestLocal() {
	_ = func(t *testing.T) { // func TestMyLocal(t *testing.T)
		tiertest.TestLocal(t, func(_ *testing.T, capacity int) tier.Local { return lru.New(capacity) })
	}
}
