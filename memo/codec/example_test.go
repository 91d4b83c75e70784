package codec_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/tiermemo/tiermemo/memo/codec"
)

func ExampleJSON() {
	type User struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	data, err := codec.JSON{}.Append(nil, User{ID: 7, Name: "Ada"})
	fmt.Println(string(data), err)

	var u User
	err = codec.JSON{}.Unmarshal(data, &u)
	fmt.Println(u.Name, err)

	_, err = codec.JSON{}.Append(nil, User{Name: "\xff"})
	fmt.Println(err)
	// Output:
	// {"id":7,"name":"Ada"} <nil>
	// Ada <nil>
	// codec: a string is not valid UTF-8, and JSON would change it
}

// A type with its fields unexported, and methods of its own.
type Position struct{ lat, lon float32 }

func (p Position) MarshalBinary() ([]byte, error) {
	return binary.Append(nil, binary.BigEndian, []float32{p.lat, p.lon})
}

func (p *Position) UnmarshalBinary(data []byte) error {
	at := make([]float32, 2)
	if _, err := binary.Decode(data, binary.BigEndian, at); err != nil {
		return err
	}
	p.lat, p.lon = at[0], at[1]
	return nil
}

func ExampleJSON_marshalBinary() {
	data, err := codec.JSON{}.Append(nil, Position{52.5, 13.4})
	fmt.Println(len(data), err)

	var p Position
	err = codec.JSON{}.Unmarshal(data, &p)
	fmt.Println(p, err)

	// JSON does not use the methods of a part.
	fmt.Println(codec.Check(codec.JSON{}, reflect.TypeFor[[]Position]()))
	// Output:
	// 9 <nil>
	// {52.5 13.4} <nil>
	// codec: Position.lat (float32) would not survive: unexported field
}

func ExampleFor() {
	c := codec.ByType(codec.JSON{}, map[reflect.Type]codec.Codec{reflect.TypeFor[Position](): otherName{}})
	fmt.Println(codec.For(c, reflect.TypeFor[Position]()).Name())
	fmt.Println(codec.For(c, reflect.TypeFor[*Position]()).Name())
	fmt.Println(codec.For(codec.JSON{}, reflect.TypeFor[Position]()).Name())
	// Output:
	// other
	// json
	// json
}

func ExampleFingerprint() {
	type User struct{ ID int }
	first := codec.Fingerprint(codec.JSON{}, reflect.TypeFor[User]())
	{
		type User struct{ ID int64 }
		fmt.Println(first == codec.Fingerprint(codec.JSON{}, reflect.TypeFor[User]()))
	}
	// Output: false
}

func ExampleCheck() {
	type Address struct {
		Street string
		//lint:ignore U1000 JSON does not see it
		note string
	}
	type User struct {
		Name    string
		Address *Address
	}
	err := codec.Check(codec.JSON{}, reflect.TypeFor[User]())
	fmt.Println(err)

	var loss *codec.LossError
	if errors.As(err, &loss) {
		fmt.Println(loss.Path)
	}
	// Output:
	// codec: User.Address.note (string) would not survive: unexported field
	// User.Address.note
}
