package codec_test

import (
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
