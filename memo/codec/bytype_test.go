package codec_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/tiermemo/tiermemo/memo/codec"
)

type animal interface{ Legs() int }

type dog struct{ N int }

func (d dog) Legs() int { return d.N }

func TestByTypeChoosesForExactlyThatType(t *testing.T) {
	t.Parallel()
	own := otherName{}
	special := map[reflect.Type]codec.Codec{reflect.TypeFor[address](): own, reflect.TypeFor[animal](): own, reflect.TypeFor[ID](): nil}
	c := codec.ByType(nil, special)
	outer := codec.ByType(c, map[reflect.Type]codec.Codec{reflect.TypeFor[int](): c})
	special[reflect.TypeFor[string]()] = own // the map was copied
	for _, c := range []codec.Codec{c, outer} {
		for typ, want := range map[reflect.Type]codec.Codec{
			reflect.TypeFor[address]():   own,
			reflect.TypeFor[animal]():    own,
			reflect.TypeFor[dog]():       codec.JSON{},
			reflect.TypeFor[*address]():  codec.JSON{},
			reflect.TypeFor[[]address](): codec.JSON{},
			reflect.TypeFor[string]():    codec.JSON{},
			reflect.TypeFor[int]():       codec.JSON{},
			reflect.TypeFor[any]():       codec.JSON{},
			reflect.TypeFor[ID]():        nil,
			nil:                          codec.JSON{},
		} {
			if got := codec.For(c, typ); got != want {
				t.Errorf("%v goes to %#v, want %#v", typ, got, want)
			}
		}
	}
	if got := codec.For(own, reflect.TypeFor[ID]()); got != codec.Codec(own) {
		t.Errorf("a plain codec is replaced by %#v", got)
	}
	if name := codec.ByType(own, nil).Name(); name != "other" {
		t.Errorf("its name is %q, want the fallback's", name)
	}
}

func TestCheckAndFingerprintAskTheCodecOfTheType(t *testing.T) {
	t.Parallel()
	everything := checking{JSON: codec.JSON{}}
	c := codec.ByType(nil, map[reflect.Type]codec.Codec{reflect.TypeFor[secret](): everything, reflect.TypeFor[address](): otherName{}, reflect.TypeFor[ID](): nil})
	var loss *codec.LossError
	if err := codec.Check(c, reflect.TypeFor[secret]()); err != nil {
		t.Errorf("its own codec keeps it: %v", err)
	}
	if err := codec.Check(c, reflect.TypeFor[*secret]()); !errors.As(err, &loss) {
		t.Errorf("JSON does not keep it: %v", err)
	}
	if err := codec.Check(c, reflect.TypeFor[ID]()); !errors.As(err, &loss) || loss.Path != "codec_test.ID" {
		t.Errorf("a nil codec: %v", err)
	}
	if err := codec.Check(nil, nil); !errors.As(err, &loss) || loss.Path != "nil" {
		t.Errorf("no codec and no type: %v", err)
	}
	for typ, own := range map[reflect.Type]codec.Codec{reflect.TypeFor[address](): otherName{}, reflect.TypeFor[dog](): codec.JSON{}} {
		if codec.Fingerprint(c, typ) != codec.Fingerprint(own, typ) {
			t.Errorf("the fingerprint of %v is not that of its own codec", typ)
		}
	}
	if codec.Fingerprint(c, reflect.TypeFor[ID]()) == codec.Fingerprint(codec.JSON{}, reflect.TypeFor[ID]()) {
		t.Error("no codec has the fingerprint of JSON")
	}
}

// marked is JSON behind a mark, to see who wrote something.
type marked struct{ codec.JSON }

func (m marked) Append(dst []byte, v any) ([]byte, error) { return m.JSON.Append(append(dst, '#'), v) }
func (m marked) Unmarshal(data []byte, v any) error {
	if len(data) == 0 || data[0] != '#' {
		return errors.New("marked: no mark")
	}
	return m.JSON.Unmarshal(data[1:], v)
}

func TestByTypeUsedDirectlyGoesByTheValue(t *testing.T) {
	t.Parallel()
	c := codec.ByType(nil, map[reflect.Type]codec.Codec{reflect.TypeFor[dog](): marked{}, reflect.TypeFor[ID](): nil})
	data, err := c.Append([]byte("before "), dog{4})
	if err != nil || string(data) != `before #{"N":4}` {
		t.Errorf("%q, %v", data, err)
	}
	var d dog
	if err := c.Unmarshal([]byte(`#{"N":4}`), &d); err != nil || d.N != 4 {
		t.Errorf("%v, %v", d, err)
	}
	var p *dog
	if data, err := c.Append(nil, p); err != nil || string(data) != "null" {
		t.Errorf("a nil pointer: %q, %v", data, err)
	}
	if data, err := c.Append(nil, nil); err != nil || string(data) != "null" {
		t.Errorf("nil: %q, %v", data, err)
	}
	if data, err := c.Append([]byte("before"), ID(1)); err == nil || string(data) != "before" {
		t.Errorf("of a nil codec: %q, %v", data, err)
	}
	for _, v := range []any{nil, dog{}, (*dog)(nil), new(ID)} {
		if err := c.Unmarshal([]byte("7"), v); err == nil {
			t.Errorf("Unmarshal into a %T is no error", v)
		}
	}
}

// A large value that few read, in a codec of its own.
func ExampleByType() {
	type Report struct{ Rows []float64 }
	c := codec.ByType(codec.JSON{}, map[reflect.Type]codec.Codec{
		reflect.TypeFor[Report](): otherName{},
	})
	fmt.Println(codec.For(c, reflect.TypeFor[Report]()).Name())
	fmt.Println(codec.For(c, reflect.TypeFor[string]()).Name())
	// Output:
	// other
	// json
}
