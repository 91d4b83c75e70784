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
// the first operation.
func ExampleNew() {
	shared, err := memcached.New("10.0.0.2:11211")
	if err != nil {
		log.Fatal(err)
	}
	defer shared.Close()
	fmt.Println(shared.Place("any key").Name())
	// Output: 10.0.0.2:11211
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

	err = shared.Place("k").Add(context.Background(), "k", make([]byte, 5<<20), time.Minute)
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
	fmt.Println(shared.Place("k").Ping(context.Background()))
	// Output:
	// <nil> <nil>
	// memcached: the client is closed, as by the Close of a cache that had it
}
