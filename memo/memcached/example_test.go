package memcached_test

import (
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo/memcached"
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
