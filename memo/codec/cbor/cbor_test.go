package cbor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	fx "github.com/fxamacker/cbor/v2"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/codec/cbor"
	"github.com/tiermemo/tiermemo/memotest"
)

// store writes v as T and reads it back.
func store[T any](t *testing.T, v T) (stored []byte, got T) {
	t.Helper()
	c := cbor.New()
	stored, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("Append(%#v): %v", v, err)
	}
	if err := c.Unmarshal(stored, &got); err != nil {
		t.Fatalf("Unmarshal(%x) into %T: %v", stored, got, err)
	}
	return stored, got
}

func comesBack[T any](t *testing.T, values ...T) {
	t.Helper()
	for _, v := range values {
		if stored, got := store(t, v); !reflect.DeepEqual(got, v) {
			t.Errorf("%#v, stored as %x, comes back as %#v", v, stored, got)
		}
	}
}

func TestValuesComeBack(t *testing.T) {
	t.Parallel()
	comesBack(t, "", "plain", "\x00\x01", "not \xff UTF-8", strings.Repeat("x", 200_000))
	comesBack(t, nil, []byte{}, []byte{0xff, 0}, make([]byte, 200_000))
	comesBack(t, 0, -1, 1<<53+1, math.MaxInt64, math.MinInt64)
	comesBack[uint64](t, 0, math.MaxUint64)
	comesBack(t, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(-1))
	comesBack[float32](t, 0.1, math.SmallestNonzeroFloat32)
	comesBack(t, nil, []int{}, []int{0})
	comesBack(t, nil, map[string]int{}, map[string]int{"": 0, "\xff": 1})
	comesBack(t, nil, map[address]*address{{City: "Berlin"}: nil, {}: {}})
	comesBack(t, nil, &address{}, &address{City: "\xff"})
	comesBack(t, address{}, address{Street: "a"})
	comesBack(t, row{}, row{N: 7, S: "x"})
	comesBack(t, numbered{}, numbered{N: 7, S: "x"})
	comesBack(t, time.Time{}, time.Unix(0, 1).UTC())
	comesBack(t, nil, &[]time.Time{time.Unix(0, 1).UTC()}[0])
	comesBack(t, []time.Time{{}, time.Unix(1, 1).UTC(), {}})
	comesBack(t, time.Hour+1)
	comesBack(t, colour("red"))
	comesBack(t, []point{{1, 2}, {}})
	comesBack(t, map[string]pointPointer{"a": {7}})
	comesBack(t, nil, json.RawMessage(`{"a": [1]}`))
	comesBack(t, struct{ N big.Int }{*big.NewInt(math.MinInt64)})
	for _, f := range []float64{math.NaN(), math.Float64frombits(0x7ff8_0000_dead_beef), math.Copysign(0, -1)} {
		if _, got := store(t, f); math.Float64bits(got) != math.Float64bits(f) {
			t.Errorf("%v (%x) comes back as %x", f, math.Float64bits(f), math.Float64bits(got))
		}
	}
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	for _, n := range []*big.Int{huge, new(big.Int).Neg(huge), new(big.Int), new(big.Int).SetUint64(math.MaxUint64)} {
		if _, got := store(t, n); got.Cmp(n) != 0 {
			t.Errorf("%v comes back as %v", n, got)
		}
	}
	type deep struct{ V []map[string][]*address }
	comesBack(t, deep{[]map[string][]*address{nil, {"a": {nil, {City: "b"}}}}})
}

func TestATimeKeepsItsInstantAndItsOffset(t *testing.T) {
	t.Parallel()
	for _, v := range []time.Time{
		time.Date(2025, 3, 1, 12, 0, 0, 123456789, time.FixedZone("CET", 3600)), time.Now(), time.Now().UTC(), {},
		time.Date(0, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.FixedZone("", -23*3600-59*60)),
	} {
		for _, in := range []struct{ At time.Time }{{v}} {
			_, got := store(t, in)
			if !got.At.Equal(v) || got.At.Format(time.RFC3339Nano) != v.Format(time.RFC3339Nano) {
				t.Errorf("%v comes back as %v", v, got.At)
			}
		}
	}
}

func TestStoredForms(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"\x07":                                 7,
		"\xf6":                                 (*address)(nil),
		"\x62hi":                               "hi",
		"\x42\x00\xff":                         []byte{0, 0xff},
		"\xa2\x66Street\x60\x64City\x61a":      address{City: "a"},
		"\x82\x07\x61x":                        row{N: 7, S: "x"},
		"\xa2\x01\x07\x21\x61x":                numbered{N: 7, S: "x"},
		"\x63RED":                              colour("red"),
		"\x42\x01\x02":                         point{1, 2},
		"\xc0\x74" + "1970-01-01T00:00:01Z":    time.Unix(1, 0).UTC(),
		"\x3b\xff\xff\xff\xff\xff\xff\xff\xff": new(big.Int).Sub(new(big.Int).Neg(new(big.Int).SetUint64(math.MaxUint64)), big.NewInt(1)),
	} {
		got, err := cbor.New().Append([]byte("before "), v)
		if err != nil || string(got) != "before "+want {
			t.Errorf("%#v is stored as %q, %v, want %q", v, got, err, want)
		}
	}
}

type chain struct {
	Next *chain
	At   time.Time
}

func chainOf(n int) *chain {
	var c *chain
	for range n {
		c = &chain{Next: c}
	}
	return c
}

func TestWhatWouldNotComeBackIsRefused(t *testing.T) {
	t.Parallel()
	ring := &node{}
	ring.Next = ring
	inMap := tree{}
	inMap["again"] = inMap
	for what, v := range map[string]any{
		"nil":                           nil,
		"a type that is lost":           secret{},
		"a cycle":                       ring,
		"a cycle through a map":         inMap,
		"33 levels":                     chainOf(33),
		"10000 levels":                  chainOf(10_000),
		"131073 elements":               make([]bool, 128<<10+1),
		"a panic":                       panicky{},
		"year 10000":                    time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC),
		"year -1":                       []time.Time{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		"an offset with seconds":        map[string]time.Time{"a": time.Unix(0, 0).In(time.FixedZone("LMT", 3208))},
		"an offset of a day":            struct{ At [1]time.Time }{[1]time.Time{time.Unix(0, 0).In(time.FixedZone("", -24*3600))}},
		"the zero time, in a zone":      chain{At: time.Time{}.In(time.FixedZone("CET", 3600))},
		"the zero time, behind pointer": struct{ At *time.Time }{&time.Time{}},
		"the error of a method":         half{},
		"two keys of one text":          map[folding]int{1: 1, 5001: 2},
		"a key that comes back another": []map[folding]int{{5001: 2}},
		"the same, within a key":        map[struct{ F [1]folding }]bool{{[1]folding{5001}}: true},
		"a key that is another pointer": map[linked]int{{new(int)}: 1},
		"a key of which a method fails": map[half]int{{}: 1},
		"a key of which one panics":     map[panicky]int{{}: 1},
	} {
		got, err := cbor.New().Append([]byte("before"), v)
		if err == nil || string(got) != "before" {
			t.Errorf("%s: %.40q, %v", what, got, err)
		}
	}
	comesBack(t, *chainOf(31))
	comesBack(t, make([]bool, 128<<10))
	comesBack(t, struct{ At *time.Time }{})
	comesBack(t, map[folding]int{1: 1, 4999: 2})
	comesBack(t, map[linked]int{{}: 1})
	comesBack(t, basket{5001: 1})
}

// half is a type whose method says no.
type half struct{}

var errHalf = errors.New("not today")

func (half) MarshalText() ([]byte, error) { return nil, errHalf }
func (*half) UnmarshalText([]byte) error  { return errHalf }

func TestAMethodsErrorCanBeFound(t *testing.T) {
	t.Parallel()
	if _, err := cbor.New().Append(nil, half{}); !errors.Is(err, errHalf) {
		t.Errorf("Append: %v", err)
	}
	if err := cbor.New().Unmarshal([]byte("\x61x"), new(half)); !errors.Is(err, errHalf) {
		t.Errorf("Unmarshal: %v", err)
	}
	var wrong *fx.UnmarshalTypeError
	if err := cbor.New().Unmarshal([]byte("\xa1\x64City\x07"), new(address)); !errors.As(err, &wrong) {
		t.Errorf("Unmarshal of another type: %v", err)
	}
}

func TestDamagedDataIsAnError(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		data string
		into any
	}{
		"nothing":                {"", new(int)},
		"data behind":            {"\x07\x07", new(int)},
		"cut short":              {"\x62h", new(string)},
		"a number out of range":  {"\x19\x01\x2c", new(int8)},
		"a negative one":         {"\x20", new(uint)},
		"beyond int64":           {"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", new(int)},
		"a text for a number":    {"\x61x", new(int)},
		"bytes for a text":       {"\x41x", new(string)},
		"a key twice":            {"\xa2\x61a\x01\x61a\x02", new(map[string]int)},
		"a field twice":          {"\xa2\x64City\x61a\x64City\x61b", new(address)},
		"a field of another":     {"\xa1\x63ZIP\x61a", new(address)},
		"another case":           {"\xa1\x64city\x61a", new(address)},
		"too few elements":       {"\x81\x07", new(row)},
		"no definite length":     {"\x9f\x01\xff", new([]int)},
		"no definite text":       {"\x7f\x61a\xff", new(string)},
		"a time without its tag": {"\x74" + "1970-01-01T00:00:01Z", new(time.Time)},
		"no time":                {"\xc0\x61x", new(time.Time)},
		"33 levels":              {strings.Repeat("\x81", 33) + "\x01", new(tree)},
		"a million levels":       {strings.Repeat("\x81", 1<<20), new(tree)},
		"a lying length":         {"\x9b\x00\x00\x00\x00\xff\xff\xff\xff", new([]int)},
		"a lying text":           {"\x7b\x00\x00\x00\x00\xff\xff\xff\xff", new(string)},
		"a lying map":            {"\xbb\x00\x00\x00\x00\x00\x01\xff\xff", new(map[string]int)},
		"a panic":                {"\x40", new(panicky)},
		"a panic in a slice":     {"\x81\x40", new([]point)},
		"no pointer":             {"\x07", 7},
		"a nil pointer":          {"\x07", (*int)(nil)},
		"nil":                    {"\x07", nil},
	} {
		var err error
		got := allocated(func() { err = cbor.New().Unmarshal([]byte(c.data), c.into) })
		if err == nil || !strings.HasPrefix(err.Error(), "cbor: ") {
			t.Errorf("%s: %v", what, err)
		}
		if got > 64<<20 {
			t.Errorf("%s: %d bytes were allocated", what, got)
		}
	}
}

// allocated returns how many bytes the process allocates while it runs call: at
// least what call does.
func allocated(call func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	call()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

func TestUnmarshalLeavesNothingOfWhatWasThere(t *testing.T) {
	t.Parallel()
	into := map[string]int{"old": 1}
	if err := cbor.New().Unmarshal([]byte("\xa1\x63new\x02"), &into); err != nil || !reflect.DeepEqual(into, map[string]int{"new": 2}) {
		t.Errorf("%v, %v", into, err)
	}
	at := struct{ At time.Time }{time.Now()}
	if err := cbor.New().Unmarshal([]byte("\xa1\x62At\xf6"), &at); err != nil || !at.At.IsZero() {
		t.Errorf("%v, %v", at, err)
	}
	shared := []int{1, 2, 3}
	old := shared
	if err := cbor.New().Unmarshal([]byte("\x81\x07"), &old); err != nil || shared[0] != 1 || len(old) != 1 {
		t.Errorf("%v, %v; what was shared is %v", old, err, shared)
	}
}

func TestUnmarshalKeepsNoReferenceToData(t *testing.T) {
	t.Parallel()
	type doc struct {
		S string
		B []byte
		M map[string][]byte
		R fx.RawMessage
	}
	want := doc{"text", []byte("raw"), map[string][]byte{"key": []byte("elem")}, fx.RawMessage("\x63raw")}
	data, err := cbor.New().Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	var got doc
	if err := cbor.New().Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	copy(data, bytes.Repeat([]byte("#"), len(data)))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after the data was overwritten: %+v", got)
	}
}

func TestItIsACodecOfItsName(t *testing.T) {
	t.Parallel()
	c := cbor.New()
	if c.Name() != "cbor" {
		t.Errorf("its name is %q", c.Name())
	}
	if _, ok := c.(codec.Checker); !ok {
		t.Error("it is no codec.Checker: the rules of JSON would be used")
	}
	type order struct {
		ID    int64
		Total *big.Int
		At    time.Time
		Items []point
		Ratio float64
	}
	v := order{7, big.NewInt(1 << 40), time.Now(), []point{{1, 2}}, math.NaN()}
	memotest.RoundTrip(t, v, c)
	memotest.RoundTrip(t, v, codec.ByType(nil, map[reflect.Type]codec.Codec{reflect.TypeFor[order](): c}))
}
