package codec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
)

type (
	name    string
	blob    []byte
	panicky struct{ N int }
	mixed   struct {
		B     []byte
		L     []int
		M     map[string]int
		P     *address
		When  time.Time
		Quote string `json:",string"`
	}
)

func (panicky) MarshalJSON() ([]byte, error) { panic("boom") }
func (*panicky) UnmarshalJSON([]byte) error  { panic("boom") }

// store writes v as T and reads it back.
func store[T any](t *testing.T, v T) (stored []byte, got T) {
	t.Helper()
	stored, err := codec.JSON{}.Append(nil, v)
	if err != nil {
		t.Fatalf("Append(%#v): %v", v, err)
	}
	if err := (codec.JSON{}).Unmarshal(stored, &got); err != nil {
		t.Fatalf("Unmarshal(%q) into %T: %v", stored, got, err)
	}
	return stored, got
}

func comesBack[T any](t *testing.T, values ...T) {
	t.Helper()
	for _, v := range values {
		if stored, got := store(t, v); !reflect.DeepEqual(got, v) {
			t.Errorf("%#v, stored as %q, comes back as %#v", v, stored, got)
		}
	}
}

func TestValuesComeBack(t *testing.T) {
	t.Parallel()
	comesBack(t, "", "plain", "null", "\x00\x01", "not \xff UTF-8", "\\ufffd \ufffd <&>\u2028", strings.Repeat("x", 100_000))
	comesBack(t, name(""), name("\xff"))
	comesBack(t, nil, []byte{}, []byte("null"), []byte{0}, []byte{1}, []byte{0xff, 0})
	comesBack(t, nil, blob{}, blob{0})
	comesBack[json.Number](t, "", "1e400")
	comesBack(t, 0, 1, math.MaxInt, math.MinInt)
	comesBack[int64](t, math.MaxInt64, math.MinInt64)
	comesBack[uint64](t, math.MaxUint64)
	comesBack(t, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1))
	comesBack(t, true, false)
	comesBack(t, nil, []int{}, []int{0})
	comesBack(t, nil, map[string]int{}, map[string]int{"": 0, "größe": 1})
	comesBack(t, nil, &address{}, &address{City: "\ufffd"})
	comesBack(t, nil, new(string))
	comesBack(t, address{}, address{Street: `\\`, City: "\\\\ufffd"})
	comesBack(t, mixed{}, mixed{
		B: []byte{}, L: []int{}, M: map[string]int{}, P: &address{},
		When: time.Date(2025, 3, 1, 12, 0, 0, 1, time.UTC), Quote: "\"null\" \u2028 \\\\ufffd \ufffd",
	})
	comesBack(t, time.Time{}, time.Unix(0, 1).UTC())
	comesBack(t, nil, []blob{nil, {}, {1}})
	comesBack(t, colour("red"))
	comesBack(t, byPointer{n: 7})
	comesBack(t, []byPointer{{n: 7}})
	comesBack(t, [1]struct{ B byPointer }{{byPointer{n: 7}}})
	comesBack(t, json.RawMessage(`{"a":[1,"<>"]}`))
}

func TestAnInstantIsKept(t *testing.T) {
	t.Parallel()
	v := time.Now().In(time.FixedZone("nowhere", 3600))
	if _, got := store(t, v); !got.Equal(v) || got.Format(time.RFC3339) != v.Format(time.RFC3339) {
		t.Errorf("%v comes back as %v", v, got)
	}
}

// The stored forms are part of the format: other releases read them.
func TestStoredForms(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"\x00":                    []byte(nil),
		"\x01":                    []byte{},
		"\x01\xff":                []byte{0xff},
		"\x01<a>":                 "<a>",
		"\x01b":                   blob("b"),
		`7`:                       7,
		`null`:                    (*address)(nil),
		`"RED"`:                   colour("red"),
		`{"a":"<&>\u2028"}`:       map[string]string{"a": "<&>\u2028"},
		`{"Street":"","City":""}`: address{},
	} {
		got, err := codec.JSON{}.Append([]byte("before "), v)
		if err != nil || string(got) != "before "+want {
			t.Errorf("%#v is stored as %q, %v, want %q", v, got, err, want)
		}
	}
}

func TestWhatJSONWouldAlterIsRefused(t *testing.T) {
	t.Parallel()
	ring := &node{}
	ring.Next = ring
	for what, v := range map[string]any{
		"invalid UTF-8":             address{City: "a\xffb"},
		"after a backslash":         address{City: "\\\xff"},
		"after two backslashes":     address{City: "\\\\\xff"},
		"after a good U+FFFD":       []string{"\ufffd", "\xff"},
		"after ufffd spelled out":   []string{`\\ufffd`, "\xff"},
		"in a key":                  map[string]int{"\xff": 1},
		"under the option string":   mixed{Quote: "\xff"},
		"the same with a backslash": mixed{Quote: "\\\xff"},
		"the same with two":         mixed{Quote: "\\\\\xff"},
		"half a surrogate":          []string{"\xed\xa0\x80"},
		"cut short":                 []string{"gr\xc3"},
		"from MarshalText":          []textPointer{0xff},
		"NaN":                       math.NaN(),
		"a cycle":                   ring,
		"a func":                    func() {},
		"a panic":                   panicky{},
		"a year out of range":       time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		dst := []byte("before")
		got, err := codec.JSON{}.Append(dst, v)
		if err == nil || string(got) != "before" || !strings.HasPrefix(err.Error(), "codec: ") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

func TestDamagedDataIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		data string
		into any
	}{
		{"", new(address)}, {"{", new(address)}, {"{}{}", new(address)}, {"{} x", new(address)}, {"7", new(address)}, {"\x01{}", new(address)},
		{"", new(string)}, {"plain", new(string)}, {"\x00", new(string)}, {`"json"`, new(string)},
		{"", new([]byte)}, {"\x00\x00", new([]byte)}, {"\x02", new([]byte)}, {"null", new([]byte)},
		{"300", new(int8)}, {`"x"`, new(int)}, {"1.5", new(int)}, {strings.Repeat("[", 20_000), new(tree)},
		{"{}", new(panicky)}, {`"1"`, new(amount)},
		{"{}", nil}, {"{}", address{}}, {"{}", (*address)(nil)}, {"\x01", (*string)(nil)}, {"{}", map[string]int{}},
	} {
		if err := (codec.JSON{}).Unmarshal([]byte(c.data), c.into); err == nil || !strings.HasPrefix(err.Error(), "codec: ") {
			t.Errorf("%.20q into %T: %v", c.data, c.into, err)
		}
	}
}

func TestUnmarshalLeavesNothingOfWhatWasThere(t *testing.T) {
	t.Parallel()
	into := map[string]int{"old": 1}
	if err := (codec.JSON{}).Unmarshal([]byte(`{"new":2}`), &into); err != nil || !reflect.DeepEqual(into, map[string]int{"new": 2}) {
		t.Errorf("%v, %v", into, err)
	}
	shared := []byte("shared")
	old := shared
	if err := (codec.JSON{}).Unmarshal([]byte("\x00"), &old); err != nil || old != nil {
		t.Errorf("%q, %v", old, err)
	}
	old = shared
	if err := (codec.JSON{}).Unmarshal([]byte("\x01other!"), &old); err != nil || string(shared) != "shared" {
		t.Errorf("the bytes of another value are now %q, %v", shared, err)
	}
}

func TestUnmarshalKeepsNoReferenceToData(t *testing.T) {
	t.Parallel()
	var (
		text string
		raw  []byte
		doc  struct {
			S string
			B []byte
			R json.RawMessage
		}
	)
	for data, into := range map[string]any{"\x01text": &text, "\x01raw": &raw, `{"S":"s","B":"AAEC","R":[1]}`: &doc} {
		b := []byte(data)
		if err := (codec.JSON{}).Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
		copy(b, bytes.Repeat([]byte("#"), len(b)))
	}
	if text != "text" || string(raw) != "raw" || doc.S != "s" || !bytes.Equal(doc.B, []byte{0, 1, 2}) || string(doc.R) != "[1]" {
		t.Errorf("after the data was overwritten: %q %q %+v", text, raw, doc)
	}
}

func TestAMethodsErrorCanBeFound(t *testing.T) {
	t.Parallel()
	var bad *json.UnmarshalTypeError
	if err := (codec.JSON{}).Unmarshal([]byte(`{"City":7}`), new(address)); !errors.As(err, &bad) || bad.Field != "City" {
		t.Errorf("%v", err)
	}
}
