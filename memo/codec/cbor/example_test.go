package cbor_test

import (
	"context"
	"fmt"
	"math"
	"reflect"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/codec/cbor"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The whole cache in CBOR: another process reads a NaN, which JSON cannot say.
func ExampleNew() {
	servers := tiertest.NewMemory()
	for range 2 { // two processes
		cache, err := memo.New(memo.Config{Prefix: "shop", Shared: servers, Codec: cbor.New()})
		if err != nil {
			fmt.Println(err)
			return
		}
		v, err := memo.Do(cache.With(context.Background()), "ratio", func(context.Context) (float64, error) {
			fmt.Println("loading")
			return math.NaN(), nil
		})
		fmt.Println(v, err)
		if err := cache.Close(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// loading
	// NaN <nil>
	// NaN <nil>
}

// One type in CBOR, and all others in JSON.
func ExampleNew_oneType() {
	type Report struct{ Rows []float64 }
	c := codec.ByType(codec.JSON{}, map[reflect.Type]codec.Codec{
		reflect.TypeFor[Report](): cbor.New(),
	})
	data, err := codec.For(c, reflect.TypeFor[Report]()).Append(nil, Report{Rows: []float64{math.Inf(1)}})
	fmt.Printf("%x %v\n", data, err)
	// Output: a164526f777381fb7ff0000000000000 <nil>
}
