package codec_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
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

// answers is a Selector that is no ByType.
type answers struct {
	codec.JSON
	with *codec.Codec
}

func (answers) Name() string                     { return "answers" }
func (a answers) For(t reflect.Type) codec.Codec { return *a.with }

// A Selector's answer that is a Selector is asked by all who ask: what Check says
// and what the fingerprint says is of the codec that writes.
func TestAnAnswerThatIsASelectorIsAskedInTurn(t *testing.T) {
	t.Parallel()
	typ := reflect.TypeFor[dog]()
	var c codec.Codec = checking{err: errors.New("the last one's")}
	last := c
	for range 16 {
		inner := c
		c = answers{with: &inner}
	}
	if got := codec.For(c, typ); got != last {
		t.Errorf("For gives %#v", got)
	}
	if err := codec.Check(c, typ); err == nil || err.Error() != "the last one's" {
		t.Errorf("Check: %v", err)
	}
	if codec.Fingerprint(c, typ) != codec.Fingerprint(last, typ) {
		t.Error("the fingerprint is another's")
	}
	var ring codec.Codec
	ring = answers{with: &ring}
	var loss *codec.LossError
	if got := codec.For(ring, typ); got != nil {
		t.Errorf("a Selector that answers itself: %#v", got)
	}
	if err := codec.Check(ring, typ); !errors.As(err, &loss) || loss.Type != typ {
		t.Errorf("a Selector that answers itself: %v", err)
	}
}

type (
	pointed struct{ name string }
	mapped  map[string]string
	calling func() string
)

func (p *pointed) Name() string { return p.name }
func (p *pointed) For(reflect.Type) codec.Codec {
	return codec.ByType(nil, nil).(codec.Selector).For(nil)
}
func (p *pointed) Append(dst []byte, _ any) ([]byte, error) { return append(dst, p.name...), nil }
func (p *pointed) Unmarshal([]byte, any) error              { return errors.New(p.name) }
func (m mapped) Name() string                               { return m["name"] }
func (m mapped) Append(dst []byte, _ any) ([]byte, error)   { return dst, nil }
func (m mapped) Unmarshal([]byte, any) error                { return nil }
func (f calling) Name() string                              { return f() }
func (f calling) Append(dst []byte, _ any) ([]byte, error)  { return dst, nil }
func (f calling) Unmarshal([]byte, any) error               { return nil }

func TestANilWithMethodsIsNoCodec(t *testing.T) {
	t.Parallel()
	typ := reflect.TypeFor[dog]()
	for _, bad := range []codec.Codec{(*codec.JSON)(nil), (*pointed)(nil), mapped(nil), calling(nil)} {
		fallback, special := codec.ByType(bad, nil), codec.ByType(nil, map[reflect.Type]codec.Codec{typ: bad})
		if name := fallback.Name(); len(name) <= 16 || !strings.Contains(name, fmt.Sprintf("a nil %T", bad)) {
			t.Errorf("%T as a fallback: the name is %q, which memo.New would take, or not explain", bad, name)
		}
		for how, c := range map[string]codec.Codec{"alone": bad, "as a fallback": fallback, "for a type": special} {
			var loss *codec.LossError
			if err := codec.Check(c, typ); !errors.As(err, &loss) || !strings.Contains(loss.Reason, "is nil") {
				t.Errorf("%T %s: %v", bad, how, err)
			}
			if codec.Fingerprint(c, typ) != codec.Fingerprint(nil, typ) {
				t.Errorf("%T %s: not the fingerprint of no codec", bad, how)
			}
		}
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

// Neither by fallback nor by the type of the value, which for an interface is
// another one on the way back.
func TestByTypeStoresNothingItself(t *testing.T) {
	t.Parallel()
	c := codec.ByType(nil, map[reflect.Type]codec.Codec{reflect.TypeFor[dog](): otherName{}})
	for _, v := range []any{dog{4}, "text", nil} {
		if data, err := c.Append([]byte("before"), v); err == nil || string(data) != "before" || err.Error() != "codec: ByType stores nothing itself: ask codec.For for the codec of the type" {
			t.Errorf("Append of a %T: %q, %v", v, data, err)
		}
	}
	for _, v := range []any{new(dog), new(animal), nil} {
		if err := c.Unmarshal([]byte("null"), v); err == nil {
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
