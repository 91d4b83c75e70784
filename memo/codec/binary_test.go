package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// Types that write themselves in bytes.
type (
	point         struct{ x, y int32 }
	pointPointer  struct{ x int32 }
	sealed        string
	sealedBytes   []byte
	panickyBinary struct{}
	//lint:ignore U1000 what JSON does not see is what this type is for
	halfBinary struct{ n int }
	placed     struct {
		point
		Name string
	}
	Location struct{ X int } // of which JSON could do without the methods
	Located  struct {
		Location
		Name string
	}
	onlyPoint         struct{ point }
	pointAt           struct{ *point }
	binaryAndHalfText struct{ point }
)

func (p point) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(p.x)), uint32(p.y)), nil
}

func (p *point) UnmarshalBinary(b []byte) error {
	if len(b) != 8 {
		return errors.New("a point has 8 bytes")
	}
	p.x, p.y = int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[4:]))
	return nil
}

func (p *pointPointer) MarshalBinary() ([]byte, error)    { return []byte{byte(p.x)}, nil }
func (p *pointPointer) UnmarshalBinary(b []byte) error    { p.x = int32(b[0]); return nil }
func (s sealed) MarshalBinary() ([]byte, error)           { return swap([]byte(s)), nil }
func (s *sealed) UnmarshalBinary(b []byte) error          { *s = sealed(swap(b)); return nil }
func (panickyBinary) MarshalBinary() ([]byte, error)      { panic("boom") }
func (*panickyBinary) UnmarshalBinary([]byte) error       { panic("boom") }
func (halfBinary) MarshalBinary() ([]byte, error)         { return []byte("x"), nil }
func (Location) MarshalBinary() ([]byte, error)           { return []byte("somewhere"), nil }
func (*Location) UnmarshalBinary([]byte) error            { return nil }
func (binaryAndHalfText) MarshalText() ([]byte, error)    { return []byte("x"), nil }
func (a *binaryAndHalfText) UnmarshalBinary([]byte) error { return nil }

func (s sealedBytes) MarshalBinary() ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return append([]byte{'+'}, swap(s)...), nil
}

func (s *sealedBytes) UnmarshalBinary(b []byte) error {
	if len(b) > 0 {
		*s = swap(b[1:])
	}
	return nil
}

// swap turns each byte over.
func swap(b []byte) []byte {
	out := []byte{}
	for _, c := range b {
		out = append(out, ^c)
	}
	return out
}

func TestATypesOwnBytesComeBack(t *testing.T) {
	t.Parallel()
	comesBack(t, point{}, point{x: -1, y: 7})
	comesBack(t, nil, &point{}, &point{x: 1 << 30})
	comesBack(t, pointPointer{}, pointPointer{x: 7})
	comesBack(t, nil, &pointPointer{x: 7})
	comesBack(t, onlyPoint{point{x: 7}})
	comesBack(t, sealed(""), sealed("\x00secret\xff"))
	comesBack(t, nil, sealedBytes{}, sealedBytes("secret"))
	comesBack(t, Located{Location{X: 7}, "Ada"})
	link, err := url.Parse("https://ada:pass@example.org/a%2Fb?q=1#f")
	if err != nil {
		t.Fatal(err)
	}
	comesBack(t, url.URL{}, *link)
	comesBack(t, nil, link)
}

func TestStoredFormsOfOwnBytes(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"\x02\x00\x00\x00\x01\x00\x00\x00\x02": point{1, 2},
		"\x02\x07":                             &pointPointer{7},
		"\x00":                                 (*point)(nil),
		"\x02" + "\x9e":                        sealed("a"),
		`{"X":1,"Name":"Ada"}`:                 Located{Location{1}, "Ada"},
		`{"X":1}`:                              struct{ *Location }{&Location{1}},
		`{}`:                                   halfBinary{},
	} {
		got, err := codec.JSON{}.Append([]byte("before "), v)
		if err != nil || string(got) != "before "+want {
			t.Errorf("%#v is stored as %q, %v, want %q", v, got, err, want)
		}
	}
}

func TestOwnBytesThatAreRefused(t *testing.T) {
	t.Parallel()
	if got, err := (codec.JSON{}).Append([]byte("before"), panickyBinary{}); err == nil || string(got) != "before" || !strings.Contains(err.Error(), "panic while encoding") {
		t.Errorf("a panic in MarshalBinary: %q, %v", got, err)
	}
	for _, c := range []struct {
		data string
		into any
	}{
		{"", new(point)}, {"\x02", new(point)}, {"\x021234567", new(point)}, {"\x0112345678", new(point)}, {"null", new(point)}, {`{"x":1}`, new(point)},
		{"\x00", new(point)}, {"\x00\x00", new(*point)}, {"\x02short", new(*point)}, {"", new(*point)},
		{"\x02", new(panickyBinary)}, {"\x02", new(pointPointer)}, {"\x01raw", new(sealed)}, {"\x02x", new(string)}, {"\x02x", new(address)},
	} {
		if err := (codec.JSON{}).Unmarshal([]byte(c.data), c.into); err == nil || !strings.HasPrefix(err.Error(), "codec: ") {
			t.Errorf("%q into %T: %v", c.data, c.into, err)
		}
	}
}

func TestUnmarshalOfOwnBytesLeavesNothingOfWhatWasThere(t *testing.T) {
	t.Parallel()
	old := &point{x: 1}
	into := old
	if err := (codec.JSON{}).Unmarshal([]byte("\x0212345678"), &into); err != nil || into == old || *old != (point{x: 1}) {
		t.Errorf("%v; what was shared is now %v, %v", into, old, err)
	}
	if err := (codec.JSON{}).Unmarshal([]byte("\x00"), &into); err != nil || into != nil {
		t.Errorf("%v, %v", into, err)
	}
}

// A method that keeps what it is given, and appends to it, does not reach what
// lies behind it.
type grabbing struct{ b []byte }

func (g grabbing) MarshalBinary() ([]byte, error) { return g.b, nil }
func (g *grabbing) UnmarshalBinary(b []byte) error {
	g.b = append(b, '!')
	return nil
}

func TestAMethodCannotWriteBehindItsBytes(t *testing.T) {
	t.Parallel()
	item := []byte("\x02value, and the next one")
	var g grabbing
	if err := (codec.JSON{}).Unmarshal(item[:6], &g); err != nil || string(g.b) != "value!" || !bytes.HasPrefix(item, []byte("\x02value, and")) {
		t.Errorf("%q, %v; the item is now %q", g.b, err, item)
	}
}

func TestFingerprintsKnowMarshalBinary(t *testing.T) {
	t.Parallel()
	without := func() reflect.Type {
		//lint:ignore U1000 only the shape of this type is looked at
		type point struct{ x, y int32 }
		return reflect.TypeFor[point]()
	}
	if codec.Fingerprint(codec.JSON{}, without()) == codec.Fingerprint(codec.JSON{}, reflect.TypeFor[point]()) {
		t.Error("a type that loses its MarshalBinary keeps its fingerprint: its old entries would be errors")
	}
}
