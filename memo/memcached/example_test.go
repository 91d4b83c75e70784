package memcached_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A Client is handed to the cache as its shared tier. It does not dial before
// the first operation. The order of the servers is of no importance, their names are.
func ExampleNew() {
	shared, err := memcached.New("mc-0.internal:11211", "mc-1.internal:11211")
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()
	for _, node := range shared.Nodes() {
		fmt.Println(node.Name())
	}
	// Output:
	// mc-0.internal:11211
	// mc-1.internal:11211
}

// The servers are whatever addresses a name has, asked for again every ten seconds.
// Here the name is an address already.
func ExampleLookup() {
	cfg := memcached.Config{
		Resolve:      memcached.Lookup("10.0.0.2", "11211"), // "memcached.default.svc.cluster.local"
		ResolveEvery: 10 * time.Second,
	}
	fmt.Println(cfg.Resolve(context.Background()))
	// Output: [10.0.0.2:11211] <nil>
}

// A name server that does not answer is no reason not to start.
func ExampleClient_ResolveError() {
	shared, err := memcached.NewFromConfig(memcached.Config{
		Resolve: func(ctx context.Context) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()
	fmt.Println(len(shared.Nodes()), shared.ResolveError())
	// Output: 0 memcached: Config.Resolve has not answered yet
}

// A server behind TLS whose items may be larger than memcached's default: it was
// started with -I 4m.
func ExampleNewFromConfig() {
	shared, err := memcached.NewFromConfig(memcached.Config{
		Servers:     []string{"cache.internal:11212"},
		Timeout:     200 * time.Millisecond,
		MaxItemSize: 4<<20 - 512,
		DialContext: (&tls.Dialer{}).DialContext,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()

	err = shared.Nodes()[0].Add(context.Background(), "k", make([]byte, 5<<20), time.Minute)
	fmt.Println(errors.Is(err, tier.ErrRefused))
	for _, node := range shared.Nodes() {
		fmt.Println(node.Name())
	}
	// Output:
	// true
	// cache.internal:11212
}

// The Close of a cache does this. A program that uses a Client without one has to.
func ExampleClient_Close() {
	shared, err := memcached.New("10.0.0.2:11211")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(shared.Close(), shared.Close())
	fmt.Println(shared.Nodes()[0].Ping(context.Background()))
	// Output:
	// <nil> <nil>
	// memcached: the client is closed, as by the Close of a cache that had it
}
