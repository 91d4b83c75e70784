package tiertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	for i, key := range []string{"user:1", "user:2"} {
		if err := shared.Nodes()[i].Add(ctx, key, []byte("Ada"), time.Minute); err != nil {
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
	node := shared.Nodes()[0]
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

// A server that loses one item, and one that loses all of them.
func ExampleMemory_Evict() {
	shared := stored("a", "b", "c")
	shared.Evict("b", "never there")
	fmt.Println(shared.Keys())
	// Output: [a c]
}

// Two servers, and what both of them hold.
func ExampleMemory_Keys() {
	ctx := context.Background()
	shared := tiertest.NewMemory("10.0.0.1:11211", "10.0.0.2:11211")
	for _, node := range shared.Nodes() {
		for _, key := range []string{"everywhere", node.Name()} {
			if err := node.Add(ctx, key, nil, time.Minute); err != nil {
				fmt.Println(err)
			}
		}
	}
	fmt.Println(shared.Keys())
	// Output: [10.0.0.1:11211 10.0.0.2:11211 everywhere]
}

func ExampleMemory_Flush() {
	shared := stored("a", "b")
	shared.Flush()
	fmt.Println(shared.Keys())
	// Output: []
}

// After a restart CAS ids begin at 1 again, as those of memcached do: one that
// was read before meets another item, and the server cannot tell.
func ExampleMemory_Restart() {
	ctx := context.Background()
	shared := stored("counter")
	node := shared.Nodes()[0]
	items := make([]tier.Item, 1)
	if err := node.GetMulti(ctx, []string{"counter"}, items); err != nil {
		fmt.Println(err)
	}

	shared.Restart()
	if err := node.Add(ctx, "counter", []byte("new"), time.Minute); err != nil {
		fmt.Println(err)
	}
	err := node.CompareAndSwap(ctx, "counter", items[0].CAS, []byte("from before"), time.Minute)
	fmt.Println(err)
	// Output: <nil>
}

// One server of two is restarted.
func ExampleMemory_Only() {
	memory := tiertest.NewMemory("a", "b")
	for _, node := range memory.Nodes() {
		if err := node.Add(context.Background(), "on-"+node.Name(), nil, time.Minute); err != nil {
			fmt.Println(err)
		}
	}
	memory.Only("b").Restart()
	fmt.Println(memory.Keys())
	// Output: [on-a]
}

// Two processes, one of which has not heard of the third server yet.
func ExampleMemory_List() {
	memory := tiertest.NewMemory("a", "b", "c")
	one, other := memory.List("a", "b"), memory.List("a", "b", "c")
	fmt.Println(len(one.Nodes()), len(other.Nodes()))
	one.Change("a", "b", "c")
	fmt.Println(len(one.Nodes()), len(other.Nodes()))
	// Output:
	// 2 3
	// 3 3
}

// A server that leaves the list is open until whoever uses the List has closed
// its Node, and comes back with what it held.
func ExampleList_Change() {
	ctx := context.Background()
	list := tiertest.NewMemory("a", "b").List("a", "b")
	if err := list.Nodes()[1].Add(ctx, "k", []byte("v"), time.Minute); err != nil {
		fmt.Println(err)
	}
	list.Change("a")
	fmt.Println(len(list.Nodes()), list.Open())
	list.Change("a", "b")
	fmt.Println(list.Nodes()[1].Add(ctx, "k", []byte("v"), time.Minute))
	// Output:
	// 1 [a b]
	// tier: item exists
}

// A Node that has left is open until somebody closes it: a cache does, once it
// needs it no more.
func ExampleList_Open() {
	list := tiertest.NewMemory("a", "b").List("a", "b")
	b := list.Nodes()[1]
	list.Change("a")
	fmt.Println(list.Open())
	if err := b.(io.Closer).Close(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(list.Open())
	// Output:
	// [a b]
	// [a]
}

func ExampleList_Close() {
	list := tiertest.NewMemory("a", "b").List("a", "b")
	fmt.Println(list.Close(), list.Open())
	fmt.Println(list.Nodes()[0].Ping(context.Background()))
	// Output:
	// <nil> []
	// tiertest: a: the Node is closed
}

// How often one server of several was asked.
func ExampleFaulty_CallsOf() {
	shared := tiertest.NewFaulty(tiertest.NewMemory("a", "b"))
	for _, node := range shared.Nodes() {
		_ = node.Ping(context.Background())
	}
	fmt.Println(shared.CallsOf("b", tiertest.OpPing), shared.Calls(tiertest.OpPing))
	// Output: 1 2
}

// stored is a server that holds keys.
func stored(keys ...string) *tiertest.Memory {
	shared := tiertest.NewMemory()
	for _, key := range keys {
		if err := shared.Nodes()[0].Add(context.Background(), key, []byte("x"), time.Minute); err != nil {
			fmt.Println(err)
		}
	}
	return shared
}

// One call of one method fails, and then no more.
func ExampleFaulty_Inject() {
	ctx := context.Background()
	shared := tiertest.NewFaulty(stored("visits"))
	remove := shared.Inject(tiertest.Fault{
		Ops:   []tiertest.Op{tiertest.OpTouch},
		Match: "visits",
		Err:   errors.New("connection refused"),
		Times: 1,
	})
	defer remove()
	for range 2 {
		fmt.Println(shared.Nodes()[0].Touch(ctx, "visits", time.Hour))
	}
	// Output:
	// connection refused
	// <nil>
}

// How often a server was asked, also where a fault answered in its place.
func ExampleFaulty_Calls() {
	ctx := context.Background()
	shared := tiertest.NewFaulty(stored("a"))
	node := shared.Nodes()[0]
	_ = node.Ping(ctx)
	shared.Inject(tiertest.Fault{Err: errors.New("connection refused")})
	_ = node.Ping(ctx)
	_ = node.Delete(ctx, "a")
	fmt.Println(shared.Calls(tiertest.OpPing), shared.Calls(tiertest.OpAdd), shared.Calls(""))
	// Output: 2 0 3
}

// A write that arrives after its caller has given it up. The test waits until it
// has, and sees what it has done.
func ExampleFaulty_WaitIdle() {
	ctx := context.Background()
	memory := stored("a")
	shared := tiertest.NewFaulty(memory)
	shared.Inject(tiertest.Fault{Lost: errors.New("timeout"), Late: time.Millisecond})

	fmt.Println(shared.Nodes()[0].Delete(ctx, "a"))
	fmt.Println(shared.WaitIdle(ctx), memory.Keys())
	// Output:
	// timeout
	// <nil> []
}

// The Close of a cache closes its shared tier, and Faulty hands that on.
func ExampleFaulty_Close() {
	shared := tiertest.NewFaulty(tier.Single(closing{stored("a").Nodes()[0]}))
	fmt.Println(shared.Close())
	// Output:
	// closed
	// <nil>
}

// closing is a Node with connections to close.
type closing struct{ tier.Node }

func (closing) Close() error {
	fmt.Println("closed")
	return nil
}

// A backend author's test. Each call of open connects to one server that runs;
// the suite closes what it returns.
func ExampleTestShared() {
	server := tiertest.NewMemory()
	dial := func() (tier.Node, error) { return &struct{ tier.Node }{server.Nodes()[0]}, nil } // yours

	_ = func(t *testing.T) { // func TestMyTier(t *testing.T)
		tiertest.TestShared(t, func(t *testing.T) tier.Shared {
			node, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			return tier.Single(node)
		})
	}
}

// A tier in memory has no connections: each call of open wraps the one store, and
// is a process of its own.
func ExampleTestShared_inMemory() {
	store := tiertest.NewMemory() // yours

	_ = func(t *testing.T) { // func TestMyTier(t *testing.T)
		tiertest.TestShared(t, func(*testing.T) tier.Shared { return &struct{ tier.Shared }{store} })
	}
}

// The test of a process tier.
func ExampleTestLocal() {
	_ = func(t *testing.T) { // func TestMyLocal(t *testing.T)
		tiertest.TestLocal(t, func(_ *testing.T, capacity int) tier.Local { return lru.New(capacity) })
	}
}
