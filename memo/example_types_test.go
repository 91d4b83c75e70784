package memo_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a type loses is found by the first test that loads one, without a server.
func ExampleConfig_strictTypes() {
	type User struct {
		Name     string
		Sessions any
	}
	cache, err := memo.New(memo.Config{StrictTypes: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := cache.With(context.Background())
	_, err = memo.Do(ctx, memo.Key("user", 7), func(context.Context) (User, error) {
		return User{Name: "Ada"}, nil
	})
	var loss *codec.LossError
	if errors.As(err, &loss) {
		fmt.Println(loss.Path + ": " + loss.Reason)
	}
	fmt.Println(cache.Close(context.Background()))
	// Output:
	// User.Sessions: an interface: the type of what is in it is not kept
	// <nil>
}

// floats stores a []float64 in eight bytes each, NaN and infinities too, which
// JSON refuses.
type floats struct{}

func (floats) Name() string { return "floats" }

func (floats) Append(dst []byte, v any) ([]byte, error) {
	list, ok := v.([]float64)
	if !ok {
		return dst, fmt.Errorf("floats: a %T", v)
	}
	out, err := binary.Append(dst, binary.LittleEndian, list)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (floats) Unmarshal(data []byte, v any) error {
	list, ok := v.(*[]float64)
	if !ok || len(data)%8 != 0 {
		return fmt.Errorf("floats: %d bytes for a %T", len(data), v)
	}
	*list = make([]float64, len(data)/8)
	_, err := binary.Decode(data, binary.LittleEndian, *list)
	return err
}

// Check implements codec.Checker: nil comes back empty, so the loader never
// returns one.
func (floats) Check(t reflect.Type) error {
	if t != reflect.TypeFor[[]float64]() {
		return &codec.LossError{Type: t, Path: t.String(), Reason: "no []float64"}
	}
	return nil
}

// One call in a form of its own. A second process reads it by the same option.
func ExampleCodec() {
	servers := tiertest.NewMemory()
	for range 2 { // two processes
		cache, err := memo.New(memo.Config{Prefix: "shop", Shared: servers})
		if err != nil {
			fmt.Println(err)
			return
		}
		ctx := cache.With(context.Background())
		series, err := memo.Do(ctx, "prices", func(context.Context) ([]float64, error) {
			fmt.Println("loading")
			return []float64{1.5, math.NaN()}, nil
		}, memo.Codec(floats{}))
		fmt.Println(series, err)
		if err := cache.Close(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// loading
	// [1.5 NaN] <nil>
	// [1.5 NaN] <nil>
}

// A codec for a type, whoever asks for it: Get needs no option.
func ExampleConfig_codec() {
	cache, err := memo.New(memo.Config{
		Codec: codec.ByType(codec.JSON{}, map[reflect.Type]codec.Codec{
			reflect.TypeFor[[]float64](): floats{},
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := cache.With(context.Background())
	fmt.Println(memo.Set(ctx, "prices", []float64{1.5}))
	fmt.Println(memo.Get[[]float64](ctx, "prices"))
	fmt.Println(cache.Close(context.Background()))
	// Output:
	// <nil>
	// [1.5] <nil>
	// <nil>
}
